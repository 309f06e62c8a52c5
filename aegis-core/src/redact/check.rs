//! What a match must be besides, where a pattern alone can't tell a secret from ordinary text.

use std::collections::HashMap;
use std::net::IpAddr;

/// Least Shannon entropy of a random string, in bits a character; the default of gitleaks.
const MIN_ENTROPY: f64 = 3.5;

/// What a match must be besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Check {
    /// The pattern says it all.
    None,
    /// Looks drawn at random.
    Random,
    /// Is no template, such as `${TOKEN}` or `%s`.
    NoTemplate,
    /// A quoted value beside a key.
    Quoted,
    /// A value beside a key, without quotes; may be prose or code.
    Bare,
    /// High entropy, and neither a commit nor a UUID.
    Entropy,
    /// An address that parses.
    Ip,
    /// A number whose check digit is right.
    Luhn,
}

impl Check {
    /// Whether `secret` is one, matched together with `before` (key and separator) in front of
    /// it, with the text `after` it.
    pub(super) fn passes(self, before: &str, secret: &str, after: &str) -> bool {
        match self {
            Self::None => true,
            Self::Random => is_random(secret),
            Self::NoTemplate => !is_template(secret),
            Self::Quoted => is_quoted_secret(before, secret),
            Self::Bare => is_bare_secret(before, secret, after),
            Self::Entropy => {
                has_digit(secret)
                    && has_letter(secret)
                    && !is_commit_or_uuid(secret)
                    && !is_name(secret)
                    && entropy(secret) >= MIN_ENTROPY
            }
            Self::Ip => {
                let goes_on = after.starts_with(|c: char| c.is_alphanumeric() || c == '_');
                !goes_on && has_digit(secret) && secret.parse::<IpAddr>().is_ok()
            }
            Self::Luhn => luhn(secret),
        }
    }
}

fn has_digit(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_digit())
}

fn has_letter(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_alphabetic())
}

/// Digits among letters, or capitals inside a word.
fn is_random(text: &str) -> bool {
    let inner_capital = text.bytes().skip(1).any(|b| b.is_ascii_uppercase())
        && text.bytes().any(|b| b.is_ascii_lowercase());
    has_letter(text) && (has_digit(text) || inner_capital || text.ends_with('='))
}

/// `${TOKEN}`, `$TOKEN`, `{token}`, `%s`, `%(token)s`, `<token>`, `***`: something stands for it.
fn is_template(text: &str) -> bool {
    let name = |s: &str| s.chars().all(|c| c.is_alphanumeric() || "_.-: ".contains(c));
    let between = |start: &str, end: &str| {
        text.strip_prefix(start).and_then(|t| t.strip_suffix(end)).is_some_and(name)
    };
    between("${", "}")
        || between("{", "}")
        || between("{{", "}}")
        || between("<", ">")
        || between("%(", ")s")
        || matches!(text, "%s" | "%r" | "%d" | "%v" | "...")
        || (text.len() > 1
            && text
                .strip_prefix('$')
                .is_some_and(|t| t.bytes().all(|b| b == b'_' || b.is_ascii_uppercase())))
        || text.bytes().all(|b| matches!(b, b'*' | b'x' | b'X' | b'.' | b'-'))
}

/// Values that say that there is none, or that somebody has taken it out already.
fn is_nothing(text: &str) -> bool {
    let bare = text.trim_matches(['[', ']', '(', ')', '<', '>', '*']);
    matches!(
        bare.to_ascii_lowercase().as_str(),
        "none"
            | "null"
            | "nil"
            | "true"
            | "false"
            | "undefined"
            | "str"
            | "string"
            | "bytes"
            | "int"
            | "bool"
            | "optional"
            | "required"
            | "missing"
            | "invalid"
            | "expired"
            | "unset"
            | "filtered"
            | "redacted"
            | "hidden"
            | "masked"
            | "removed"
            | "sensitive"
    )
}

fn is_quoted_secret(before: &str, secret: &str) -> bool {
    if is_template(secret) || is_nothing(secret) {
        return false;
    }
    // `"token": "not a valid one"` is prose; pass phrases have spaces too.
    let words = secret.split_whitespace().count();
    let key = before.to_ascii_lowercase();
    words == 1 || (words < 4 && ["pass", "pwd", "secret"].iter().any(|k| key.contains(k)))
}

fn is_bare_secret(before: &str, secret: &str, after: &str) -> bool {
    // Sentences end in a full stop, and keys in lists in a colon.
    let secret = secret.trim_end_matches(['.', ':', '!', '?', '`']);
    if secret.is_empty() || is_template(secret) || is_nothing(secret) || secret.starts_with('$') {
        return false;
    }
    // A call, an index or a type: code, not a value.
    if after.starts_with(['(', '[', '<']) || after.starts_with("{") {
        return false;
    }
    let key = before.trim_end_matches([' ', '\t', ':', '=', '>', '"', '\'', '\\']);
    let key_lower = key.to_ascii_lowercase();
    if key_lower.ends_with("pwd") && (secret.starts_with('/') || secret.starts_with('~')) {
        return false;
    }
    let identifier = secret.split('.').all(|part| {
        part.starts_with(|c: char| c.is_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_alphanumeric() || c == '_')
    });
    let code_name = identifier && (secret.contains('.') || secret.contains('_'));
    let tight = before.ends_with('=') && !before.ends_with(" =");
    if !tight {
        // `password: too short`, `token = tokens`: only what looks drawn at random.
        let mixed = has_digit(secret) && has_letter(secret) && secret.len() >= 6;
        return mixed && !code_name;
    }
    if !has_letter(secret) {
        // `token=17` counts something; a PIN is a password.
        return key_lower.contains("pass") || key_lower.contains("pwd") || secret.len() >= 6;
    }
    // `connect(password=password, token=self.token)`.
    let argument =
        identifier && !has_digit(secret) && (after.starts_with(')') || after.starts_with(','));
    !(argument
        || (code_name && !has_digit(secret))
        || key_lower.ends_with(&secret.to_ascii_lowercase()))
}

/// Lower-case words with `_`, `.` or `-` between them, as modules and settings are called.
fn is_name(text: &str) -> bool {
    text.contains(['_', '.', '-']) && !text.bytes().any(|b| b.is_ascii_uppercase())
}

/// All hexadecimal in the length of a digest, or a UUID: an id that logs are full of.
fn is_commit_or_uuid(text: &str) -> bool {
    let hex = text.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    hex && matches!(text.len(), 16 | 24 | 32 | 36 | 40 | 64)
}

/// Shannon entropy in bits a character.
pub(super) fn entropy(text: &str) -> f64 {
    let mut counts: HashMap<char, f64> = HashMap::new();
    for c in text.chars() {
        *counts.entry(c).or_default() += 1.0;
    }
    let total: f64 = counts.values().sum();
    counts.values().map(|n| n / total).map(|p| -p * p.log2()).sum()
}

fn luhn(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, d)| match at % 2 {
            0 => *d,
            _ if *d > 4 => d * 2 - 9,
            _ => d * 2,
        })
        .sum();
    (13..=19).contains(&digits.len()) && sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entropy_is_shannons() {
        assert!((entropy("abcd") - 2.0).abs() < 1e-9);
        assert!(entropy("aaaa").abs() < 1e-9);
        assert!(entropy("").abs() < 1e-9);
    }

    #[test]
    fn only_numbers_with_a_right_check_digit_are_cards() {
        assert!(luhn("4111 1111 1111 1111"));
        assert!(!luhn("4111 1111 1111 1112"));
        assert!(!luhn("0"));
    }
}
