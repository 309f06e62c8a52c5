//! The rules: what a secret looks like. Data, after the rules of gitleaks.

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

const fn rule(
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

/// Always on; the first that matches a place names it.
pub(super) const STANDARD: &[Rule] = &[
    rule(
        "private-key",
        &["private key"],
        r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----(?:(?:\\[rn]|[A-Za-z0-9+/=:,.\s-])*?-----END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----|(?:(?:\s|\\[rn])*[A-Za-z0-9+/=]{16,})*)",
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
        "aws-key",
        &["akia", "asia", "abia", "acca"],
        r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b",
        Check::None,
    ),
    rule(
        "aws-secret",
        &["aws", "secret"],
        r#"(?i:(?:aws|secret)[\w.-]{0,30}?key[\w.-]{0,10}?)\\?["']?\s{0,5}(?:=>|[:=])\s{0,5}\\?["']?(?P<secret>[A-Za-z0-9/+]{40})(?:[^A-Za-z0-9/+=]|$)"#,
        Check::None,
    ),
    rule("github-token", &["github_pat_"], r"\bgithub_pat_[A-Za-z0-9_]{20,255}", Check::None),
    rule(
        "github-token",
        &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        r"\bgh[pousr]_[A-Za-z0-9]{20,255}",
        Check::None,
    ),
    rule(
        "gitlab-token",
        &["glpat-", "gldt-", "glrt-", "glcbt-", "glptt-"],
        r"\bgl(?:pat|dt|rt|cbt|ptt)-[A-Za-z0-9_-]{20,}",
        Check::None,
    ),
    rule(
        "slack-token",
        &["xox", "xapp-"],
        r"\b(?:xox[abeoprs]|xapp)-[A-Za-z0-9-]{10,}",
        Check::None,
    ),
    rule(
        "slack-webhook",
        &["hooks.slack.com"],
        r"hooks\.slack\.com/(?:services|workflows|triggers)/(?P<secret>[A-Za-z0-9+/]{20,})",
        Check::None,
    ),
    rule("google-key", &["aiza"], r"\bAIza[A-Za-z0-9_-]{35}", Check::None),
    rule(
        "google-oauth",
        &["ya29.", "gocspx-"],
        r"\b(?:ya29\.[A-Za-z0-9_-]{20,}|GOCSPX-[A-Za-z0-9_-]{20,})",
        Check::None,
    ),
    rule(
        "stripe-key",
        &["k_live_", "k_test_", "whsec_"],
        r"\b(?:[sr]k_(?:live|test)_[A-Za-z0-9]{10,}|whsec_[A-Za-z0-9+/=]{20,})",
        Check::None,
    ),
    rule("anthropic-key", &["sk-ant-"], r"\bsk-ant-[A-Za-z0-9_-]{20,}", Check::None),
    rule(
        "openai-key",
        &["sk-"],
        r"\bsk-(?:proj-|svcacct-|admin-|or-)?[A-Za-z0-9_-]{20,}",
        Check::Random,
    ),
    rule(
        "jwt",
        &["eyj"],
        r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?",
        Check::None,
    ),
    rule("npm-token", &["npm_"], r"\bnpm_[A-Za-z0-9]{36}", Check::None),
    rule("pypi-token", &["pypi-ag"], r"\bpypi-Ag[A-Za-z0-9_-]{40,}", Check::None),
    rule(
        "sendgrid-key",
        &["sg."],
        r"\bSG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}",
        Check::None,
    ),
    rule("twilio-key", &["sk", "ac"], r"\b(?:SK|AC)[0-9a-f]{32}\b", Check::None),
    rule(
        "telegram-token",
        &[":aa"],
        r"(?:\b|bot)(?P<secret>\d{6,12}:AA[A-Za-z0-9_-]{33})",
        Check::None,
    ),
    rule("digitalocean-token", &["do"], r"\bdo[opr]_v1_[0-9a-f]{64}", Check::None),
    rule("vault-token", &["hvs.", "hvb.", "hvr."], r"\bhv[sbr]\.[A-Za-z0-9_-]{20,}", Check::None),
    rule("vault-token", &["s."], r"\bs\.[A-Za-z0-9]{24}\b", Check::Entropy),
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
