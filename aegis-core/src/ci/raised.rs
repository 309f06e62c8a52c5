//! What a test raised that failed, as a stack trace: then a pipeline that code broke is mended as code.

use std::sync::LazyLock;

use regex::Regex;

use super::place;
use super::pytest::{PART, PLACE, TITLE, WHY};
use crate::trace::{Exception, Frame, Language, Trace, regex};

/// `    def total(prices):`, as pytest quotes a function.
static DEF: LazyLock<Regex> = LazyLock::new(|| regex(r"^    (?:async )?def (\w+)\("));
/// `>       return sum(prices) / len(prices)`
static RAISES: LazyLock<Regex> = LazyLock::new(|| regex(r"^> +(\S.*)$"));
/// `shop.errors.OutOfStock: none left`
static KIND: LazyLock<Regex> = LazyLock::new(|| regex(r"^([A-Za-z_][\w.]*)(?:: (.*))?$"));

/// Frames of one failure that are kept.
const FRAMES: usize = 100;

/// The stack trace of the first failure that pytest tells and that came from beneath its test, else of
/// the first one; nothing where the text holds none. Frames outside the repository are left out.
///
/// ```
/// let log = "\
/// =================================== FAILURES ===================================
/// __________________________________ test_total __________________________________
///
///     def test_total():
/// >       assert total([]) == 0
///
/// tests/test_cart.py:4:
/// _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _ _
///
///     def total(prices):
/// >       return sum(prices) / len(prices)
/// E       ZeroDivisionError: division by zero
///
/// cart.py:2: ZeroDivisionError
/// ";
/// let trace = aegis_core::ci::raised(log).unwrap();
/// let culprit = trace.exceptions[0].culprit().unwrap();
/// assert_eq!((culprit.path.as_str(), culprit.line), ("cart.py", Some(2)));
/// ```
pub fn raised(text: &str) -> Option<Trace> {
    let text = &text[PART.find(text)?.start()..];
    let mut all = Vec::new();
    let mut section = Section::default();
    for line in text.lines() {
        if TITLE.is_match(line) || PART.is_match(line) {
            all.extend(std::mem::take(&mut section).ended());
        } else {
            section.line(line);
        }
    }
    all.extend(section.ended());
    let beneath = |e: &&Exception| match &e.frames[..] {
        [test, .., last] => test.path != last.path,
        _ => false,
    };
    let exception = all.iter().find(beneath).or(all.first())?.clone();
    Some(Trace::new(Language::Python, vec![exception]))
}

/// One failure, as far as it was read.
#[derive(Default)]
struct Section {
    frames: Vec<Frame>,
    /// Of the frame that is being quoted.
    function: Option<String>,
    source: Option<String>,
    /// The kind of the exception, as the last place names it, and the first line of what it says.
    kind: Option<String>,
    why: Option<String>,
    /// Whether the next line is the source of the last frame.
    quotes: bool,
}

impl Section {
    fn line(&mut self, line: &str) {
        let group =
            |found: &regex::Captures<'_>, n| found.get(n).map_or("", |m| m.as_str()).to_owned();
        if std::mem::take(&mut self.quotes)
            && let Some(last) = self.frames.pop()
        {
            self.frames.push(last.with_source(line.trim()));
        } else if let Some(found) = PLACE.captures(line) {
            let rest = line[found.get(0).map_or(0, |m| m.end())..].trim();
            let within = rest.strip_prefix("in ");
            let function = within.map(str::to_owned).or(self.function.take());
            let source = self.source.take();
            if within.is_none() && !rest.is_empty() {
                self.kind = Some(rest.to_owned());
            }
            let Some(at) = place(&group(&found, 1), &group(&found, 2)) else { return };
            if self.frames.len() < FRAMES {
                let frame = Frame::new(at.path, Some(at.line), function.unwrap_or_default());
                self.frames.push(match source {
                    Some(source) => frame.with_source(source),
                    None => frame,
                });
                self.quotes = within.is_some();
            }
        } else if let Some(found) = DEF.captures(line) {
            // One that it holds comes after it.
            self.function.get_or_insert_with(|| group(&found, 1));
        } else if let Some(found) = RAISES.captures(line) {
            self.source = Some(group(&found, 1));
        } else if let Some(found) = WHY.captures(line) {
            self.why.get_or_insert_with(|| group(&found, 1));
        }
    }

    fn ended(self) -> Option<Exception> {
        if self.frames.is_empty() {
            return None;
        }
        let why = self.why.unwrap_or_default();
        let said = KIND.captures(&why).and_then(|found| {
            let message = found.get(2).map_or("", |m| m.as_str());
            Some((found.get(1)?.as_str().to_owned(), message.to_owned()))
        });
        let (kind, message) = match (self.kind, said) {
            // `E   assert 3 == 4` names no kind.
            (Some(kind), Some((named, message)))
                if named.rsplit('.').next() == kind.rsplit('.').next() =>
            {
                (named, message)
            }
            (Some(kind), _) => (kind, why),
            (None, Some(said)) => said,
            (None, None) => return None,
        };
        Some(Exception::new(kind, message, self.frames))
    }
}
