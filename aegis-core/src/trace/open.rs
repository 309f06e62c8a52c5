//! A traceback that is being read: what may come next, and what can't.

use std::collections::VecDeque;

use super::collect::{CollectorConfig, first_word};
use super::line::{Kind, Seen, see};
use super::wrap::{before_header, strip_like, strip_same};

/// Most lines of other writers between two lines of a traceback.
const MAX_FOREIGN: usize = 16;

/// Most lines of one message.
const MAX_MESSAGE: usize = 40;

/// Where in a traceback the reader is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Among the frames.
    Frames,
    /// In the message of an exception.
    Message,
    /// At a blank line after a message, or after a group.
    After,
    /// After "During handling …", before the next header.
    Chain,
    /// After the recorder's line, which is the last one.
    Recorded,
}

/// What becomes of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It belongs to the traceback.
    Taken,
    /// Somebody else wrote it in between.
    Foreign,
    /// The traceback was over before it.
    Over,
}

fn is_frame(line: &str) -> bool {
    matches!(see(line).kind, Kind::Frame { .. })
}

/// A traceback that is being read.
#[derive(Debug)]
pub(super) struct Open {
    config: CollectorConfig,
    context: Option<String>,
    prefix: String,
    /// Whether the lines after the first have the prefix too.
    prefixed: Option<bool>,
    grouped: bool,
    phase: Phase,
    /// Whether it is a traceback at all: a header or an exception was seen.
    certain: bool,
    message_lines: usize,
    foreign: usize,
    blanks: usize,
    head: Vec<String>,
    tail: VecDeque<String>,
    head_bytes: usize,
    tail_bytes: usize,
    dropped: usize,
}

impl Open {
    pub(super) fn new(config: CollectorConfig, context: Option<String>, prefix: String) -> Self {
        Self {
            config,
            context,
            prefix,
            prefixed: None,
            grouped: false,
            phase: Phase::Frames,
            certain: false,
            message_lines: 0,
            foreign: 0,
            blanks: 0,
            head: Vec::new(),
            tail: VecDeque::new(),
            head_bytes: 0,
            tail_bytes: 0,
            dropped: 0,
        }
    }

    /// Takes the line that it starts with.
    pub(super) fn start(&mut self, line: &str) {
        let text = line.strip_prefix(self.prefix.as_str()).unwrap_or(line);
        let seen = see(text);
        self.grouped = seen.grouped;
        self.certain = !matches!(seen.kind, Kind::Frame { .. });
        if let Kind::Raised { .. } = seen.kind {
            self.phase = Phase::Message;
            self.message_lines = 1;
        }
        self.keep(text);
    }

    /// Whether `line` has the prefix of this traceback's writer.
    pub(super) fn owns(&self, line: &str) -> bool {
        self.is_prefixed() && strip_same(&self.prefix, line).is_some()
    }

    /// Whether `line` is of another writer: each line of this traceback has the prefix that it lacks.
    pub(super) fn is_strange(&self, line: &str) -> bool {
        let certain = self.prefixed == Some(true) || before_header(line).is_some();
        certain && self.is_prefixed() && !self.owns(line) && !line.trim().is_empty()
    }

    fn is_prefixed(&self) -> bool {
        self.prefixed != Some(false) && !self.prefix.trim().is_empty()
    }

    /// Takes `line` where it belongs; `words` start the ordinary lines of this log.
    pub(super) fn take(&mut self, line: &str, words: &[String]) -> Fate {
        let mut text = line;
        if !self.prefix.is_empty() && self.prefixed != Some(false) {
            // Bare frames say that the prefix was on the first line alone.
            let bare = self.prefixed.is_none() && is_frame(line);
            match strip_like(&self.prefix, line).filter(|_| !bare) {
                Some(rest) => {
                    self.prefixed = Some(true);
                    text = rest;
                }
                None if bare => self.prefixed = Some(false),
                None => return self.foreign(),
            }
        }
        let seen = see(text);
        if seen.kind != Kind::Header && before_header(text).is_some() {
            return Fate::Over;
        }
        let fate = self.judge(seen, words);
        match fate {
            Fate::Taken => {
                self.foreign = 0;
                while self.blanks > 0 && seen.kind != Kind::Blank {
                    self.blanks -= 1;
                    self.keep("");
                }
                if seen.kind == Kind::Blank && !seen.grouped {
                    self.blanks = (self.blanks + 1).min(2);
                } else {
                    self.keep(text);
                }
                Fate::Taken
            }
            Fate::Foreign => self.foreign(),
            Fate::Over => Fate::Over,
        }
    }

    /// Passes a line of another writer by.
    pub(super) fn foreign(&mut self) -> Fate {
        self.foreign += 1;
        if self.foreign > MAX_FOREIGN { Fate::Over } else { Fate::Foreign }
    }

    fn judge(&mut self, seen: Seen<'_>, words: &[String]) -> Fate {
        let inside = seen.grouped || !self.grouped;
        match (self.phase, seen.kind) {
            (Phase::Chain, Kind::Header) => self.enter(seen, Phase::Frames),
            // A member of a group has a header of its own, deeper in the margin.
            (_, Kind::Header) if seen.grouped && self.grouped => self.enter(seen, Phase::Frames),
            (_, Kind::Header) => Fate::Over,
            (Phase::Message | Phase::After | Phase::Chain, Kind::Chain(_)) => {
                self.phase = Phase::Chain;
                Fate::Taken
            }
            (_, Kind::Member) => self.enter(seen, Phase::Frames),
            (_, Kind::GroupEnd) => self.enter(seen, Phase::After),
            (Phase::Frames | Phase::Message, Kind::Frame { .. }) if inside => {
                self.phase = Phase::Frames;
                Fate::Taken
            }
            (Phase::Chain, Kind::Frame { .. }) => self.enter(seen, Phase::Frames),
            (Phase::Frames | Phase::Chain, Kind::Raised { .. }) if inside => {
                self.certain = true;
                self.message_lines = 1;
                self.phase = Phase::Message;
                Fate::Taken
            }
            (Phase::Frames, kind) => self.among_frames(kind, seen.text, inside),
            (Phase::Message, Kind::Blank) => {
                if !seen.grouped {
                    self.phase = Phase::After;
                }
                Fate::Taken
            }
            // The last one counts: a message may look like one.
            (Phase::Message | Phase::After | Phase::Recorded, Kind::Recorded) if inside => {
                self.phase = Phase::Recorded;
                Fate::Taken
            }
            (Phase::Recorded, _) => Fate::Over,
            (Phase::Message, Kind::Record) => Fate::Over,
            (Phase::Message, Kind::Source(_)) if inside => self.message(),
            (Phase::Message, _) if inside && !words.contains(&first_word(seen.text)) => {
                self.message()
            }
            (Phase::After | Phase::Chain, Kind::Blank) => Fate::Taken,
            (Phase::After, _) if seen.grouped && self.grouped => {
                self.phase = Phase::Message;
                self.message()
            }
            // A message of several lines may have blank ones in it.
            (Phase::After, Kind::Source(_)) if inside => self.message(),
            (Phase::After, Kind::Other)
                if inside
                    && !self.grouped
                    && self.message_lines > 1
                    && !words.contains(&first_word(seen.text)) =>
            {
                self.phase = Phase::Message;
                self.message()
            }
            (Phase::Chain, _) => Fate::Foreign,
            _ => Fate::Over,
        }
    }

    fn among_frames(&self, kind: Kind<'_>, text: &str, inside: bool) -> Fate {
        let repeated = text.trim_start().starts_with("[Previous line repeated ");
        match kind {
            Kind::Source(_) if inside => Fate::Taken,
            Kind::Other if inside && (repeated || (self.grouped && text.starts_with("and "))) => {
                Fate::Taken
            }
            _ => Fate::Foreign,
        }
    }

    fn enter(&mut self, seen: Seen<'_>, phase: Phase) -> Fate {
        self.grouped = seen.grouped;
        self.certain |= !matches!(seen.kind, Kind::Frame { .. });
        self.phase = phase;
        self.message_lines = 0;
        Fate::Taken
    }

    fn message(&mut self) -> Fate {
        self.message_lines += 1;
        if self.message_lines > MAX_MESSAGE { Fate::Over } else { Fate::Taken }
    }

    fn keep(&mut self, text: &str) {
        let (lines, bytes) = (self.config.max_lines / 2, self.config.max_bytes / 2);
        let size = text.len() + 1;
        if self.tail.is_empty() && self.head.len() < lines && self.head_bytes + size <= bytes {
            self.head_bytes += size;
            self.head.push(text.to_owned());
            return;
        }
        self.tail_bytes += size;
        self.tail.push_back(text.to_owned());
        while self.tail.len() > lines || self.tail_bytes > bytes {
            let Some(gone) = self.tail.pop_front() else { break };
            self.tail_bytes -= gone.len() + 1;
            self.dropped += 1;
        }
    }

    /// Whether the exception that ends it has not come yet.
    pub(super) fn is_unfinished(&self) -> bool {
        matches!(self.phase, Phase::Frames | Phase::Chain)
    }

    /// Context and text, or nothing where it was no traceback after all.
    pub(super) fn finish(self) -> Option<(Option<String>, String)> {
        if !self.certain {
            return None;
        }
        let mut lines = self.head;
        if self.dropped > 0 {
            lines.push(format!("  [{} lines left out]", self.dropped));
        }
        lines.extend(self.tail);
        Some((self.context, lines.join("\n")))
    }
}
