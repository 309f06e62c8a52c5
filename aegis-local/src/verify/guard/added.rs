//! Which lines of a file are a fix's own.

use aegis_core::patch::{FileChange, added_lines};
use ruff_text_size::TextRange;

/// The added lines of one file.
#[derive(Debug)]
pub(super) struct Added {
    /// Whether a line was added, by index.
    lines: Vec<bool>,
    /// Where lines end, in bytes.
    ends: Vec<usize>,
}

impl Added {
    /// Those of `change`, whose text afterwards is `after`.
    pub(super) fn of(change: &FileChange, after: &str) -> Self {
        let mut lines = vec![false; after.split('\n').count()];
        for range in added_lines(change) {
            let index = |line: u32| usize::try_from(line).unwrap_or(usize::MAX).saturating_sub(1);
            for line in lines.iter_mut().take(index(range.last) + 1).skip(index(range.first)) {
                *line = true;
            }
        }
        Self { lines, ends: after.match_indices('\n').map(|(at, _)| at).collect() }
    }

    /// Whether the line with this index was added.
    pub(super) fn has(&self, index: usize) -> bool {
        self.lines.get(index) == Some(&true)
    }

    /// The first added line that `range` touches, from 1.
    pub(super) fn first_in(&self, range: TextRange) -> Option<usize> {
        let line_of = |at: usize| self.ends.partition_point(|end| *end < at);
        let (first, last) = (line_of(range.start().to_usize()), line_of(range.end().to_usize()));
        let touched = self.lines.get(first..=last).unwrap_or_default();
        touched.iter().position(|added| *added).map(|at| first + at + 1)
    }
}
