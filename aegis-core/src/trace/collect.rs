//! Joining the lines of a log into whole error reports, line by line.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::line::{Kind, is_error, see};
use super::open::{Fate, Open};
use super::wrap::{Inner, before_header, strip_same, unwrap};
use crate::redact::Untrusted;

/// Longest line that is kept, in bytes; the rest of it is dropped.
const MAX_LINE: usize = 8 << 10;

/// Most lines that a one-line error may be followed by before it counts as over.
const MAX_HELD: usize = 20;

/// Most tracebacks that are read at once, of writers that are told apart by their prefixes.
const MAX_OPEN: usize = 4;

/// Most first words of ordinary lines that are remembered.
const MAX_WORDS: usize = 16;

/// Bounds on one block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct CollectorConfig {
    /// Most lines; 400 by default. Of a longer block, head and tail are kept.
    pub max_lines: usize,
    /// Most bytes; 64 KiB by default.
    pub max_bytes: usize,
}

impl Default for CollectorConfig {
    fn default() -> Self {
        Self { max_lines: 400, max_bytes: 64 << 10 }
    }
}

impl CollectorConfig {
    /// Sets the most lines of a block.
    #[must_use]
    pub fn with_max_lines(mut self, lines: usize) -> Self {
        self.max_lines = lines;
        self
    }

    /// Sets the most bytes of a block.
    #[must_use]
    pub fn with_max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes;
        self
    }
}

/// What a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BlockKind {
    /// A traceback with everything that is chained to it.
    Trace,
    /// An error without a traceback, known by its level.
    Line,
}

/// One error report of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Block {
    /// What it is.
    pub kind: BlockKind,
    /// The log line right before the traceback: "ERROR handling GET /x".
    pub context: Option<Untrusted>,
    /// The lines, without what containers and loggers put before each of them.
    pub text: Untrusted,
    /// Whether it has its end: a traceback that broke off before its exception does not say what
    /// went wrong.
    pub complete: bool,
}

impl Block {
    fn new(kind: BlockKind, context: Option<String>, text: String) -> Self {
        let (context, text) = (context.map(Untrusted::new), Untrusted::new(text));
        Self { kind, context, text, complete: true }
    }

    /// Context and text as one, as [`Signal::error`](crate::model::Signal::error) takes it.
    pub fn into_untrusted(self) -> Untrusted {
        match self.context {
            Some(context) => {
                Untrusted::new(format!("{}\n{}", context.expose(), self.text.expose()))
            }
            None => self.text,
        }
    }
}

/// Joins the lines of one log into [`Block`]s as they come.
///
/// A block is given out as soon as a line comes that can't belong to it; a tail calls
/// [`flush`](Self::flush) where the log has been quiet for a moment.
///
/// ```
/// use aegis_core::trace::{BlockKind, Collector};
/// let mut collector = Collector::default();
/// let mut blocks = Vec::new();
/// for line in [
///     "ERROR handling GET /x",
///     "Traceback (most recent call last):",
///     "  File \"shop/a.py\", line 3, in f",
///     "ZeroDivisionError: division by zero",
///     "INFO next",
/// ] {
///     blocks.extend(collector.push(line));
/// }
/// assert_eq!(blocks.len(), 1);
/// assert_eq!(blocks[0].kind, BlockKind::Trace);
/// assert!(!collector.pending());
/// ```
#[derive(Debug, Default)]
pub struct Collector {
    config: CollectorConfig,
    /// Tracebacks that are being read; more than one only where each line names its writer.
    open: Vec<Open>,
    /// An error line that may turn out to be the context of a traceback, and what followed it.
    held: Vec<String>,
    /// The last ordinary lines.
    recent: VecDeque<String>,
    /// First words of ordinary lines: a line that starts like them is no message.
    words: Vec<String>,
    /// Inside a dump of the stack, which is no error.
    stack: bool,
    part: String,
}

impl Collector {
    /// A collector with these bounds.
    pub fn new(config: CollectorConfig) -> Self {
        Self { config, ..Self::default() }
    }

    /// Whether lines are held that a [`flush`](Self::flush) would give out.
    pub fn pending(&self) -> bool {
        !self.open.is_empty() || !self.held.is_empty() || !self.part.is_empty()
    }

    /// Whether a traceback is being read whose exception has not come yet.
    pub fn is_unfinished(&self) -> bool {
        self.open.iter().any(Open::is_unfinished)
    }

    /// Takes the next line of the log and gives out the blocks that are finished by it.
    pub fn push(&mut self, line: &str) -> Vec<Block> {
        let mut out = Vec::new();
        match unwrap(line) {
            Inner::Part(part) => {
                if self.part.len() < self.config.max_bytes {
                    self.part.push_str(cut(&part));
                }
            }
            Inner::Text(text) if self.part.is_empty() => self.take(cut(&text), &mut out),
            Inner::Text(text) => {
                let whole = std::mem::take(&mut self.part) + cut(&text);
                match unwrap(&whole) {
                    Inner::Text(whole) | Inner::Part(whole) => self.take(cut(&whole), &mut out),
                    inner => self.record(inner, &mut out),
                }
            }
            inner => self.record(inner, &mut out),
        }
        out
    }

    /// Gives out what is held, as when the log has been quiet or has ended.
    pub fn flush(&mut self) -> Vec<Block> {
        let mut out = Vec::new();
        if !self.part.is_empty() {
            let part = std::mem::take(&mut self.part);
            self.take(cut(&part), &mut out);
        }
        self.close(&mut out);
        self.release(&mut out);
        self.recent.clear();
        self.stack = false;
        out
    }

    /// A record that is a report by itself.
    fn record(&mut self, inner: Inner<'_>, out: &mut Vec<Block>) {
        // To a traceback that is being read, any record is somebody else's line.
        self.close_where(out, |open| open.take("{\"", &[]) == Fate::Over);
        self.release(out);
        self.recent.clear();
        match inner {
            Inner::Traceback { message, text } => {
                // The text has real lines, so this goes one level deep.
                let mut nested = Self::new(self.config);
                let mut blocks = Vec::new();
                for line in text.lines() {
                    nested.take(cut(line), &mut blocks);
                }
                blocks.extend(nested.flush());
                for mut block in blocks {
                    if block.context.is_none() {
                        block.context = message.as_deref().map(|m| Untrusted::new(cut(m)));
                    }
                    out.push(block);
                }
            }
            Inner::Error(message) => {
                out.push(Block::new(BlockKind::Line, None, cut(&message).to_owned()));
            }
            Inner::Text(_) | Inner::Part(_) => {}
        }
    }

    fn take(&mut self, line: &str, out: &mut Vec<Block>) {
        if self.belongs(line, out) {
            return;
        }
        let seen = see(line);
        if let Some(prefix) = before_header(line) {
            // A margin is no prefix: it belongs to the group that the log was cut into.
            let prefix =
                if seen.kind == Kind::Header && prefix.contains('|') { "" } else { prefix };
            // What another writer said before is its own report.
            if self.held.first().is_some_and(|held| strip_same(prefix, held).is_none()) {
                self.release(out);
                self.recent.clear();
            }
            let context = self.context();
            let mut open = Open::new(self.config, context, prefix.to_owned());
            open.start(line);
            self.open.push(open);
            return;
        }
        match seen.kind {
            // It tells of a traceback that is over, and nothing by itself.
            Kind::Recorded => {}
            Kind::Frame { .. } if !self.stack => {
                let context = self.context();
                let mut open = Open::new(self.config, context, String::new());
                open.start(line);
                self.open.push(open);
            }
            Kind::Chain(_) => match self.bare_cause() {
                Some((context, cause)) => {
                    let mut open = Open::new(self.config, context, String::new());
                    open.start(&cause);
                    open.take("", &[]);
                    open.take(line, &[]);
                    self.open.push(open);
                }
                None => self.ordinary(line, out),
            },
            _ => self.ordinary(line, out),
        }
    }

    /// Whether `line` is taken by a traceback that is being read, or passed by inside one.
    fn belongs(&mut self, line: &str, out: &mut Vec<Block>) -> bool {
        let owner = self.open.iter().position(|open| open.owns(line));
        let stranger = owner.is_none() && self.open.iter().any(|open| open.is_strange(line));
        if stranger {
            self.close_where(out, |open| open.foreign() == Fate::Over);
            if before_header(line).is_some() {
                if self.open.len() >= MAX_OPEN {
                    self.close_at(0, out);
                }
                return false;
            }
            if !self.open.is_empty() && is_error(line) {
                // It may be the context of that writer's traceback.
                self.release(out);
                self.held.push(line.to_owned());
            }
            return !self.open.is_empty();
        }
        let Some(at) = owner.or(self.open.len().checked_sub(1)) else { return false };
        match self.open[at].take(line, &self.words) {
            Fate::Taken => return true,
            Fate::Foreign => {
                if is_error(line) {
                    out.push(Block::new(BlockKind::Line, None, line.to_owned()));
                }
                return true;
            }
            Fate::Over => self.close_at(at, out),
        }
        // The others go on, and this line is none of theirs.
        false
    }

    fn ordinary(&mut self, line: &str, out: &mut Vec<Block>) {
        let kind = see(line).kind;
        if line.starts_with("Stack (most recent call") {
            self.stack = true;
        } else if !matches!(kind, Kind::Frame { .. } | Kind::Source(_) | Kind::Blank) {
            self.stack = false;
        }
        if is_error(line) {
            self.release(out);
            self.held.push(line.to_owned());
        } else if !self.held.is_empty() {
            let follows = matches!(kind, Kind::Raised { .. } | Kind::Source(_) | Kind::Blank)
                || line.starts_with([' ', '\t']);
            if follows && self.held.len() < MAX_HELD {
                self.held.push(line.to_owned());
            } else {
                self.release(out);
            }
        }
        if matches!(kind, Kind::Other | Kind::Record) {
            let word = first_word(line);
            if word.len() > 1 && !self.words.contains(&word) {
                if self.words.len() == MAX_WORDS {
                    self.words.remove(0);
                }
                self.words.push(word);
            }
        }
        if self.recent.len() == 4 {
            self.recent.pop_front();
        }
        self.recent.push_back(line.to_owned());
    }

    /// The line right before a traceback; what was held goes with it.
    fn context(&mut self) -> Option<String> {
        let held = std::mem::take(&mut self.held).into_iter().next();
        let last = self.recent.pop_back().filter(|line| !line.trim().is_empty());
        self.recent.clear();
        held.or(last.filter(|line| line.trim() != "\"\"\""))
    }

    /// An exception without a traceback that turns out to be the cause of the next one.
    fn bare_cause(&mut self) -> Option<(Option<String>, String)> {
        let at = self.recent.iter().rposition(|line| !line.trim().is_empty())?;
        if !matches!(see(&self.recent[at]).kind, Kind::Raised { .. }) {
            return None;
        }
        let cause = self.recent[at].clone();
        let before = at.checked_sub(1).map(|i| self.recent[i].clone());
        self.recent.clear();
        let held = std::mem::take(&mut self.held).into_iter().next();
        Some((held.or(before.filter(|line| !line.trim().is_empty())), cause))
    }

    fn close(&mut self, out: &mut Vec<Block>) {
        self.close_where(out, |_| true);
    }

    fn close_where(&mut self, out: &mut Vec<Block>, over: impl FnMut(&mut Open) -> bool) {
        for open in self.open.extract_if(.., over) {
            finish(open, out);
        }
    }

    fn close_at(&mut self, at: usize, out: &mut Vec<Block>) {
        finish(self.open.remove(at), out);
    }

    fn release(&mut self, out: &mut Vec<Block>) {
        let mut held = std::mem::take(&mut self.held);
        while held.last().is_some_and(|line| line.trim().is_empty()) {
            held.pop();
        }
        if !held.is_empty() {
            out.push(Block::new(BlockKind::Line, None, held.join("\n")));
        }
    }
}

fn finish(open: Open, out: &mut Vec<Block>) {
    let complete = !open.is_unfinished();
    if let Some((context, text)) = open.finish() {
        out.push(Block { complete, ..Block::new(BlockKind::Trace, context, text) });
    }
}

/// The first word, digits aside.
pub(super) fn first_word(line: &str) -> String {
    let word = line.split(' ').next().unwrap_or_default();
    word.chars().take(40).map(|c| if c.is_ascii_digit() { '0' } else { c }).collect()
}

fn cut(line: &str) -> &str {
    &line[..line.floor_char_boundary(MAX_LINE)]
}

#[cfg(test)]
#[path = "collect_tests.rs"]
mod tests;
