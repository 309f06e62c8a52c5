//! Changes as people read them.

use std::ops::Range;

use similar::{DiffOp, TextDiff};

use super::FileChange;

/// A run of lines, from 1, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineRange {
    /// First line.
    pub first: u32,
    /// Last line.
    pub last: u32,
}

impl LineRange {
    /// Whether `line` is one of them.
    pub fn contains(&self, line: u32) -> bool {
        (self.first..=self.last).contains(&line)
    }
}

/// Lines of context around a change.
const CONTEXT: usize = 3;

/// What stands after a last line that has no end.
pub(super) const NO_NEWLINE: &str = "\\ No newline at end of file";

/// Lines as Git has them: a carriage return alone ends none.
fn lines(text: &Option<String>) -> Vec<&str> {
    text.as_deref().unwrap_or_default().split_inclusive('\n').collect()
}

/// A unified diff with three lines of context, in file order.
///
/// [`read`](super::read) reads it back to edits that do the same.
pub fn unified(changes: &[FileChange]) -> String {
    let mut sorted: Vec<&FileChange> = changes.iter().collect();
    sorted.sort_by(|a, b| a.path.cmp(&b.path));
    let mut out = String::new();
    for change in sorted.into_iter().filter(|c| c.before != c.after) {
        let side = |text: &Option<String>, letter| match text {
            Some(_) => format!("{letter}/{}", change.path),
            None => String::from("/dev/null"),
        };
        // An empty file has no hunk, and its headers are all there is to see.
        let (from, to) = (side(&change.before, 'a'), side(&change.after, 'b'));
        out.push_str(&format!("--- {from}\n+++ {to}\n"));
        let (before, after) = (lines(&change.before), lines(&change.after));
        for hunk in TextDiff::from_slices(&before, &after).grouped_ops(CONTEXT) {
            let whole = |range: fn(&DiffOp) -> Range<usize>| {
                let first = hunk.first().map_or(0, |op| range(op).start);
                first..hunk.last().map_or(first, |op| range(op).end)
            };
            let old = span(whole(DiffOp::old_range));
            out.push_str(&format!("@@ -{old} +{} @@\n", span(whole(DiffOp::new_range))));
            for op in &hunk {
                if let DiffOp::Equal { .. } = op {
                    push(&mut out, ' ', &before[op.old_range()]);
                } else {
                    push(&mut out, '-', &before[op.old_range()]);
                    push(&mut out, '+', &after[op.new_range()]);
                }
            }
        }
    }
    out
}

/// A run of lines as a hunk's header has it: an empty one is named by the line before it.
fn span(range: Range<usize>) -> String {
    match range.len() {
        0 => format!("{},0", range.start),
        1 => (range.start + 1).to_string(),
        count => format!("{},{count}", range.start + 1),
    }
}

fn push(out: &mut String, mark: char, lines: &[&str]) {
    for line in lines {
        out.push(mark);
        out.push_str(line);
        if !line.ends_with('\n') {
            out.push_str(&format!("\n{NO_NEWLINE}\n"));
        }
    }
}

/// How many lines are removed and added, together.
pub fn count_changed(changes: &[FileChange]) -> usize {
    let count = |change: &FileChange| {
        let (before, after) = (lines(&change.before), lines(&change.after));
        let diff = TextDiff::from_slices(&before, &after);
        let ops = diff.ops().iter().filter(|op| !matches!(op, DiffOp::Equal { .. }));
        let lines: usize = ops.map(|op| op.old_range().len() + op.new_range().len()).sum();
        // A file without a line comes or goes all the same.
        lines.max(usize::from(change.before.is_some() != change.after.is_some()))
    };
    changes.iter().map(count).sum()
}

/// The lines that the change adds or alters, numbered in the file after.
///
/// A pure deletion counts as the line after it, or as the last line where it was at the end. A
/// deleted or emptied file has no lines.
pub fn changed_lines(change: &FileChange) -> Vec<LineRange> {
    ranges(change, true)
}

/// The lines of the file after that are not in the file before; a deletion adds none.
pub fn added_lines(change: &FileChange) -> Vec<LineRange> {
    ranges(change, false)
}

fn ranges(change: &FileChange, deletions: bool) -> Vec<LineRange> {
    let (before, after) = (lines(&change.before), lines(&change.after));
    let count = after.len();
    if count == 0 {
        return Vec::new();
    }
    let diff = TextDiff::from_slices(&before, &after);
    let mut ranges: Vec<LineRange> = Vec::new();
    for op in diff.ops() {
        let (first, last) = match op {
            DiffOp::Equal { .. } => continue,
            DiffOp::Delete { .. } if !deletions => continue,
            DiffOp::Delete { new_index, .. } => {
                let line = (new_index + 1).min(count);
                (line, line)
            }
            DiffOp::Insert { new_index, new_len, .. }
            | DiffOp::Replace { new_index, new_len, .. } => (new_index + 1, new_index + new_len),
        };
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let (first, last) = (number(first), number(last));
        match ranges.last_mut() {
            Some(range) if first <= range.last.saturating_add(1) => {
                range.last = range.last.max(last)
            }
            _ => ranges.push(LineRange { first, last }),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::super::Tier;
    use super::*;

    fn change(before: Option<&str>, after: Option<&str>) -> FileChange {
        FileChange {
            path: "x.py".into(),
            before: before.map(Into::into),
            after: after.map(Into::into),
            tier: Tier::Exact,
        }
    }

    fn lines(before: &str, after: &str) -> Vec<(u32, u32)> {
        changed_lines(&change(Some(before), Some(after)))
            .iter()
            .map(|r| (r.first, r.last))
            .collect()
    }

    #[test]
    fn a_diff_is_what_git_shows() {
        let text = unified(&[change(Some("a\nb\nc"), Some("a\nB\nc"))]);
        assert_eq!(
            text,
            "--- a/x.py\n+++ b/x.py\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n\\ No newline at end of file\n"
        );
        assert_eq!(
            unified(&[change(None, Some("a\n"))]),
            "--- /dev/null\n+++ b/x.py\n@@ -0,0 +1 @@\n+a\n"
        );
        assert_eq!(
            unified(&[change(Some("a\n"), None)]),
            "--- a/x.py\n+++ /dev/null\n@@ -1 +0,0 @@\n-a\n"
        );
        assert_eq!(unified(&[change(None, Some(""))]), "--- /dev/null\n+++ b/x.py\n");
        assert_eq!(unified(&[change(Some("a"), Some("a"))]), "");
    }

    #[test]
    fn changed_lines_are_numbered_in_the_file_after() {
        assert_eq!(lines("a\nb\nc\n", "a\nB\nB2\nc\n"), [(2, 3)]);
        assert_eq!(lines("a\nb\nc\n", "a\nc\n"), [(2, 2)]);
        assert_eq!(lines("a\nb\n", "a\n"), [(1, 1)]);
        assert_eq!(lines("a\nb\nc\nd\n", "A\nb\nc\nD\n"), [(1, 1), (4, 4)]);
        assert_eq!(lines("a\n", "a\n"), []);
        assert_eq!(lines("a\n", ""), []);
        assert_eq!(changed_lines(&change(None, Some("a\nb"))), [LineRange { first: 1, last: 2 }]);
        assert_eq!(changed_lines(&change(Some("a"), None)), []);
    }

    #[test]
    fn what_is_deleted_adds_no_line() {
        let added = |a, b| added_lines(&change(Some(a), Some(b)));
        assert_eq!(added("a\nb\nc\n", "a\nc\n"), []);
        assert_eq!(added("a\nb\nc\n", "a\nB\n"), [LineRange { first: 2, last: 2 }]);
    }

    #[test]
    fn lines_that_look_like_headers_are_counted() {
        let of = |a: Option<&str>, b: Option<&str>| count_changed(&[change(a, b)]);
        assert_eq!(of(Some("a\n-- x\n"), Some("a\n++ y\n")), 2);
        assert_eq!(of(None, Some("")), 1);
        assert_eq!(of(Some("a\nb"), None), 2);
        assert_eq!(of(Some("a\n"), Some("a\n")), 0);
    }

    proptest! {
        #[test]
        fn changed_lines_are_sorted_apart_and_inside(a in "[ab\n\r]{0,12}", b in "[ab\n\r]{0,12}") {
            let change = change(Some(&a), Some(&b));
            let ranges = changed_lines(&change);
            let count = b.split_inclusive('\n').count() as u32;
            prop_assert!(ranges.iter().all(|r| 1 <= r.first && r.first <= r.last && r.last <= count));
            prop_assert!(ranges.windows(2).all(|w| w[0].last + 1 < w[1].first));
            prop_assert!(a == b || b.is_empty() || !ranges.is_empty());
            let _ = unified(&[change]);
        }
    }
}
