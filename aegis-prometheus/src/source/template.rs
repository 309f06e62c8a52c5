//! PromQL with places for names and times; names enter as label values and as nothing else.

use std::fmt::Write as _;
use std::time::Duration;

use aegis_core::{Error, Result, ServiceName};

/// What stands for what:
///
/// - `{match}`: a whole matcher of the service label, for one service or for many: `service="shop"`.
/// - `{service}`: the service's name, inside quotes; such a query asks for one service at a time.
/// - `{label}`: the name of the service label.
/// - `{route}`, and `{method}` and `{path}` of a route such as `GET /cart`, inside quotes.
/// - `{window}`: how far a rate reaches back, as `45s`; `{step}`: the time between two samples, as
///   `30s`, and `{seconds}`: the same as a number.
#[derive(Debug, Clone)]
pub(super) struct Template(Vec<Part>);

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Text(String),
    /// A value inside quotes, and whether it stands in a regular expression.
    Value(Name, bool),
    Match,
    Label,
    Window,
    Step,
    Seconds,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Name {
    Service,
    Route,
    Method,
    Path,
}

/// What a template is filled with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filling<'a> {
    pub(super) label: &'a str,
    /// At least one.
    pub(super) services: &'a [ServiceName],
    pub(super) route: &'a str,
    pub(super) window: Duration,
    pub(super) step: Duration,
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// `Invalid` where a name would stand outside of double quotes: it could be a query there.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut parts = Vec::new();
        let (mut plain, mut rest) = (String::new(), text);
        let mut quotes = Quotes::default();
        while let Some(c) = rest.chars().next() {
            let found = if c == '{' { place(rest) } else { None };
            let Some((part, length)) = found else {
                quotes.pass(c, &plain);
                plain.push(c);
                rest = &rest[c.len_utf8()..];
                continue;
            };
            let part = match (part, quotes.open) {
                (Part::Value(name, _), Some('"')) => Part::Value(name, quotes.regex),
                (Part::Value(..), _) => {
                    let place = &rest[..length];
                    return Err(Error::invalid(format!(
                        "{place} must stand in double quotes, as a label's value, in {text}"
                    )));
                }
                (part, _) => part,
            };
            parts.push(Part::Text(std::mem::take(&mut plain)));
            parts.push(part);
            rest = &rest[length..];
        }
        parts.push(Part::Text(plain));
        Ok(Self(parts))
    }

    /// Whether one query can answer for many services.
    pub(super) fn batches(&self) -> bool {
        !self.0.iter().any(|part| matches!(part, Part::Value(Name::Service, _)))
    }

    /// The query.
    pub(super) fn fill(&self, with: &Filling<'_>) -> String {
        let mut out = String::new();
        for part in &self.0 {
            // Writing to a string can't fail.
            let _ = match part {
                Part::Text(text) => out.write_str(text),
                Part::Label => out.write_str(with.label),
                Part::Window => write!(out, "{}", Span(with.window)),
                Part::Step => write!(out, "{}", Span(with.step)),
                Part::Seconds => write!(out, "{}", with.step.as_secs_f64()),
                Part::Match => {
                    matcher(&mut out, with);
                    Ok(())
                }
                Part::Value(name, regex) => {
                    value(&mut out, name.of(with), *regex);
                    Ok(())
                }
            };
        }
        out
    }
}

impl Name {
    fn of<'a>(self, with: &Filling<'a>) -> &'a str {
        match self {
            Self::Service => with.services.first().map_or("", ServiceName::as_str),
            Self::Route => with.route,
            Self::Method => split(with.route).map_or("", |(method, _)| method),
            Self::Path => split(with.route).map_or(with.route, |(_, path)| path),
        }
    }
}

/// The method and the path of a route that has both.
pub(super) fn split(route: &str) -> Option<(&str, &str)> {
    let method =
        |method: &str| !method.is_empty() && method.bytes().all(|b| b.is_ascii_uppercase());
    route.split_once(' ').filter(|(first, _)| method(first))
}

/// The place that `text` begins with, and its length.
fn place(text: &str) -> Option<(Part, usize)> {
    let value = |name| Part::Value(name, false);
    let all = [
        ("{match}", Part::Match),
        ("{label}", Part::Label),
        ("{window}", Part::Window),
        ("{step}", Part::Step),
        ("{seconds}", Part::Seconds),
        ("{service}", value(Name::Service)),
        ("{route}", value(Name::Route)),
        ("{method}", value(Name::Method)),
        ("{path}", value(Name::Path)),
    ];
    all.into_iter().find(|(place, _)| text.starts_with(place)).map(|(p, part)| (part, p.len()))
}

/// Where in PromQL one is: in quotes, and after which operator.
#[derive(Debug, Default)]
struct Quotes {
    open: Option<char>,
    regex: bool,
    escaped: bool,
    comment: bool,
}

impl Quotes {
    fn pass(&mut self, c: char, before: &str) {
        match self.open {
            _ if self.comment => self.comment = c != '\n',
            Some(_) if self.escaped => self.escaped = false,
            Some(quote) if c == '\\' && quote != '`' => self.escaped = true,
            Some(quote) if c == quote => self.open = None,
            Some(_) => {}
            None if c == '#' => self.comment = true,
            None if matches!(c, '"' | '\'' | '`') => {
                self.open = Some(c);
                self.regex = before.trim_end().ends_with('~');
            }
            None => {}
        }
    }
}

fn matcher(out: &mut String, with: &Filling<'_>) {
    out.push_str(with.label);
    out.push_str(if with.services.len() == 1 { "=\"" } else { "=~\"" });
    for (n, service) in with.services.iter().enumerate() {
        if n > 0 {
            out.push('|');
        }
        value(out, service.as_str(), with.services.len() > 1);
    }
    out.push('"');
}

/// Text inside double quotes: as itself and nothing else, in a regular expression too.
fn value(out: &mut String, text: &str, regex: bool) {
    for c in text.chars() {
        if regex && r"\.+*?()|[]{}^$".contains(c) {
            out.push_str(r"\\");
        }
        match c {
            '\\' => out.push_str(r"\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str(r"\n"),
            c => out.push(c),
        }
    }
}

/// A duration as PromQL writes it.
struct Span(Duration);

impl std::fmt::Display for Span {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.as_millis() {
            ms if ms.is_multiple_of(1_000) && ms > 0 => write!(f, "{}s", ms / 1_000),
            ms => write!(f, "{}ms", ms.max(1)),
        }
    }
}

#[cfg(test)]
#[path = "template_tests.rs"]
mod tests;
