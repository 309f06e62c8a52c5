//! What loggers and containers wrap around a line: colours, CRI, docker's JSON, JSON records.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};

use super::line::{HEADER, regex};

static COLOUR: LazyLock<Regex> = LazyLock::new(|| regex(r"\x1b\[[0-9;]*[A-Za-z]"));
static CRI: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"^\d{4}-\d\d-\d\dT[0-9:.]+(?:Z|[+-]\d\d:\d\d) (?:stdout|stderr) ([FP]) ")
});

/// How deep a JSON record is searched for a traceback.
const MAX_DEPTH: usize = 4;

/// A line without its wrapping.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Inner<'a> {
    /// A line of text.
    Text(Cow<'a, str>),
    /// The beginning of a line that goes on in the next one.
    Part(Cow<'a, str>),
    /// A record with a whole traceback in it, and its message.
    Traceback { message: Option<String>, text: String },
    /// A record that reports an error without a traceback: its message.
    Error(String),
}

/// Takes the wrapping off.
pub(super) fn unwrap(line: &str) -> Inner<'_> {
    let line = line.trim_end_matches(['\r', '\n']);
    let line =
        if line.contains('\x1b') { COLOUR.replace_all(line, "") } else { Cow::Borrowed(line) };
    if let Some(found) = CRI.captures(&line) {
        let start = found.get(0).map_or(0, |m| m.end());
        let partial = found.get(1).is_some_and(|m| m.as_str() == "P");
        let content = line[start..].to_owned();
        return if partial { Inner::Part(content.into()) } else { record(content.into()) };
    }
    record(line)
}

fn record(line: Cow<'_, str>) -> Inner<'_> {
    let trimmed = line.trim();
    if trimmed.starts_with('{')
        && trimmed.ends_with('}')
        && let Ok(Value::Object(fields)) = serde_json::from_str(trimmed)
    {
        return of_object(fields, line);
    }
    // A record that was cut, or JSON behind a prefix: the escapes are still there.
    let escaped = line.find(HEADER).map(|at| (at, at + HEADER.len()));
    match escaped {
        Some((at, end)) if line[end..].starts_with("\\n") => {
            let quote = line[..at].rfind('"');
            let message = quote.map_or(&line[..at], |q| &line[..q]).trim();
            let message = (quote.is_none() && !message.is_empty()).then(|| message.to_owned());
            Inner::Traceback { message, text: unescaped(&line[at..]) }
        }
        _ => Inner::Text(line),
    }
}

fn of_object(fields: Map<String, Value>, line: Cow<'_, str>) -> Inner<'_> {
    if let Some(Value::String(log)) = fields.get("log") {
        // Docker's json-file: the line is in `log`, and a long one comes in several records.
        if fields.contains_key("stream") || fields.contains_key("time") {
            let content = log.trim_end_matches(['\r', '\n']).to_owned();
            return if log.ends_with('\n') {
                record(content.into())
            } else {
                Inner::Part(content.into())
            };
        }
    }
    let message = ["message", "msg", "event", "error"]
        .iter()
        .find_map(|key| fields.get(*key).and_then(Value::as_str))
        .map(str::to_owned);
    let level = ["level", "levelname", "severity", "log.level", "lvl"]
        .iter()
        .find_map(|key| fields.get(*key));
    let error = match level {
        Some(Value::String(name)) => matches!(
            name.to_ascii_lowercase().as_str(),
            "error" | "err" | "critical" | "fatal" | "emergency" | "alert"
        ),
        // Pino and bunyan: 50 is error.
        Some(Value::Number(number)) => number.as_i64().is_some_and(|n| (50..100).contains(&n)),
        _ => false,
    };
    match fields.values().find_map(|value| traceback(value, 0)) {
        Some(text) => {
            let message = message.filter(|m| *m != text);
            Inner::Traceback { message, text }
        }
        None if error => Inner::Error(message.unwrap_or_else(|| line.into_owned())),
        None => Inner::Text(line),
    }
}

fn traceback(value: &Value, depth: usize) -> Option<String> {
    if depth > MAX_DEPTH {
        return None;
    }
    match value {
        Value::String(text) => text.contains(HEADER).then(|| text.clone()),
        Value::Array(values) => {
            lines(values).or_else(|| values.iter().find_map(|v| traceback(v, depth + 1)))
        }
        Value::Object(fields) => fields.values().find_map(|v| traceback(v, depth + 1)),
        _ => None,
    }
}

/// The traceback that an array holds line by line, as `traceback.format_exception` gives it.
fn lines(values: &[Value]) -> Option<String> {
    let lines: Vec<&str> = values.iter().map(Value::as_str).collect::<Option<_>>()?;
    // More than a header in one says that each is a whole traceback.
    lines.iter().any(|line| line.trim_end().ends_with(HEADER)).then(|| {
        let whole = |line: &&str| format!("{}\n", line.trim_end_matches('\n'));
        lines.iter().map(whole).collect()
    })
}

/// The text up to the first quote that is not escaped, with its escapes undone.
fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    let json = text.contains("\\\"");
    while let Some(c) = chars.next() {
        match c {
            // A frame's path stands in quotes that are bare where the line never was JSON.
            '"' if !json => out.push('"'),
            '"' => break,
            '\\' => match chars.next() {
                Some('n') => out.push('\n'),
                Some('t') => out.push('\t'),
                Some('r') => {}
                Some('u') => {
                    let digits: String = chars.by_ref().take(4).collect();
                    let code = u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32);
                    out.push(code.unwrap_or('\u{fffd}'));
                }
                Some(other) => out.push(other),
                None => {}
            },
            other => out.push(other),
        }
    }
    out
}

/// What stands before the header of a traceback on its line, where the line ends with the header.
pub(super) fn before_header(line: &str) -> Option<&str> {
    let before = line.trim_end().strip_suffix(HEADER)?;
    Some(before.strip_suffix("  + Exception Group ").unwrap_or(before))
}

/// The rest of `line` behind a prefix like `prefix`: equal but for the digits in it.
pub(super) fn strip_like<'a>(prefix: &str, line: &'a str) -> Option<&'a str> {
    strip(prefix, line, |_, _| true)
}

/// As [`strip_like`], where digits may differ in a time or a date only: another number in a name is
/// another writer.
pub(super) fn strip_same<'a>(prefix: &str, line: &'a str) -> Option<&'a str> {
    strip(prefix, line, |before, after| in_time(before.chars().rev()) || in_time(after.chars()))
}

/// Whether a separator of times and then a digit come next.
fn in_time(mut chars: impl Iterator<Item = char>) -> bool {
    let separator = chars.next().is_some_and(|c| ":.,-/".contains(c));
    separator && chars.next().is_some_and(|c| c.is_ascii_digit())
}

/// The rest of `line` behind `prefix`; `may` says, from what stands before and after them in the
/// prefix, whether digits may differ.
fn strip<'a>(prefix: &str, line: &'a str, may: impl Fn(&str, &str) -> bool) -> Option<&'a str> {
    let mut rest = line;
    let mut wanted = prefix;
    while let Some(c) = wanted.chars().next() {
        if c.is_ascii_digit() {
            let after = wanted.trim_start_matches(|c: char| c.is_ascii_digit());
            let number = &wanted[..wanted.len() - after.len()];
            let behind = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            let found = &rest[..rest.len() - behind.len()];
            let before = &prefix[..prefix.len() - wanted.len()];
            if found.is_empty() || (found != number && !may(before, after)) {
                return None;
            }
            (wanted, rest) = (after, behind);
        } else if let Some(after) = rest.strip_prefix(c) {
            rest = after;
            wanted = &wanted[c.len_utf8()..];
        } else {
            // An empty line has often lost the space at the end of its prefix.
            return (rest.is_empty() && wanted.trim().is_empty()).then_some(rest);
        }
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_prefix_is_taken_off_whatever_its_digits() {
        let prefix = "Jan  1 12:00:00 host shop[12]: ";
        assert_eq!(strip_like(prefix, "Jan  1 12:00:09 host shop[12]:   File"), Some("  File"));
        assert_eq!(strip_like(prefix, "Jan  1 12:00:09 host shop[12]:"), Some(""));
        assert_eq!(strip_like(prefix, "Jan  1 12:00:09 host cron[12]: x"), None);
        assert_eq!(strip_like("shop-1  | ", "shop-1  |   File"), Some("  File"));
    }

    #[test]
    fn a_prefix_of_the_same_writer_differs_in_its_time_alone() {
        let prefix = "2026-01-01 12:00:00,123 [worker-1] ";
        let line = |time: &str, worker| format!("2026-01-01 {time} [worker-{worker}] x");
        assert_eq!(strip_same(prefix, &line("12:00:01,007", 1)), Some("x"));
        assert_eq!(strip_same(prefix, &line("12:00:01,007", 12)), None);
        assert_eq!(strip_same("pid 7 | ", "pid 8 | x"), None);
        assert_eq!(strip_same("1700000000.25 7: ", "1700000001.5 7: x"), Some("x"));
    }

    #[test]
    fn containers_are_unwrapped() {
        let cri = "2026-01-01T00:00:00.1Z stderr F   File \"a.py\", line 1, in f";
        assert_eq!(unwrap(cri), Inner::Text("  File \"a.py\", line 1, in f".into()));
        assert_eq!(unwrap("2026-01-01T00:00:00.1Z stderr P ab"), Inner::Part("ab".into()));
        let docker = r#"{"log":"    x = 1\n","stream":"stderr","time":"t"}"#;
        assert_eq!(unwrap(docker), Inner::Text("    x = 1".into()));
        assert_eq!(unwrap("\x1b[1;31mKeyError\x1b[0m: 'x'\r"), Inner::Text("KeyError: 'x'".into()));
    }

    #[test]
    fn a_cut_record_still_gives_its_traceback() {
        let line = r#"x {"exc": "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\nKeyError: 'x'"#;
        let Inner::Traceback { text, .. } = unwrap(line) else { panic!("no traceback") };
        assert_eq!(text.lines().nth(1).unwrap(), "  File \"a.py\", line 1, in f");
    }
}
