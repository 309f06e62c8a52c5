//! What a docstring or a comment promises for the case that failed.
//!
//! Looks for a value ("0.0", "an empty list", "the default rate", `UNKNOWN`) in the same clause as
//! a condition ("when there are none", "for countries that are not listed", "guests are called").

use super::constants::{Constant, stem, words};
use super::phrases::{CONSEQUENCE, FALLBACK, LACK, MARKER, PART, VALUE, phrase_of, read_value};
use super::value::Kind;

/// A value that the text names for a condition.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Promise {
    /// The value as Python; for a raise, the exception.
    pub(super) text: String,
    /// The clause that was read.
    pub(super) clause: String,
    /// How clearly it says so, up to 1.0.
    pub(super) score: f64,
    /// Whether it speaks of a part of the result ("guests are called 'guest'").
    pub(super) part: bool,
    /// Whether the value is a constant that a phrase was resolved to.
    pub(super) resolved: bool,
    /// Whether the exception is promised to be raised.
    pub(super) raises: bool,
}

/// What the reader may resolve words to.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    /// Constants beside.
    pub(super) constants: &'a [Constant<'a>],
    /// Parameters of the function.
    pub(super) parameters: &'a [&'a str],
    /// Names that the condition may mention: the tested name, the table, the key.
    pub(super) about: &'a [String],
    /// Type of a value that fits the place, for phrases.
    pub(super) wanted: Kind,
}

/// The promises of a text, clearest first.
pub(super) fn promises(text: &str, reading: &Reading<'_>) -> Vec<Promise> {
    let mut found: Vec<Promise> = Vec::new();
    for sentence in sentences(text) {
        read_sentence(&sentence, reading, &mut found);
    }
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    found
}

/// Sentences and the parts that a semicolon or a line of a list separates.
fn sentences(text: &str) -> Vec<String> {
    let mut all = Vec::new();
    for paragraph in text.split("\n\n") {
        let mut current = String::new();
        for line in paragraph.lines().map(str::trim) {
            let starts_item = line.starts_with(['-', '*', '+', ':']) || line.ends_with(':');
            if starts_item && !current.is_empty() {
                all.push(std::mem::take(&mut current));
            }
            if !current.is_empty() {
                current.push(' ');
            }
            current.push_str(line.trim_start_matches([':', '-', '*', '+']));
        }
        all.push(current);
    }
    all.iter().flat_map(|paragraph| split_sentences(paragraph)).collect()
}

fn split_sentences(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut quoted: Option<char> = None;
    let chars: Vec<char> = text.chars().collect();
    for (at, &c) in chars.iter().enumerate() {
        let next = chars.get(at + 1).copied();
        match (quoted, c) {
            (Some(open), _) if c == open => quoted = None,
            (None, '"' | '`') => quoted = Some(c),
            _ => {}
        }
        let ends = quoted.is_none()
            && (c == ';' || (matches!(c, '.' | '!') && next.is_none_or(char::is_whitespace)));
        if ends {
            parts.push(String::new());
        } else if let Some(last) = parts.last_mut() {
            last.push(c);
        }
    }
    parts.iter().map(|p| p.trim().to_owned()).filter(|p| !p.is_empty()).collect()
}

fn read_sentence(sentence: &str, reading: &Reading<'_>, found: &mut Vec<Promise>) {
    let values: Vec<_> = VALUE.captures_iter(sentence).collect();
    let ranges: Vec<(usize, usize)> = values
        .iter()
        .filter_map(|c| c.get(0))
        .map(|m| (m.start(), m.start() + phrase_of(m.as_str()).len()))
        .collect();
    // Values up to here belong to the condition of one that was read.
    let (mut from, mut consumed) = (0, 0);
    for (captures, &(start, end)) in values.iter().zip(&ranges) {
        if start < consumed {
            continue;
        }
        let Some(value) = read_value(captures, reading, sentence) else { continue };
        let Some(weight) = weigh(&sentence[from..start], &sentence[end..], reading) else {
            continue;
        };
        (from, consumed) = (end, end + weight.condition);
        let Weight { score, part, .. } = weight;
        let quality = if value.resolved { 0.95 } else { 1.0 };
        let promise = Promise {
            text: value.text,
            clause: sentence.trim_end_matches('.').to_owned(),
            score: score * quality,
            part,
            resolved: value.resolved,
            raises: value.raises,
        };
        if !found.iter().any(|p| p.text == promise.text && p.score >= promise.score) {
            found.push(promise);
        }
    }
    read_constants(sentence, reading, found);
}

/// A constant whose whole name is spelt out in the sentence: "the rest of the world".
fn read_constants(sentence: &str, reading: &Reading<'_>, found: &mut Vec<Promise>) {
    let content = |text: &str| -> Vec<String> {
        words(text)
            .into_iter()
            .filter(|w| !matches!(w.as_str(), "the" | "a" | "an" | "of"))
            .collect()
    };
    let said = content(sentence);
    for constant in reading.constants {
        let name = content(constant.name);
        let named = name.len() > 1 && said.windows(name.len()).any(|w| w == name.as_slice());
        if named
            && constant.kind.fits(reading.wanted)
            && constant.kind != Kind::Dict
            && LACK.is_match(sentence)
            && !found.iter().any(|p| p.text == constant.name)
        {
            found.push(Promise {
                text: constant.name.to_owned(),
                clause: sentence.to_owned(),
                score: 0.8,
                part: false,
                resolved: true,
                raises: false,
            });
        }
    }
}

/// How well the words around a value say that it is meant for the case at hand.
struct Weight {
    score: f64,
    /// Whether the value is a part of the result.
    part: bool,
    /// Bytes behind the value that its condition takes.
    condition: usize,
}

fn weigh(before: &str, after: &str, reading: &Reading<'_>) -> Option<Weight> {
    let part = PART.is_match(before);
    let credit = |condition: &str| {
        let lack = if LACK.is_match(condition) { 0.25 } else { 0.0 };
        let about = if mentions(condition, reading.about) { 0.25 } else { 0.0 };
        lack + about
    };
    let weak = |marker: &str| matches!(marker.to_lowercase().as_str(), "for" | "of" | "while");
    // "0.0 when there are none"
    if let Some(marker) = MARKER.find(after).filter(|m| near(&after[..m.start()])) {
        let rest = &after[marker.start()..];
        let condition = rest.split(", ").next().unwrap_or(rest);
        let gained = credit(condition);
        if gained > 0.0 && (!weak(marker.as_str()) || LACK.is_match(condition)) {
            let condition = marker.start() + condition.len();
            return Some(Weight { score: 0.5 + gained, part, condition });
        }
        return None;
    }
    let weight = |score| Some(Weight { score, part, condition: 0 });
    // "if there are none, 0.0"
    if let Some(marker) = MARKER.find(before) {
        let condition = &before[marker.start()..];
        let gained = credit(condition);
        let ends = condition.contains(',') || CONSEQUENCE.is_match(condition);
        if ends && gained > 0.0 && (!weak(marker.as_str()) || LACK.is_match(condition)) {
            return weight(0.45 + gained);
        }
    }
    // "or an empty list", "defaults to 0"
    if FALLBACK.is_match(before) || after.trim_start().starts_with("by default") {
        return weight(0.7 + 0.5 * credit(before));
    }
    // "an empty cart costs 0", "guests are called 'guest'"
    if LACK.is_match(before) && !before.trim().is_empty() {
        return weight(if part { 0.85 } else { 0.55 + 0.6 * credit(before) });
    }
    None
}

/// At most a few words lie between.
fn near(text: &str) -> bool {
    text.split_whitespace().count() <= 3 && !text.contains(',')
        || text.trim_matches([',', ' ', ')']).is_empty()
}

/// Whether a condition speaks of one of the names.
fn mentions(condition: &str, about: &[String]) -> bool {
    let said: Vec<String> = words(condition);
    let plain: Vec<&str> = condition.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    about.iter().any(|name| {
        // A short name counts where it is written out, and not where it may be an article.
        if name.len() <= 2 && name != "a" {
            return plain.contains(&name.as_str());
        }
        words(name).iter().filter(|w| w.len() > 2).any(|part| said.contains(&stem(part)))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::source::Module;
    use super::*;

    fn first(text: &str, about: &[&str]) -> Option<(String, bool)> {
        let module = Module::parse(
            "m.py",
            "RATES = {'DE': 4.9}\nSTANDARD_RATE = 9.9\nUNKNOWN_LABEL = 'n/a'\nREST_OF_WORLD = 12.5\n",
        )
        .unwrap();
        let constants = module.constants();
        let about: Vec<String> = about.iter().map(|s| (*s).to_owned()).collect();
        let reading = Reading {
            constants: &constants,
            parameters: &["country", "default"],
            about: &about,
            wanted: Kind::Unknown,
        };
        promises(text, &reading).into_iter().next().map(|p| (p.text, p.part))
    }

    #[test]
    fn a_value_is_read_with_its_condition() {
        for (text, about, value) in [
            ("Mean of the ratings, 0.0 when there are none.", "ratings", "0.0"),
            ("Saved percent; 0.0 when there is no list price.", "list_price", "0.0"),
            (
                "Shipping; the default rate for countries that are not listed.",
                "country",
                "STANDARD_RATE",
            ),
            ("Returns None if the user is unknown.", "user", "None"),
            ("The tags of a post, or an empty list.", "tags", "[]"),
            ("If there are no samples, the result is -1.", "samples", "-1"),
            ("Name to greet by, \"guest\" when there is no account.", "customer", "\"guest\""),
            ("Falls back to `UNKNOWN_LABEL`.", "code", "UNKNOWN_LABEL"),
            (
                "Share of hits.\n\n    Returns:\n        The share; zero without any lookups.",
                "lookups",
                "0",
            ),
            ("An empty cart costs 0.", "cart", "0"),
            ("Unknown countries pay the standard rate.", "country", "STANDARD_RATE"),
            ("Everybody else pays for the rest of the world.", "country", "REST_OF_WORLD"),
            ("The price, `default` for articles without one.", "price", "default"),
            ("The label. 'n/a' when the code is missing.", "code", "\"n/a\""),
        ] {
            assert_eq!(first(text, &[about]).map(|v| v.0).as_deref(), Some(value), "{text}");
        }
    }

    #[test]
    fn numbers_that_promise_nothing_are_left_alone() {
        for text in [
            "The first 10 characters of the name.",
            "Price in EUR with 2 decimals.",
            "0.1 for members.",
            "Mean over the last 30 days.",
        ] {
            assert_eq!(first(text, &["value"]), None, "{text}");
        }
    }

    #[test]
    fn a_part_of_the_result_is_told_from_the_whole() {
        let read = first("Receipt of an order; guests are called 'guest'.", &["customer"]);
        assert_eq!(read, Some(("\"guest\"".to_owned(), true)));
    }
}
