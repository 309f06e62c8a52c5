//! One line of an access log, in the common, combined or JSON format.

use std::time::Duration;

use aegis_core::Timestamp;

use super::json;
use crate::sources::when;

/// Bytes of a request's target that are kept.
pub(super) const MAX_TARGET: usize = 2048;

/// The unit of durations that are written as bare numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum DurationUnit {
    /// A number with a decimal point is seconds. A whole one is microseconds at the end of a line
    /// (Apache's `%D`) and seconds in JSON.
    #[default]
    Usual,
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Nanoseconds.
    Nanoseconds,
}

impl DurationUnit {
    /// How many of it are a second.
    const fn a_second(self) -> f64 {
        match self {
            Self::Usual | Self::Seconds => 1.0,
            Self::Milliseconds => 1e3,
            Self::Microseconds => 1e6,
            Self::Nanoseconds => 1e9,
        }
    }

    /// The same, or `other` where nothing was said.
    pub(super) const fn or(self, other: Self) -> Self {
        match self {
            Self::Usual => other,
            said => said,
        }
    }
}

/// A request as its line tells it.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::sources) struct Entry {
    pub(in crate::sources) at: Timestamp,
    pub(in crate::sources) method: String,
    pub(in crate::sources) target: String,
    pub(in crate::sources) status: u16,
    pub(in crate::sources) latency: Option<Duration>,
}

/// How a log is to be read.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::sources) struct Reading {
    pub(super) unit: DurationUnit,
    /// East of UTC, for times without a zone.
    pub(super) offset_ms: i64,
}

impl Reading {
    /// The request of `line`; `None` where it is not understood.
    pub(in crate::sources) fn entry(&self, line: &str) -> Option<Entry> {
        let line = line.trim();
        let mut entry = match line.find('{') {
            // A shipper may have put a prefix before the object.
            Some(at) if line.ends_with('}') && !line[..at].contains('"') => {
                json::entry(&line[at..], self)
            }
            _ => self.common(line),
        }?;
        if entry.target.len() > MAX_TARGET {
            let end = entry.target.floor_char_boundary(MAX_TARGET);
            entry.target.truncate(end);
        }
        (100..=999).contains(&entry.status).then_some(entry)
    }

    /// A time that a log wrote.
    pub(super) fn time(&self, text: &str) -> Option<Timestamp> {
        let when = when::at_start(text)?;
        let shift = if when.zoned { 0 } else { self.offset_ms };
        Some(Timestamp::from_ms(when.at.as_ms() - shift))
    }

    /// `host ident user [time] "request" status bytes "referer" "agent" duration`.
    fn common(&self, line: &str) -> Option<Entry> {
        // The host may be an IPv6 address in brackets.
        let (at, close) = line.match_indices('[').take(4).find_map(|(open, _)| {
            let close = open + line[open..].find(']')?;
            Some((self.time(&line[open + 1..close])?, close))
        })?;
        let mut rest = Tokens(&line[close + 1..]);
        let request = rest.next()?.text;
        let (method, target) = request_line(request)?;
        let status = rest.next()?.text.parse().ok()?;
        let rest: Vec<Token<'_>> = rest.skip(1).take(32).collect();
        Some(Entry {
            at,
            method: method.to_owned(),
            target: target.to_owned(),
            status,
            latency: self.trailing(&rest),
        })
    }

    /// The duration among the fields after the size: a named one, else the first bare number.
    fn trailing(&self, fields: &[Token<'_>]) -> Option<Duration> {
        const NAMES: [&str; 6] =
            ["rt", "request_time", "duration", "latency", "took", "response_time"];
        let named = fields.iter().filter_map(|f| f.text.split_once('=')).find_map(|(name, v)| {
            let known = NAMES.contains(&name.to_ascii_lowercase().as_str());
            known.then(|| duration(v.trim_matches('"'), self.unit, DurationUnit::Seconds)).flatten()
        });
        // The two quoted fields of the combined format are the caller's words, not durations.
        let quoted = fields.iter().take(2).take_while(|f| f.quoted).count();
        named.or_else(|| {
            fields[quoted..]
                .iter()
                .find_map(|f| duration(f.text, self.unit, DurationUnit::Microseconds))
        })
    }
}

/// `GET /path HTTP/1.1`; the version may be missing.
pub(super) fn request_line(text: &str) -> Option<(&str, &str)> {
    let (method, rest) = text.trim().split_once(' ')?;
    let target = match rest.rsplit_once(' ') {
        Some((target, version)) if version.starts_with("HTTP/") => target,
        _ => rest,
    };
    let named = !method.is_empty() && method.len() <= 32;
    let word = method.bytes().all(|b| b.is_ascii_alphabetic() || b == b'-' || b == b'_');
    (named && word && !target.is_empty()).then_some((method, target))
}

/// A duration with its unit (`12ms`, `0.5s`, `80µs`), or a bare number in the unit that was said or,
/// where none was, in seconds with a decimal point and in `whole` without.
pub(super) fn duration(text: &str, said: DurationUnit, whole: DurationUnit) -> Option<Duration> {
    const SUFFIXES: [(&str, DurationUnit); 5] = [
        ("ms", DurationUnit::Milliseconds),
        ("us", DurationUnit::Microseconds),
        ("µs", DurationUnit::Microseconds),
        ("ns", DurationUnit::Nanoseconds),
        ("s", DurationUnit::Seconds),
    ];
    let suffixed = SUFFIXES.iter().find_map(|(s, unit)| Some((text.strip_suffix(s)?, *unit)));
    let fraction = text.contains('.');
    let (number, unit) = suffixed
        .unwrap_or_else(|| (text, said.or(if fraction { DurationUnit::Seconds } else { whole })));
    let plain = number.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let number: f64 = number.parse().ok().filter(|_| plain)?;
    seconds(number, unit)
}

/// `number` of `unit` as a duration; `None` where it is none.
pub(super) fn seconds(number: f64, unit: DurationUnit) -> Option<Duration> {
    Duration::try_from_secs_f64(number / unit.a_second()).ok()
}

#[derive(Debug, Clone, Copy)]
struct Token<'a> {
    text: &'a str,
    quoted: bool,
}

/// Fields between blanks; a quoted one may hold blanks and escaped quotes.
struct Tokens<'a>(&'a str);

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let text = self.0.trim_start();
        if text.is_empty() {
            return None;
        }
        let (token, rest) = match text.strip_prefix('"') {
            Some(inner) => {
                let end = closing_quote(inner);
                let rest = inner.get(end + 1..).unwrap_or_default();
                (Token { text: &inner[..end], quoted: true }, rest)
            }
            None => {
                let end = text.find(char::is_whitespace).unwrap_or(text.len());
                (Token { text: &text[..end], quoted: false }, &text[end..])
            }
        };
        self.0 = rest;
        Some(token)
    }
}

fn closing_quote(text: &str) -> usize {
    let mut escaped = false;
    for (i, b) in text.bytes().enumerate() {
        match b {
            b'"' if !escaped => return i,
            b'\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const HEAD: &str =
        r#"127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET /a?b=1 HTTP/1.1" 200 2326"#;

    fn latency(tail: &str, unit: DurationUnit) -> Option<u128> {
        let reading = Reading { unit, offset_ms: 0 };
        reading.entry(&format!("{HEAD}{tail}")).unwrap().latency.map(|d| d.as_micros())
    }

    #[test]
    fn the_common_and_the_combined_format_are_read() {
        for tail in ["", r#" "-" "curl/8.0 (a \"b\" 7)""#, r#" "http://x/" "5""#] {
            let entry = Reading::default().entry(&format!("{HEAD}{tail}")).unwrap();
            assert_eq!(entry.at.as_ms(), 971_211_336_000);
            assert_eq!((entry.method.as_str(), entry.target.as_str()), ("GET", "/a?b=1"));
            assert_eq!((entry.status, entry.latency), (200, None), "{tail}");
        }
    }

    #[test]
    fn durations_are_read_in_every_usual_form() {
        let usual = DurationUnit::Usual;
        for tail in [
            r#" "-" "curl" 0.012"#,
            r#" "-" "curl" "-" "0.012""#,
            r#" "-" "curl" rt=0.012 uct="0.001" urt="0.009""#,
            r#" "-" "curl" request_time="0.012""#,
            r#" "-" "curl" 12000"#,
            r#" "-" "curl" 12ms"#,
            r#" "-" "curl" 12000µs"#,
            " 0.012",
            " 12000",
        ] {
            assert_eq!(latency(tail, usual), Some(12_000), "{tail}");
        }
        assert_eq!(latency(r#" "-" "curl" 12"#, DurationUnit::Milliseconds), Some(12_000));
        assert_eq!(latency(r#" "-" "curl" 12.5"#, DurationUnit::Milliseconds), Some(12_500));
        assert_eq!(latency(r#" "-" "curl" -"#, usual), None);
        assert_eq!(latency(r#" "-" "curl" inf"#, usual), None);
    }

    #[test]
    fn brackets_before_the_time_are_passed_over() {
        let line = HEAD.replace("127.0.0.1 -", "[::1]:80 [x]");
        assert_eq!(Reading::default().entry(&line).unwrap().at.as_ms(), 971_211_336_000);
    }

    #[test]
    fn a_time_without_a_zone_is_in_the_zone_that_was_said() {
        let line = r#"127.0.0.1 - - [01/Mar/2026 03:30:00] "GET / HTTP/1.1" 200 -"#;
        let reading = Reading { offset_ms: 3_600_000, ..Reading::default() };
        assert_eq!(reading.entry(line).unwrap().at.as_ms(), 1_772_332_200_000);
    }

    #[test]
    fn lines_that_are_no_requests_are_not_read() {
        for line in [
            "",
            "Traceback (most recent call last):",
            "[2026-01-01 00:00:00 +0000] [7] [INFO] Booting worker",
            r#"1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "-" 400 0"#,
            r#"1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "\x16\x03\x01" 400 0"#,
            r#"1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.1" 7 0"#,
            r#"1.2.3.4 - - [10/Oct/2000:13:55:36 -0700] "GET /"#,
        ] {
            assert_eq!(Reading::default().entry(line), None, "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_line_is_survived(line in ".{0,200}", tail in r#"[ -~µ]{0,60}"#) {
            let _ = Reading::default().entry(&line);
            let _ = Reading::default().entry(&format!("{HEAD}{tail}"));
        }
    }
}
