//! How prose writes values and conditions: the patterns, and what a value is as Python.

use std::sync::LazyLock;

use regex::Regex;

use super::constants::{is_default_word, resolve, words};
use super::docstring::Reading;

#[allow(clippy::expect_used)]
fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("a constant pattern")
}

pub(super) static VALUE: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r#"`+(?P<code>[^`]+)`+"#,
        r#"|[“"](?P<double>[^"“”]*)[”"]"#,
        r#"|(?:^|[\s(])'(?P<single>[^']*)'"#,
        r"|(?P<raise>\b(?:[Rr]aises?|raising)\s+(?:an?\s+)?(?P<error>[A-Z]\w+))",
        r"|(?P<number>-?\b\d+(?:\.\d+)?\b)",
        r"|\b(?P<const>None|True|False|NaN|nan|infinity|inf)\b",
        r"|\b[Ee]mpty[ -](?P<empty>strings?|str|text|lists?|dict|dictionary|mapping|tuple|set)\b",
        r"|\b(?P<zero>[Zz]ero)\b",
        r"|\b(?P<upper>[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+|[A-Z]{3,})\b",
        r"|\b(?P<phrase>(?:[Tt]he|[Aa]n?|[Oo]ur|[Ii]ts)\s+(?:[a-z]+[ -]){0,2}?(?:default|standard|fallback|base|usual|normal|general|generic|common|regular|basic)(?:[ -][a-z]+){0,2})",
    ))
});

pub(super) static MARKER: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?i)\b(when(?:ever)?|if|where|for|without|unless|whose|with no|with an? empty|in case|while|until|before|of)\b",
    )
});

/// What leads from a condition to its value.
pub(super) static CONSEQUENCE: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"(?i)\b(returns?|returned|results?|then|gives?|yields?|answers?|it is|this is|means?)\b")
});

pub(super) static FALLBACK: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?i)(\bor|\botherwise|\belse|defaults? to|falls? back (?:to|on)|fallback:?)(?:\s+\w+){0,2}[\s,:]*$",
    )
});

pub(super) static PART: LazyLock<Regex> = LazyLock::new(|| {
    regex(
        r"(?i)\b(called|named|shown|appears?|listed as|printed|counts? as|counted|treated|go(?:es)? by|addressed|taken as|reads?|written|labelled|labeled|displayed|signed)\b",
    )
});

pub(super) static LACK: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        r"(?i)\b(no|not|none|never|nobody|nothing|empty|missing|unknown|absent|without|zero|0|lacks?|",
        r"unset|unlisted|unrated|unnamed|unavailable|undefined|unsold|unused|unpaid|unassigned|",
        r"unregistered|unrecognised|unrecognized|unmapped|anonymous|guests?|else|others?|yet|fewer|",
        r"less|short|shorter|blank|null|cannot|can't|\w+n't|anything|until|rest|only|neither|nowhere)\b",
    ))
});

/// A phrase without the condition that follows it: "the default rate" of "the default rate for".
pub(super) fn phrase_of(text: &str) -> &str {
    const ENDS: [&str; 14] = [
        "for", "when", "whenever", "if", "where", "of", "to", "on", "in", "is", "and", "or",
        "without", "as",
    ];
    if text.starts_with(['`', '"', '“', '\'', ' ', '(']) {
        return text;
    }
    let mut end = 0;
    for word in text.split_inclusive([' ', '-']) {
        if end > 0 && ENDS.contains(&word.trim_end_matches([' ', '-'])) {
            return text[..end].trim_end();
        }
        end += word.len();
    }
    text
}

pub(super) struct Value {
    pub(super) text: String,
    pub(super) resolved: bool,
    pub(super) raises: bool,
}

pub(super) fn read_value(
    captures: &regex::Captures<'_>,
    reading: &Reading<'_>,
    sentence: &str,
) -> Option<Value> {
    let plain = |text: &str| Some(Value { text: text.to_owned(), resolved: false, raises: false });
    let group = |name: &str| captures.name(name).map(|m| m.as_str());
    if let Some(code) = group("code") {
        return read_code(code.trim(), reading, sentence);
    }
    if let Some(text) = group("double").or_else(|| group("single")) {
        return plain(&quote(text)?);
    }
    if let Some(error) = group("error") {
        return Some(Value { text: error.to_owned(), resolved: false, raises: true });
    }
    if let Some(number) = group("number") {
        return plain(number);
    }
    if let Some(constant) = group("const") {
        return match constant {
            "NaN" | "nan" => plain("float(\"nan\")"),
            "infinity" | "inf" => plain("float(\"inf\")"),
            _ => plain(constant),
        };
    }
    if let Some(empty) = group("empty") {
        return plain(match empty.to_lowercase().as_str() {
            "list" | "lists" => "[]",
            "dict" | "dictionary" | "mapping" => "{}",
            "tuple" => "()",
            "set" => "set()",
            _ => "\"\"",
        });
    }
    if group("zero").is_some() {
        return plain("0");
    }
    if let Some(name) = group("upper") {
        return reading.constants.iter().any(|c| c.name == name).then(|| Value {
            text: name.to_owned(),
            resolved: true,
            raises: false,
        });
    }
    let phrase = phrase_of(group("phrase")?);
    if let Some((constant, _)) = resolve(phrase, reading.constants, reading.wanted) {
        return Some(Value { text: constant.name.to_owned(), resolved: true, raises: false });
    }
    let said = words(phrase);
    let parameter = reading.parameters.iter().find(|p| {
        let name = words(p);
        name.iter().all(|w| said.contains(w)) && name.iter().any(|w| is_default_word(w))
    })?;
    Some(Value { text: (*parameter).to_owned(), resolved: true, raises: false })
}

/// Code in backticks: a literal, a constant, a parameter that is a default.
fn read_code(code: &str, reading: &Reading<'_>, sentence: &str) -> Option<Value> {
    let parsed = ruff_python_parser::parse_expression(code).ok()?;
    let expr = parsed.expr();
    // "the `code` itself"
    let unchanged =
        ["itself", "unchanged", "as it is", "as is"].iter().any(|w| sentence.contains(w));
    let known = |name: &str| {
        if unchanged && reading.parameters.contains(&name) {
            return true;
        }
        reading.constants.iter().any(|c| c.name == name)
            || (reading.parameters.contains(&name)
                && words(name).iter().any(|w| is_default_word(w)))
    };
    let literal = expr.is_literal_expr()
        || expr.is_list_expr()
        || expr.is_dict_expr()
        || expr.is_tuple_expr()
        || expr.is_unary_op_expr()
        || matches!(code, "set()" | "dict()" | "list()" | "tuple()" | "float(\"nan\")");
    match expr.as_name_expr() {
        Some(name) if known(&name.id) => {
            Some(Value { text: code.to_owned(), resolved: true, raises: false })
        }
        Some(_) => None,
        None if literal => Some(Value { text: code.to_owned(), resolved: false, raises: false }),
        None => None,
    }
}

/// A text as a Python string literal; `None` where it holds what would need escapes.
pub(super) fn quote(text: &str) -> Option<String> {
    let plain = text.chars().all(|c| !c.is_control() && c != '\\' && c != '"');
    plain.then(|| format!("\"{text}\""))
}
