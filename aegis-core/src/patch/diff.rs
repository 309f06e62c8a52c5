//! Changes as people read them.

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

/// A unified diff with three lines of context, in file order.
pub fn unified(changes: &[FileChange]) -> String {
    let mut sorted: Vec<&FileChange> = changes.iter().collect();
    sorted.sort_by(|a, b| a.path.cmp(&b.path));
    let mut out = String::new();
    for change in sorted.into_iter().filter(|c| c.before != c.after) {
        let side = |text: &Option<String>, letter| match text {
            Some(_) => format!("{letter}/{}", change.path),
            None => String::from("/dev/null"),
        };
        let (from, to) = (side(&change.before, 'a'), side(&change.after, 'b'));
        let before = change.before.as_deref().unwrap_or_default();
        let after = change.after.as_deref().unwrap_or_default();
        let diff = TextDiff::from_lines(before, after);
        let text = diff.unified_diff().context_radius(3).header(&from, &to).to_string();
        if text.is_empty() {
            // An empty file has no hunk, and its headers are all there is to see.
            out.push_str(&format!("--- {from}\n+++ {to}\n"));
        }
        out.push_str(&text);
        if !out.ends_with('\n') {
            out.push('\n');
        }
    }
    out
}

/// The lines that the change adds or alters, numbered in the file after.
///
/// A pure deletion counts as the line after it, or as the last line where it was at the end. A
/// deleted or emptied file has no lines.
pub fn changed_lines(change: &FileChange) -> Vec<LineRange> {
    let Some(after) = change.after.as_deref().filter(|text| !text.is_empty()) else {
        return Vec::new();
    };
    let before = change.before.as_deref().unwrap_or_default();
    let diff = TextDiff::from_lines(before, after);
    let count = diff.new_len();
    let mut ranges: Vec<LineRange> = Vec::new();
    for op in diff.ops() {
        let (first, last) = match op {
            DiffOp::Equal { .. } => continue,
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

    proptest! {
        #[test]
        fn changed_lines_are_sorted_apart_and_inside(a in "[ab\n\r]{0,12}", b in "[ab\n\r]{0,12}") {
            let change = change(Some(&a), Some(&b));
            let ranges = changed_lines(&change);
            let count = TextDiff::from_lines("", b.as_str()).new_len() as u32;
            prop_assert!(ranges.iter().all(|r| 1 <= r.first && r.first <= r.last && r.last <= count));
            prop_assert!(ranges.windows(2).all(|w| w[0].last + 1 < w[1].first));
            prop_assert!(a == b || b.is_empty() || !ranges.is_empty());
            let _ = unified(&[change]);
        }
    }
}
