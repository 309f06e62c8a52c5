//! The rules that no provider owns: what a secret looks like by what stands around it.

use super::check::Check;

/// One kind of secret.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rule {
    /// What the placeholder calls it.
    pub(super) name: &'static str,
    /// The group `secret` is replaced; without one, the whole match.
    pub(super) pattern: &'static str,
    /// Lower case; where none of them is in the text, the pattern is not tried.
    pub(super) keywords: &'static [&'static str],
    /// What a match must be besides.
    pub(super) check: Check,
}

pub(super) const fn rule(
    name: &'static str,
    keywords: &'static [&'static str],
    pattern: &'static str,
    check: Check,
) -> Rule {
    Rule { name, pattern, keywords, check }
}

/// Words that say that a value beside them is a secret.
macro_rules! word {
    () => {
        r"(?:password|passwd|passphrase|pwd|secret|token|credentials?|api[_-]?key|access[_-]?key|(?:secret|private|signing|encryption|auth|account)[_-]?key)"
    };
}

/// A key that ends in such a word, with what stands between it and the value.
macro_rules! key {
    () => {
        concat!(r#"(?i:\b[\w.-]*?"#, word!(), r#")\\?["']?\s*(?::=|=>|[:=])\s*"#)
    };
}

const KEYED: &[&str] =
    &["password", "passwd", "passphrase", "pwd", "secret", "token", "credential", "key"];

/// Always on. Where several match a place, the first names it, and a provider's before these.
pub(super) const STANDARD: &[Rule] = &[
    // One dash at a time, so that a search for the end stops at the next beginning.
    rule(
        "private-key",
        &["private key"],
        r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----(?:(?:\\[rn]|[A-Za-z0-9+/=:,.\s]|-[A-Za-z0-9])*-----END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----|(?:(?:\s|\\[rn])*[A-Za-z0-9+/=]{16,})*)",
        Check::None,
    ),
    // The rest of a block whose beginning is in a log that was rotated.
    rule(
        "private-key",
        &["private key"],
        r"(?:[A-Za-z0-9+/=]{16,}(?:\s|\\[rn])+)*[A-Za-z0-9+/=]*(?:\s|\\[rn])*-----END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----",
        Check::None,
    ),
    rule(
        "aws-secret",
        &["aws", "secret"],
        r#"(?i:(?:aws|secret)[\w.-]{0,30}?key[\w.-]{0,10}?)\\?["']?\s{0,5}(?:=>|[:=])\s{0,5}\\?["']?(?P<secret>[A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)"#,
        Check::None,
    ),
    rule(
        "jwt",
        &["eyj"],
        r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?",
        Check::None,
    ),
    rule(
        "azure-key",
        &["accountkey", "sharedaccesskey", "sig="],
        r"(?i:(?:AccountKey|SharedAccessKey)\s*=\s*|[?&]sig=)(?P<secret>[A-Za-z0-9+/%]{40,}={0,2})",
        Check::None,
    ),
    rule(
        "url-password",
        &["://"],
        r#"(?i:\b[a-z][a-z0-9+.-]{1,30})://[^\s:/@"'<>]*:(?P<secret>[^\s@/"'<>]+)@"#,
        Check::NoTemplate,
    ),
    rule(
        "authorization",
        &["authorization"],
        r#"(?i:\bauthorization)\\?["']?\s*[:=]\s*\\?["']?(?i:basic|bearer|token|digest|apikey|negotiate|aws4-hmac-sha256)\s+(?P<secret>[^\s"',;\\]{4,})"#,
        Check::NoTemplate,
    ),
    rule(
        "authorization",
        &["bearer"],
        r"(?i:\bbearer)\s+(?P<secret>[A-Za-z0-9._~+/=-]{8,})",
        Check::Random,
    ),
    rule(
        "authorization",
        &["basic"],
        r"(?i:\bbasic)\s+(?P<secret>[A-Za-z0-9+/]{8,}={0,2})",
        Check::Random,
    ),
    rule(
        "cookie",
        &["cookie"],
        r#"(?i:\b(?:set-)?cookie)\\?["']?\s*[:=]\s*\\?["']?[^\n"'\\]*?\b(?i:[\w.-]*sess(?:ion)?(?:_?id)?|sid|[\w.-]*auth)=(?P<secret>[^\s;"'\\]{8,})"#,
        Check::NoTemplate,
    ),
    rule(
        "url-parameter",
        &["?", "&"],
        concat!(r"[?&](?i:[\w.-]*?", word!(), r#"|sig|signature)=(?P<secret>[^\s&#"'<>\\]+)"#),
        Check::NoTemplate,
    ),
    rule(
        "secret",
        KEYED,
        concat!(key!(), r#"\\?"(?P<secret>(?:[^"\\\n]|\\[^"\n])+)"#),
        Check::Quoted,
    ),
    rule("secret", KEYED, concat!(key!(), r"'(?P<secret>(?:[^'\\\n]|\\.)+)'"), Check::Quoted),
    rule(
        "secret",
        KEYED,
        concat!(key!(), r#"(?P<secret>[^\s"'\\,;&(){}\[\]<>=][^\s"',;&(){}\[\]<>\\]*)"#),
        Check::Bare,
    ),
    rule(
        "secret",
        KEYED,
        concat!(r"(?i:--[A-Za-z0-9_-]*?", word!(), r#")\s+(?P<secret>[^\s"'-][^\s"']*)"#),
        Check::Random,
    ),
    rule(
        "secret",
        KEYED,
        concat!(
            r"(?i:\b",
            word!(),
            r#"s?|\bapi key)\s+(?i:is\s+|was\s+|of\s+|for\s+\S+\s+)?[:=]?\s*["'`(]?(?P<secret>[A-Za-z0-9+_=.-]{16,})"#
        ),
        Check::Entropy,
    ),
];

/// E-mail addresses; off by default.
pub(super) const EMAIL: Rule = rule(
    "email",
    &["@"],
    r"\b[\w.%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}\b",
    Check::None,
);

/// IPv4 and IPv6 addresses; off by default.
pub(super) const IP: Rule = rule(
    "ip",
    &[".", ":"],
    r"(?:^|[^\w:.])(?P<secret>\d{1,3}(?:\.\d{1,3}){3}|(?:[0-9a-fA-F]{0,4}:){2,7}(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]{0,4}))",
    Check::Ip,
);

/// Numbers of payment cards; off by default.
pub(super) const CARD: Rule = rule("card", &[], r"\b[2-6]\d{3}(?:[ -]?\d){9,15}\b", Check::Luhn);
