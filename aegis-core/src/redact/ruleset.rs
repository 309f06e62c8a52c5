//! All rules, compiled, and which of them a text can hold at all.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use regex::Regex;

use super::providers::PROVIDERS;
use super::rules::{CARD, EMAIL, IP, Rule, STANDARD};

pub(super) struct Compiled {
    pub(super) rule: Rule,
    pub(super) regex: Regex,
}

/// Rules in the order of their rank, and an automaton that finds the keywords of all of them in one go
/// over a text.
pub(super) struct RuleSet {
    rules: Vec<Compiled>,
    words: AhoCorasick,
    /// Which rules a keyword stands for, by its number in the automaton.
    of_word: Vec<Vec<usize>>,
}

pub(super) static RULES: LazyLock<RuleSet> = LazyLock::new(|| {
    let optional = [EMAIL, IP, CARD];
    RuleSet::new(PROVIDERS.iter().chain(STANDARD).chain(&optional).copied())
});

impl RuleSet {
    // Tests compile each of them, so this can't fail in the field.
    #[allow(clippy::expect_used)]
    fn new(rules: impl Iterator<Item = Rule>) -> Self {
        let compile = |rule: Rule| {
            let regex = Regex::new(rule.pattern).expect("a pattern of the program compiles");
            Compiled { rule, regex }
        };
        let rules: Vec<Compiled> = rules.map(compile).collect();
        let mut words: Vec<&str> = Vec::new();
        let mut of_word: Vec<Vec<usize>> = Vec::new();
        for (rank, compiled) in rules.iter().enumerate() {
            for word in compiled.rule.keywords {
                match words.iter().position(|known| known == word) {
                    Some(at) => of_word[at].push(rank),
                    None => {
                        words.push(word);
                        of_word.push(vec![rank]);
                    }
                }
            }
        }
        let words = AhoCorasick::builder().ascii_case_insensitive(true).build(&words);
        Self { rules, words: words.expect("the keywords are few and short"), of_word }
    }

    /// The rules that `text` has a keyword of, with their ranks.
    pub(super) fn for_text<'a>(
        &'a self,
        text: &str,
    ) -> impl Iterator<Item = (usize, &'a Compiled)> {
        let mut there: Vec<bool> = self.rules.iter().map(|c| c.rule.keywords.is_empty()).collect();
        for found in self.words.find_overlapping_iter(text) {
            for rank in &self.of_word[found.pattern().as_usize()] {
                there[*rank] = true;
            }
        }
        self.rules.iter().enumerate().filter(move |(rank, _)| there[*rank])
    }
}
