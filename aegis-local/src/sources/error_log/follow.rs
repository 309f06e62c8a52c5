//! One log file, its lines joined into errors.

use std::path::Path;
use std::time::{Duration, Instant};

use aegis_core::redact::Untrusted;
use aegis_core::trace::{Block, BlockKind, Collector};
use aegis_core::{Result, Revision, Timestamp};

use crate::sources::tail::{Tail, TailPosition, TailState};
use crate::sources::when;

/// Lines after which the time of an earlier one says nothing about a later one.
const STALE_LINES: u32 = 5;
/// Time after which it says nothing either.
const STALE: Duration = Duration::from_secs(2);
/// How long a traceback that stops in its middle is waited for: a busy service may print it slowly.
const SLOW: Duration = Duration::from_secs(5);
/// How far from now a time without a zone may be, to be believed.
const PLAUSIBLE: Duration = Duration::from_secs(3600);
/// How far ahead of now a time may be, to be believed.
const AHEAD: Duration = Duration::from_secs(60);

/// An error that is ready to be handed out.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) at: Option<Timestamp>,
    pub(super) text: Untrusted,
    /// Where reading may go on after a restart without missing or repeating an error.
    pub(super) after: TailPosition,
}

/// A file that is followed.
#[derive(Debug)]
pub(super) struct Followed {
    tail: Tail,
    pub(super) name: String,
    pub(super) revision: Option<Revision>,
    /// Its number, where it belongs to a folder with revisions.
    pub(super) number: Option<u64>,
    /// The last failure that was reported.
    pub(super) failure: Option<String>,
    collector: Collector,
    /// The line before the last, where a context may begin that is not pending yet.
    before: Option<TailPosition>,
    /// Where the block begins that is being collected.
    held: Option<TailPosition>,
    held_at: Option<Timestamp>,
    last_end: Option<TailPosition>,
    last_line: Option<Instant>,
    stamp: Option<Stamp>,
}

/// The last time that the log wrote.
#[derive(Debug, Clone, Copy)]
struct Stamp {
    at: Timestamp,
    read: Instant,
    lines: u32,
}

impl Followed {
    pub(super) fn new(tail: Tail) -> Self {
        let name = tail.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self {
            tail,
            name,
            revision: None,
            number: None,
            failure: None,
            collector: Collector::default(),
            before: None,
            held: None,
            held_at: None,
            last_end: None,
            last_line: None,
            stamp: None,
        }
    }

    pub(super) fn path(&self) -> &Path {
        self.tail.path()
    }

    /// Whether the file is gone and nothing of it is left to be read.
    pub(super) fn is_gone(&self) -> bool {
        self.tail.state() == TailState::Absent
            && self.tail.position().is_none()
            && !self.collector.pending()
    }

    /// Whether the file was read to its end and nothing is being collected.
    pub(super) fn is_drained(&self) -> bool {
        self.tail.state() != TailState::Behind && !self.collector.pending()
    }

    /// Where reading may go on after a restart.
    pub(super) fn safe(&self) -> Option<TailPosition> {
        self.held.or(self.last_end).or_else(|| self.tail.position())
    }

    /// Reads on; `true` where there were lines. A block is over once the log was silent for `quiet`.
    pub(super) fn poll(
        &mut self,
        now: Timestamp,
        quiet: Duration,
        found: &mut Vec<Found>,
    ) -> Result<bool> {
        let lines = self.tail.poll()?;
        for line in &lines {
            self.take(&line.text, line.start, line.end, now, found);
        }
        let quiet = if self.collector.is_unfinished() { quiet.max(SLOW) } else { quiet };
        if !lines.is_empty() {
            self.last_line = Some(Instant::now());
        } else if self.collector.pending() && self.last_line.is_none_or(|t| t.elapsed() >= quiet) {
            self.flush(found);
        }
        Ok(!lines.is_empty())
    }

    fn flush(&mut self, found: &mut Vec<Found>) {
        let blocks = self.collector.flush();
        let at = self.held_at.take();
        self.held = None;
        self.before = None;
        let after = self.last_end.or_else(|| self.tail.position());
        if let Some(after) = after {
            // A process that ended while it printed one left no error that could be told from others.
            let whole = blocks.into_iter().filter(|block| block.complete);
            found.extend(whole.map(|b| Found { at, text: b.into_untrusted(), after }));
        }
    }

    fn take(
        &mut self,
        text: &str,
        start: TailPosition,
        end: TailPosition,
        now: Timestamp,
        found: &mut Vec<Found>,
    ) {
        let at = self.time(text, now);
        let was_held = self.held_at;
        let blocks = self.collector.push(text);
        if !self.collector.pending() {
            self.held = None;
            self.held_at = None;
        } else if self.held.is_none() {
            self.held = Some(self.before.unwrap_or(start));
            self.held_at = at;
        } else if blocks.iter().any(|b| ends(b, text)) {
            self.held = Some(start);
            self.held_at = at;
        }
        // A line that was handed out already is no context to come back for.
        self.before = blocks.is_empty().then_some(start);
        self.last_end = Some(end);
        let after = self.held.unwrap_or(end);
        found.extend(blocks.into_iter().map(|block| {
            let own = text.ends_with(last_line(&block));
            let at = if own { at } else { was_held.or(at) };
            Found { at, text: block.into_untrusted(), after }
        }));
    }

    /// The time of a line: its own, or that of a line right before it.
    fn time(&mut self, text: &str, now: Timestamp) -> Option<Timestamp> {
        if let Some(at) = stamp(text, now) {
            self.stamp = Some(Stamp { at, read: Instant::now(), lines: 0 });
            return Some(at);
        }
        let last = self.stamp.as_mut()?;
        last.lines += 1;
        (last.lines < STALE_LINES && last.read.elapsed() < STALE).then_some(last.at)
    }
}

/// Whether `block` ended because `line` began the next one, and `line` is not the block itself: a
/// stray line in the middle of a trace is handed out while the trace goes on.
fn ends(block: &Block, line: &str) -> bool {
    block.kind == BlockKind::Trace || !line.ends_with(last_line(block))
}

fn last_line(block: &Block) -> &str {
    block.text.expose().lines().next_back().unwrap_or_default()
}

/// The time that is written in the first bytes of a line, where it can be believed.
fn stamp(text: &str, now: Timestamp) -> Option<Timestamp> {
    let mut from = 0;
    for _ in 0..3 {
        from += text.as_bytes().get(from..)?.iter().take(96).position(u8::is_ascii_digit)?;
        let found = text.get(from..).and_then(when::at_start);
        if let Some(when) = found {
            let off = when.at.as_ms().abs_diff(now.as_ms());
            let near = u128::from(off) <= PLAUSIBLE.as_millis();
            let past = when.at <= now.plus(AHEAD);
            return ((when.zoned || near) && past).then_some(when.at);
        }
        from += text.as_bytes()[from..].iter().take_while(|b| b.is_ascii_digit()).count();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_ms(1_772_332_260_000);

    #[test]
    fn a_time_is_found_at_the_front_of_a_line() {
        let at = Some(Timestamp::from_ms(1_772_332_200_000));
        for line in [
            "2026-03-01 02:30:00,000 ERROR shop: boom",
            "ERROR 2026-03-01T02:30:00Z boom",
            "[2026-03-01 02:30:00 +0000] [7] [ERROR] Error handling request",
            "shop-1  | 2026/03/01 02:30:00 [error] 7#7: boom",
            r#"{"level":"error","ts":"2026-03-01T02:30:00Z"}"#,
        ] {
            assert_eq!(stamp(line, NOW), at, "{line}");
        }
    }

    #[test]
    fn a_time_that_can_not_be_right_is_not_believed() {
        for line in [
            "ValueError: 7 is no 2026",
            "2026-03-01 12:30:00 ERROR a zone away",
            "2026-03-01T02:40:00Z ERROR from the future",
            "",
        ] {
            assert_eq!(stamp(line, NOW), None, "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_line_is_survived(line in ".{0,120}") {
            let _ = stamp(&line, NOW);
        }
    }
}
