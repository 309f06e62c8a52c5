//! What a fix writes into a file, beside what stood there.

use std::collections::HashSet;

use crate::model::Fix;
use crate::patch::{Edit, FileChange};

/// One file, or one place of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Written<'a> {
    pub(super) path: &'a str,
    pub(super) before: &'a str,
    pub(super) after: &'a str,
    /// Whether this is the whole file, and not a place in it.
    pub(super) whole: bool,
}

impl<'a> Written<'a> {
    pub(super) fn by_fix(fix: &'a Fix) -> Vec<Self> {
        let edits = fix.patch().into_iter().flat_map(|patch| &patch.edits);
        let written = |edit: &'a Edit| match edit {
            Edit::Replace { path, search, replace } | Edit::Hunk { path, search, replace, .. } => {
                Some(Self { path, before: search, after: replace, whole: false })
            }
            Edit::Create { path, text } => {
                Some(Self { path, before: "", after: text, whole: true })
            }
            Edit::Delete { .. } => None,
        };
        edits.filter_map(written).collect()
    }

    pub(super) fn by_changes(changes: &'a [FileChange]) -> Vec<Self> {
        let written = |change: &'a FileChange| {
            let before = change.before.as_deref().unwrap_or_default();
            Some(Self { path: &change.path, before, after: change.after.as_deref()?, whole: true })
        };
        changes.iter().filter_map(written).collect()
    }

    /// Lines that did not stand there before, with their numbers from 1.
    pub(super) fn added(&self) -> impl Iterator<Item = (usize, &'a str)> + use<'a> {
        let before: HashSet<&str> = self.before.split('\n').collect();
        let lines = self.after.split('\n').enumerate();
        lines.filter(move |(_, line)| !before.contains(line)).map(|(at, line)| (at + 1, line))
    }

    /// Where a line is, as far as it is known.
    pub(super) fn place(&self, line: usize) -> String {
        if self.whole { format!("{}:{line}", self.path) } else { self.path.to_owned() }
    }
}
