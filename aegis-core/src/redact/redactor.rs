//! Going over a text once, and putting placeholders where secrets were.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::ops::Range;
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use regex::Regex;
use sha2::{Digest as _, Sha256};

use super::rules::{CARD, EMAIL, IP, Rule};
use super::ruleset::RULES;
use super::{Redacted, Untrusted};

/// Most bytes that [`Redactor::redact_capped`] goes over: 512 KiB of the head and of the tail each.
const MAX_WORK: usize = 1 << 20;

/// Most passes; a second one is needed where a placeholder uncovers a word boundary.
const MAX_PASSES: usize = 8;

/// Bytes of a secret that is looked for elsewhere, and how many of them are.
const LEAST_REPEATED: usize = 8;
const MOST_REPEATED: usize = 1_000;

#[allow(clippy::expect_used)]
static PLACEHOLDER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"\[redacted:[a-z0-9-]+:[0-9a-f]{4}\]").expect("a pattern of the program compiles")
});

/// Replaces secrets by stable placeholders, `[redacted:<rule>:<4 hex>]`.
///
/// The same secret gets the same placeholder from one redactor and its clones, so that a reader
/// sees which are equal. The digits are a hash salted with fresh entropy for each
/// [`standard`](Self::standard): nobody can guess a secret and check the guess against them. They
/// differ between processes, so [`mask`](crate::trace::mask) and every fingerprint leave them out.
///
/// ```
/// use aegis_core::redact::{Redactor, Untrusted};
/// let redactor = Redactor::standard();
/// let text = redactor.redact(&Untrusted::new("login with password=hunter2 failed"));
/// assert!(text.as_str().starts_with("login with password=[redacted:secret:"));
/// assert!(text.as_str().ends_with("] failed"));
/// ```
#[derive(Clone)]
pub struct Redactor {
    salt: [u64; 2],
    emails: bool,
    ips: bool,
    cards: bool,
}

impl Default for Redactor {
    fn default() -> Self {
        Self::standard()
    }
}

// The salt stays out: with it, placeholders could be checked against guesses.
impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redactor")
            .field("emails", &self.emails)
            .field("ips", &self.ips)
            .field("cards", &self.cards)
            .finish_non_exhaustive()
    }
}

impl Redactor {
    /// The standard set of rules.
    pub fn standard() -> Self {
        let draw = || RandomState::new().build_hasher().finish();
        Self { salt: [draw(), draw()], emails: false, ips: false, cards: false }
    }

    /// Replaces e-mail addresses too.
    #[must_use]
    pub fn with_emails(mut self) -> Self {
        self.emails = true;
        self
    }

    /// Replaces IPv4 and IPv6 addresses too.
    #[must_use]
    pub fn with_ips(mut self) -> Self {
        self.ips = true;
        self
    }

    /// Replaces the numbers of payment cards too.
    #[must_use]
    pub fn with_cards(mut self) -> Self {
        self.cards = true;
        self
    }

    /// Replaces every secret in `text`, and what one place shows to be a secret in all others too.
    ///
    /// Going over the result again changes nothing.
    pub fn redact(&self, text: &Untrusted) -> Redacted {
        self.redact_str(text.expose())
    }

    /// Replaces every secret in `text`, such as source code on its way into a prompt.
    pub fn redact_str(&self, text: &str) -> Redacted {
        let mut text = text.to_owned();
        for _ in 0..MAX_PASSES {
            match self.pass(&text) {
                Some(next) => text = next,
                None => break,
            }
        }
        Redacted(text)
    }

    /// Replaces every secret in `text` and then keeps head and tail where it is over `max` bytes.
    ///
    /// Cutting comes after redaction, so no half of a secret is left at the cut; a line says how
    /// many bytes are missing. Of a text over 1 MiB only the whole lines of the first and the last
    /// 512 KiB are gone over, and the rest is dropped unread.
    pub fn redact_capped(&self, text: &Untrusted, max: usize) -> Redacted {
        let text = text.expose();
        if text.len() <= MAX_WORK {
            return cap(self.redact_str(text), max, 0);
        }
        let half = MAX_WORK / 2;
        // A part of a line may be a part of a secret, which no rule would know.
        let head = &text[..text.floor_char_boundary(half)];
        let head = head.rfind('\n').map_or("", |end| &head[..end]);
        let tail = &text[text.ceil_char_boundary(text.len() - half)..];
        let tail = tail.find('\n').map_or("", |start| &tail[start + 1..]);
        let unread = text.len() - head.len() - tail.len();
        let kept = format!("{head}\n{}\n{tail}", gap(unread));
        cap(self.redact_str(&kept), max, unread)
    }

    /// The secrets in `text`, each with the name of its rule.
    pub(crate) fn secrets(&self, text: &str) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        let mut text = text.to_owned();
        for _ in 0..MAX_PASSES {
            let spans = self.spans(&text);
            if spans.is_empty() {
                break;
            }
            let secret = |(span, name): &(Range<usize>, _)| (*name, text[span.clone()].to_owned());
            found.extend(spans.iter().map(secret));
            text = self.replaced(&text, spans);
        }
        found
    }

    /// What stands for secrets in `text`, whoever put it there.
    pub(crate) fn placeholders(text: &str) -> impl Iterator<Item = &str> {
        PLACEHOLDER.find_iter(text).map(|found| found.as_str())
    }

    /// One pass; nothing where there was nothing to replace.
    fn pass(&self, text: &str) -> Option<String> {
        let spans = self.spans(text);
        (!spans.is_empty()).then(|| self.replaced(text, spans))
    }

    fn replaced(&self, text: &str, spans: Vec<(Range<usize>, &'static str)>) -> String {
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for (span, name) in spans {
            out.push_str(&text[at..span.start]);
            out.push_str(&self.placeholder(name, &text[span.clone()]));
            at = span.end;
        }
        out.push_str(&text[at..]);
        out
    }

    /// Whether a rule is on: all are, but for those that a host asks for.
    fn wants(&self, name: &str) -> bool {
        (self.emails || name != EMAIL.name)
            && (self.ips || name != IP.name)
            && (self.cards || name != CARD.name)
    }

    /// What is to be replaced: sorted, apart, and outside of placeholders.
    fn spans(&self, text: &str) -> Vec<(Range<usize>, &'static str)> {
        let mut found: Vec<(Range<usize>, usize, &'static str)> = Vec::new();
        for (rank, compiled) in RULES.for_text(text) {
            let Rule { name, check, .. } = compiled.rule;
            if !self.wants(name) {
                continue;
            }
            for captures in compiled.regex.captures_iter(text) {
                let Some(whole) = captures.get(0) else { continue };
                let secret = captures.name("secret").unwrap_or(whole);
                let before = &text[whole.start()..secret.start()];
                if check.passes(before, secret.as_str(), &text[secret.end()..]) {
                    found.push((secret.range(), rank, name));
                }
            }
        }
        if found.is_empty() {
            return Vec::new();
        }
        found.extend(repeated(text, &found));
        found.sort_by_key(|(range, rank, _)| (range.start, *rank));
        // Where two rules overlap, all of it goes, under the name of the more specific one.
        let mut merged: Vec<(Range<usize>, usize, &'static str)> = Vec::new();
        for (range, rank, name) in found.into_iter().filter(|(range, ..)| !range.is_empty()) {
            match merged.last_mut() {
                Some((last, last_rank, last_name)) if range.start < last.end => {
                    last.end = last.end.max(range.end);
                    if rank < *last_rank {
                        (*last_rank, *last_name) = (rank, name);
                    }
                }
                _ => merged.push((range, rank, name)),
            }
        }
        let kept: Vec<Range<usize>> = PLACEHOLDER.find_iter(text).map(|m| m.range()).collect();
        merged.into_iter().flat_map(|(range, _, name)| outside(range, &kept, name)).collect()
    }

    fn placeholder(&self, rule: &str, secret: &str) -> String {
        let mut hash = Sha256::new();
        for salt in self.salt {
            hash.update(salt.to_le_bytes());
        }
        hash.update(secret.as_bytes());
        let digest = hash.finalize();
        format!("[redacted:{rule}:{:02x}{:02x}]", digest[0], digest[1])
    }
}

/// Where secrets stand once more, without what gave them away elsewhere.
fn repeated(
    text: &str,
    found: &[(Range<usize>, usize, &'static str)],
) -> Vec<(Range<usize>, usize, &'static str)> {
    // A plain word that somebody has for a password stays readable elsewhere.
    let telling = |secret: &str| {
        let of = |kind: fn(&char) -> bool| secret.chars().any(|c| kind(&c));
        let mixed = of(char::is_ascii_digit) && of(char::is_ascii_alphabetic);
        // A path would take the frames of a trace with it.
        let plain = !secret.contains('/') && !PLACEHOLDER.is_match(secret);
        secret.len() >= LEAST_REPEATED && mixed && plain
    };
    let mut secrets: Vec<(&str, usize, &'static str)> = found
        .iter()
        .map(|(range, rank, name)| (&text[range.clone()], *rank, *name))
        .filter(|(secret, ..)| telling(secret))
        .collect();
    secrets.sort_unstable();
    secrets.dedup_by_key(|(secret, ..)| *secret);
    secrets.truncate(MOST_REPEATED);
    let words = secrets.iter().map(|(secret, ..)| secret);
    let Ok(words) = AhoCorasick::new(words) else { return Vec::new() };
    let again = words.find_overlapping_iter(text).filter_map(|at| {
        let (_, rank, name) = secrets.get(at.pattern().as_usize())?;
        Some((at.range(), *rank, *name))
    });
    again.collect()
}

/// The parts of `range` that no placeholder covers already.
fn outside(
    range: Range<usize>,
    kept: &[Range<usize>],
    name: &'static str,
) -> Vec<(Range<usize>, &'static str)> {
    let mut parts = Vec::new();
    let mut at = range.start;
    let first = kept.partition_point(|k| k.end <= range.start);
    for hole in kept[first..].iter().take_while(|k| k.start < range.end) {
        if at < hole.start {
            parts.push((at..hole.start, name));
        }
        at = at.max(hole.end);
    }
    if at < range.end {
        parts.push((at..range.end, name));
    }
    parts
}

fn gap(bytes: usize) -> String {
    format!("[... {bytes} bytes left out ...]")
}

/// Two thirds of `max` from the head, the rest from the tail.
fn cap(text: Redacted, max: usize, unread: usize) -> Redacted {
    let text = text.0;
    if text.len() <= max {
        return Redacted(text);
    }
    let room = max.saturating_sub(gap(text.len() + unread).len() + 2);
    if room < 32 {
        return Redacted(text[..apart(&text, text.floor_char_boundary(max), false)].to_owned());
    }
    let head = apart(&text, text.floor_char_boundary(room * 2 / 3), false);
    let tail = apart(&text, text.ceil_char_boundary(text.len() - room / 3), true);
    // Whole lines read better, where that costs little.
    let head = text[..head].rfind('\n').filter(|at| *at > head / 2).unwrap_or(head);
    let tail = match text[tail..].find('\n') {
        Some(at) if at < (text.len() - tail) / 2 => tail + at + 1,
        _ => tail,
    };
    let missing = gap(tail - head + unread);
    Redacted(format!("{}\n{missing}\n{}", &text[..head], &text[tail..]))
}

/// `at`, moved out of a placeholder that it would cut.
fn apart(text: &str, at: usize, forward: bool) -> usize {
    PLACEHOLDER
        .find_iter(text)
        .take_while(|m| m.start() < at)
        .find(|m| at < m.end())
        .map_or(at, |m| if forward { m.end() } else { m.start() })
}

#[cfg(test)]
#[path = "redactor_tests.rs"]
mod tests;
