//! What one line of a log is, seen alone.

use std::sync::LazyLock;

use regex::Regex;

use super::Relation;
use super::recorded::is_recorded;

/// A regular expression that is part of the program.
pub(crate) fn regex(pattern: &str) -> Regex {
    // A test compiles each of them, so this can't fail in the field.
    #[allow(clippy::expect_used)]
    Regex::new(pattern).expect("a pattern of the program compiles")
}

pub(super) const HEADER: &str = "Traceback (most recent call last):";

static MARGIN: LazyLock<Regex> = LazyLock::new(|| regex(r"^ +\| ?(.*)$"));
static SEPARATOR: LazyLock<Regex> =
    LazyLock::new(|| regex(r"^ +\+(?:-\+)?-{10,}(?: (?:\d+|\.\.\.) -{10,}|(-*))$"));
static FRAME: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"^  File "([^"]*)", line (\d+)(?:, in (.*))?$"#));
static RAISED: LazyLock<Regex> = LazyLock::new(|| {
    regex(r"^((?:[^\W\d]\w*|<locals>)(?:\.(?:[^\W\d]\w*|<locals>))*)(?::(?: (.*))?)?$")
});
static LEVEL: LazyLock<Regex> =
    LazyLock::new(|| regex(r"(?:^|[\s\[|<:(-])(ERROR|CRITICAL|FATAL)(?:[\s\]|>):]|$)"));
static LOGFMT: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"(?:^|\s)(?:level|lvl|severity)="?(?i:error|critical|fatal)\b"#));
static CALM: LazyLock<Regex> =
    LazyLock::new(|| regex(r"\b(?:DEBUG|INFO|NOTICE|TRACE|WARN|WARNING)\b"));
static OPENING: LazyLock<Regex> = LazyLock::new(|| {
    regex(concat!(
        // Timestamps, syslog, glog.
        r"^(?:[\[(<]?\d{4}[-/.]\d\d[-/.]\d\d[T \])]|[\[(]?\d\d:\d\d:\d\d\b|\[?\d\d/[A-Z][a-z]{2}/\d{4}",
        r"|<\d+>|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|[IWEFD]\d{4} \d\d:",
        // Levels.
        r"|[\[(<]?(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL|FATAL)[\]):>\s|]",
        // Access logs.
        r"|\S+ (?:\S+ )?- \[|\d{1,3}(?:\.\d{1,3}){3}[ :]|(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) /",
        // JSON and logfmt.
        r#"|\{\s*"|(?:time|ts|timestamp|level|lvl)="#,
        // What servers and the interpreter print around a traceback.
        r"|Stack \(most recent|Exception in |Exception ignored in|Exception occurred during",
        r"|(?:Task|Future) exception was never|[-=*]{10,}$)"
    ))
});

/// A line, with the margin of an exception group taken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// `Traceback (most recent call last):`, also of a group.
    Header,
    /// `File "…", line N, in f`; a syntax error has no function.
    Frame { path: &'a str, line: Option<u32>, function: Option<&'a str> },
    /// `During handling …`, `The above exception was the direct cause …`.
    Chain(Relation),
    /// The line before the next member of a group.
    Member,
    /// The line after the last member.
    GroupEnd,
    /// `ValueError: message`.
    Raised { kind: &'a str, message: &'a str },
    /// Nothing, or the quotes around the traceback of another process.
    Blank,
    /// Indented as source below a frame is.
    Source(&'a str),
    /// The start of another log record.
    Record,
    /// What the recorder wrote after a traceback.
    Recorded,
    /// Anything else.
    Other,
}

/// A line and whether it had the margin of a group.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) kind: Kind<'a>,
    pub(super) text: &'a str,
    pub(super) grouped: bool,
}

/// What `line` is.
pub(super) fn see(line: &str) -> Seen<'_> {
    if let Some(found) = SEPARATOR.captures(line) {
        let kind = if found.get(1).is_some() { Kind::GroupEnd } else { Kind::Member };
        return Seen { kind, text: line.trim(), grouped: true };
    }
    if let Some(start) = line.trim_start().strip_prefix("+ Exception Group ")
        && start == HEADER
        && line.starts_with("  ")
    {
        return Seen { kind: Kind::Header, text: start, grouped: true };
    }
    match MARGIN.captures(line).and_then(|found| found.get(1)) {
        Some(inner) => Seen { kind: kind(inner.as_str()), text: inner.as_str(), grouped: true },
        None => Seen { kind: kind(line), text: line, grouped: false },
    }
}

fn kind(line: &str) -> Kind<'_> {
    let trimmed = line.trim_end();
    if trimmed.is_empty() || trimmed == "\"\"\"" {
        return Kind::Blank;
    }
    if trimmed == HEADER {
        return Kind::Header;
    }
    if let Some(found) = FRAME.captures(trimmed) {
        let group = |n| found.get(n).map(|m| m.as_str());
        return Kind::Frame {
            path: group(1).unwrap_or_default(),
            line: group(2).and_then(|n| n.parse().ok()),
            function: group(3),
        };
    }
    if line.starts_with("    ") || line.starts_with('\t') {
        return Kind::Source(trimmed.trim_start());
    }
    match trimmed {
        "The above exception was the direct cause of the following exception:" => {
            return Kind::Chain(Relation::Cause);
        }
        "During handling of the above exception, another exception occurred:" => {
            return Kind::Chain(Relation::Context);
        }
        _ => {}
    }
    if is_recorded(line) {
        return Kind::Recorded;
    }
    if OPENING.is_match(line) {
        return Kind::Record;
    }
    match raised(line) {
        Some((kind, message)) => Kind::Raised { kind, message },
        None => Kind::Other,
    }
}

/// The type and message of an exception, where the line can be one.
fn raised(line: &str) -> Option<(&str, &str)> {
    let found = RAISED.captures(line)?;
    let kind = found.get(1)?.as_str();
    let message = found.get(2).map(|m| m.as_str()).unwrap_or_default();
    // CPython leaves the module out for built-in types only, and those start with a capital.
    let looks = kind.contains('.') || kind.starts_with(|c: char| c.is_uppercase() || c == '_');
    looks.then_some((kind, message))
}

/// Whether a log line says by its level that it reports an error.
pub(super) fn is_error(line: &str) -> bool {
    // Its values may quote anything.
    if is_recorded(line) {
        return false;
    }
    if LOGFMT.is_match(line) {
        return true;
    }
    let Some(level) = LEVEL.captures(line).and_then(|found| found.get(1)) else { return false };
    let before = &line[..level.start()];
    if before.len() > 120 || before.contains('"') || CALM.is_match(before) {
        return false;
    }
    // Before a level stand a time, brackets, or a logger's name with its separator; not prose.
    let before = before.trim();
    before.is_empty()
        || before.starts_with(|c: char| c.is_ascii_digit() || "[(<{|".contains(c))
        || before.ends_with(['-', '|', ':', '[', '(', '<'])
        || OPENING.is_match(before)
        || OPENING.is_match(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_known_by_the_usual_formats() {
        for line in [
            "ERROR:root:no stock",
            "ERROR:    Exception in ASGI application",
            "CRITICAL no stock",
            "2026-01-01 12:00:00,123 ERROR shop: no stock",
            "2026-01-01 12:00:00,123 - shop - ERROR - no stock",
            "2026-01-01T12:00:00Z [ERROR] no stock",
            "[2026-01-01 12:00:00 +0000] [12] [ERROR] no stock",
            "2026-01-01 12:00:00.000 | ERROR    | shop:f:3 - no stock",
            "shop - ERROR - no stock",
            "Jan  1 12:00:00 host shop[12]: ERROR no stock",
            "[2026-01-01 12:00:00,000] ERROR in app: Exception on /x [GET]",
            "time=2026-01-01T12:00:00Z level=error msg=\"no stock\"",
            "12:00:00 FATAL no stock",
        ] {
            assert!(is_error(line), "{line}");
        }
        for line in [
            "INFO:root:got ERROR from upstream",
            "2026-01-01 12:00:00 INFO retrying after ERROR x",
            "The last ERROR was long ago",
            "127.0.0.1 - - [01/Jan/2026:12:00:00 +0000] \"GET /ERROR HTTP/1.1\" 200 2",
            "2026-01-01 12:00:00 WARNING ERROR_RATE high",
            "no errors",
            "level=info msg=\"no error\"",
        ] {
            assert!(!is_error(line), "{line}");
        }
    }

    #[test]
    fn an_exception_line_is_told_from_other_lines() {
        for line in [
            "KeyError: 'x'",
            "AssertionError",
            "a.b.Error: x",
            "m.f.<locals>.E: x",
            "E:",
            "socket.timeout: t",
        ] {
            assert!(matches!(see(line).kind, Kind::Raised { .. }), "{line}");
        }
        for line in
            ["INFO: started", "started", "started: ok", "a b: c", "127.0.0.1 - - [x]", "GET /x", ""]
        {
            assert!(!matches!(see(line).kind, Kind::Raised { .. }), "{line}");
        }
    }
}
