//! A patch in its parts: each has to be needed.

use aegis_core::patch::FileChange;
use ruff_python_ast::comparable::ComparableStmt;
use ruff_python_parser::parse_module;
use similar::{DiffOp, TextDiff};

/// Parts that are tried by leaving them out; a patch of more is not taken apart.
pub(super) const MOST: usize = 8;

/// One changed stretch of one file, by lines from 0, after the change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hunk {
    path: String,
    /// Index among the file's hunks.
    index: usize,
    /// First changed line after the change, from 1.
    line: usize,
}

impl Hunk {
    /// Where it is, for people.
    pub(super) fn describe(&self) -> String {
        format!("{}:{}", self.path, self.line)
    }
}

/// The patch's hunks, in order.
pub(super) fn hunks(changes: &[FileChange]) -> Vec<Hunk> {
    let mut all = Vec::new();
    for change in changes {
        let (Some(before), Some(after)) = (&change.before, &change.after) else {
            all.push(Hunk { path: change.path.clone(), index: 0, line: 1 });
            continue;
        };
        let diff = TextDiff::from_lines(before.as_str(), after.as_str());
        let changed = diff.ops().iter().filter(|op| !matches!(op, DiffOp::Equal { .. }));
        all.extend(changed.enumerate().map(|(index, op)| Hunk {
            path: change.path.clone(),
            index,
            line: op.new_range().start + 1,
        }));
    }
    all
}

/// The changes without some of their hunks; files that are left as they were are left out.
pub(super) fn without(changes: &[FileChange], left_out: &[Hunk]) -> Vec<FileChange> {
    let kept = |change: &FileChange| {
        let indices: Vec<usize> =
            left_out.iter().filter(|h| h.path == change.path).map(|h| h.index).collect();
        if indices.is_empty() {
            return Some(change.clone());
        }
        let (Some(before), Some(after)) = (&change.before, &change.after) else { return None };
        let text = merged(before, after, &indices);
        (text != *before).then(|| FileChange { after: Some(text), ..change.clone() })
    };
    changes.iter().filter_map(kept).collect()
}

fn merged(before: &str, after: &str, left_out: &[usize]) -> String {
    let diff = TextDiff::from_lines(before, after);
    let mut text = String::new();
    let mut index = 0;
    for op in diff.ops() {
        let equal = matches!(op, DiffOp::Equal { .. });
        let revert = !equal && left_out.contains(&index);
        index += usize::from(!equal);
        if revert {
            text.extend(op.old_range().filter_map(|line| diff.old_slice(line)));
        } else {
            text.extend(op.new_range().filter_map(|line| diff.new_slice(line)));
        }
    }
    text
}

/// Whether two states of the changes mean the same to the interpreter: comments and layout do not count.
pub(super) fn same_code(a: &[FileChange], b: &[FileChange]) -> bool {
    let text = |changes: &[FileChange], path: &str| {
        changes.iter().find(|c| c.path == path).and_then(|c| c.after.clone())
    };
    a.iter().all(|change| {
        let (x, y) = (change.after.clone(), text(b, &change.path).or(change.before.clone()));
        match (x, y) {
            (Some(x), Some(y)) if x == y => true,
            (Some(x), Some(y)) => same_syntax(&x, &y),
            (x, y) => x == y,
        }
    })
}

fn same_syntax(a: &str, b: &str) -> bool {
    let (Ok(a), Ok(b)) = (parse_module(a), parse_module(b)) else { return false };
    let (a, b) = (&a.syntax().body, &b.syntax().body);
    a.len() == b.len()
        && a.iter().zip(b.iter()).all(|(a, b)| ComparableStmt::from(a) == ComparableStmt::from(b))
}

#[cfg(test)]
mod tests {
    use aegis_core::patch::Tier;

    use super::*;

    fn change(before: &str, after: &str) -> FileChange {
        FileChange {
            path: "a.py".into(),
            before: Some(before.into()),
            after: Some(after.into()),
            tier: Tier::Exact,
        }
    }

    const BEFORE: &str = "a = 1\nb = 2\nc = 3\nd = 4\n";
    const AFTER: &str = "a = 1\nb = 5\nc = 3\n# why\nd = 4\n";

    #[test]
    fn each_stretch_of_changed_lines_can_be_left_out() {
        let changes = [change(BEFORE, AFTER)];
        let all = hunks(&changes);
        assert_eq!(all.iter().map(Hunk::describe).collect::<Vec<_>>(), ["a.py:2", "a.py:4"]);
        let one = without(&changes, &all[..1]);
        assert_eq!(one[0].after.as_deref(), Some("a = 1\nb = 2\nc = 3\n# why\nd = 4\n"));
        let other = without(&changes, &all[1..]);
        assert_eq!(other[0].after.as_deref(), Some("a = 1\nb = 5\nc = 3\nd = 4\n"));
        assert!(without(&changes, &all).is_empty());
    }

    #[test]
    fn a_comment_is_no_change_of_the_code() {
        let changes = [change(BEFORE, AFTER)];
        let all = hunks(&changes);
        assert!(same_code(&changes, &without(&changes, &all[1..])));
        assert!(!same_code(&changes, &without(&changes, &all[..1])));
        assert!(!same_code(&changes, &[]));
    }
}
