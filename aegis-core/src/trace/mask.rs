//! What differs between two occurrences of one error, masked.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use super::line::regex;

/// One alternation, so that the text is gone over once; the group that matched says what it was.
static VARIABLE: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"\[redacted:(?<redacted>[a-z0-9-]+)(?::[0-9a-z]+)?\]",
        r#"|(?<open>^|[\s(\[{=,:])(?<quoted>'[^'\n]*'|"[^"\n]*"|`[^`\n]*`)"#,
        r"|(?<date>\b\d{4}[-/]\d\d[-/]\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?)",
        r"|(?<id>\b[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\b)",
        r"|(?<email>\b[\w.+-]+@[\w-]+\.[\w.-]+)",
        r"|(?<ip>\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b)",
        r"|(?<time>\b\d\d:\d\d:\d\d(?:[.,]\d+)?)",
        r"|(?<addr>\b0[xX][0-9a-fA-F]+)",
        r"|(?<word>\w*\d\w*)"
    ))
});

/// `text` with numbers, ids, hashes, addresses, dates and quoted values masked.
///
/// A placeholder of the [`Redactor`](crate::redact::Redactor) keeps its rule and loses its number,
/// which differs between processes.
///
/// ```
/// use aegis_core::trace::mask;
/// assert_eq!(mask("order 17 of 'ann' at 0x7f3a"), mask("order 4 of 'bob' at 0x11"));
/// ```
pub fn mask(text: &str) -> String {
    VARIABLE.replace_all(text, replacement).into_owned()
}

fn replacement(found: &Captures<'_>) -> String {
    let group = |name| found.name(name).map(|m| m.as_str());
    if let Some(rule) = group("redacted") {
        return format!("[redacted:{rule}]");
    }
    if group("quoted").is_some() {
        return format!("{}<value>", group("open").unwrap_or_default());
    }
    for (name, mask) in [
        ("date", "<date>"),
        ("id", "<id>"),
        ("email", "<email>"),
        ("ip", "<ip>"),
        ("time", "<time>"),
        ("addr", "<address>"),
    ] {
        if group(name).is_some() {
            return mask.to_owned();
        }
    }
    word(group("word").unwrap_or_default())
}

/// A word with digits in it: a hash or an id as a whole, else only its numbers.
fn word(word: &str) -> String {
    let hash = word.len() >= 8 && word.bytes().all(|b| b.is_ascii_hexdigit());
    let letters = word.bytes().any(|b| b.is_ascii_alphabetic());
    if hash && letters {
        return String::from("<hash>");
    }
    let changes =
        word.as_bytes().windows(2).filter(|w| w[0].is_ascii_digit() != w[1].is_ascii_digit());
    if word.len() >= 12 && changes.count() >= 4 {
        return String::from("<id>");
    }
    let mut out = String::with_capacity(word.len());
    let mut number = false;
    for c in word.chars() {
        if !c.is_numeric() {
            out.push(c);
        } else if !number {
            out.push_str("<n>");
        }
        number = c.is_numeric();
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_varies_is_masked() {
        for (text, masked) in [
            ("took 12.5 ms, 3 retries", "took <n>.<n> ms, <n> retries"),
            ("user 9f8d7c6b-1234-4321-aaaa-0123456789ab gone", "user <id> gone"),
            ("commit 3f2a9c41d7e8", "commit <hash>"),
            ("<Order at 0x7f3a2b>", "<Order at <address>>"),
            ("no item 'tea' in \"cart\"", "no item <value> in <value>"),
            ("can't find user's cart", "can't find user's cart"),
            ("2026-01-01 12:00:00,123 ERROR x", "<date> ERROR x"),
            ("2026-01-01T12:00:00Z x", "<date> x"),
            ("from 10.0.0.1:5432", "from <ip>"),
            ("mail to a.b@c.example failed", "mail to <email> failed"),
            ("key [redacted:aws-key:1f2a] bad", "key [redacted:aws-key] bad"),
            ("shop_v2 failed", "shop_v<n> failed"),
            ("feedback decade", "feedback decade"),
            ("job a1b2c3d4e5f6g7 lost", "job <id> lost"),
        ] {
            assert_eq!(mask(text), masked);
        }
    }

    proptest! {
        #[test]
        fn masking_is_total_and_leaves_no_ascii_digit(text in any::<String>()) {
            let masked = mask(&text);
            let rules = masked.contains("[redacted:");
            prop_assert!(rules || !masked.bytes().any(|b| b.is_ascii_digit()), "{}", masked);
        }
    }
}
