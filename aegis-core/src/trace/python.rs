//! CPython tracebacks.

use super::collect::{BlockKind, Collector, CollectorConfig};
use super::line::{Kind, see};
use super::path::locate;
use super::{Exception, Frame, Language, Relation, Trace, recorded};

/// What an exception is called whose last line is missing.
const CUT_OFF: &str = "(cut off)";

/// All traces in a text, in order.
///
/// Reads chained exceptions, exception groups and syntax errors; inside JSON records, behind the
/// prefixes of loggers and containers, and with the lines of other writers in between.
///
/// ```
/// let traces = aegis_core::trace::parse(
///     "Traceback (most recent call last):\n  File \"/srv/shop/a.py\", line 3, in f\nKeyError: 'x'\n",
/// );
/// assert_eq!(traces[0].to_string(), "KeyError: 'x'");
/// assert_eq!(traces[0].exceptions[0].frames[0].function, "f");
/// ```
pub fn parse(text: &str) -> Vec<Trace> {
    let unbounded =
        CollectorConfig::default().with_max_lines(usize::MAX).with_max_bytes(usize::MAX);
    let mut collector = Collector::new(unbounded);
    let mut blocks = Vec::new();
    for line in text.lines() {
        blocks.extend(collector.push(line));
    }
    blocks.extend(collector.flush());
    blocks
        .iter()
        .filter(|block| block.kind == BlockKind::Trace)
        .filter_map(|block| read(block.text.expose()))
        .collect()
}

/// The exceptions of one block as they are read.
#[derive(Default)]
struct Reader {
    exceptions: Vec<Exception>,
    frames: Vec<Frame>,
    relation: Option<Relation>,
    /// The type, and the message's lines so far.
    raised: Option<(String, String)>,
    /// The recorder's line.
    recorded: Option<String>,
}

impl Reader {
    fn close(&mut self) {
        let frames = std::mem::take(&mut self.frames);
        let (kind, message) = match self.raised.take() {
            Some(raised) => raised,
            None if frames.is_empty() => return,
            None => (CUT_OFF.to_owned(), String::new()),
        };
        let mut exception = Exception::new(kind, message.trim_end(), frames);
        exception.relation = self.relation.take();
        self.exceptions.push(exception);
    }
}

fn read(text: &str) -> Option<Trace> {
    let mut reader = Reader::default();
    for line in text.lines() {
        let seen = see(line);
        match seen.kind {
            Kind::Header => reader.close(),
            Kind::Frame { path, line, function } => {
                // What looked like the exception was a line of somebody else.
                reader.raised = None;
                let (path, in_app) = locate(path);
                let function = function.unwrap_or("<module>");
                reader.frames.push(Frame::new(path, line, function).with_in_app(in_app));
            }
            Kind::Chain(relation) => {
                reader.close();
                reader.relation = Some(relation);
            }
            Kind::Member => {
                reader.close();
                reader.relation = Some(Relation::Member);
            }
            Kind::GroupEnd => reader.close(),
            Kind::Recorded => reader.recorded = Some(seen.text.to_owned()),
            kind => match (&mut reader.raised, kind) {
                (Some((_, message)), _) => {
                    message.push('\n');
                    message.push_str(seen.text.trim_end());
                }
                (None, Kind::Raised { kind, message }) => {
                    reader.raised = Some((kind.to_owned(), message.to_owned()));
                }
                (None, Kind::Source(source)) => {
                    // The first line only: below it, `~~^~~` marks a part of it.
                    if let Some(frame) = reader.frames.last_mut() {
                        frame.source.get_or_insert_with(|| source.to_owned());
                    }
                }
                _ => {}
            },
        }
    }
    reader.close();
    // Nothing stands before the first, so it came from nothing.
    if let Some(first) = reader.exceptions.first_mut() {
        first.relation = None;
    }
    if reader.exceptions.is_empty() {
        return None;
    }
    let mut trace = Trace::new(Language::Python, reader.exceptions);
    trace.recorded = reader.recorded.and_then(|line| recorded::read(&line, &trace));
    Some(trace)
}

#[cfg(test)]
#[path = "python_tests.rs"]
mod tests;
