//! Changes as people read them.

use super::FileChange;

/// A run of lines, from 1, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineRange {
    /// First line.
    pub first: u32,
    /// Last line.
    pub last: u32,
}

/// A unified diff with three lines of context, in file order.
pub fn unified(changes: &[FileChange]) -> String {
    let _ = changes;
    String::new()
}

/// The lines that the change adds or alters, numbered in the file after.
pub fn changed_lines(change: &FileChange) -> Vec<LineRange> {
    let _ = change;
    Vec::new()
}
