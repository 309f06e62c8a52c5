//! Applying edits, exact first and looser only where exact fails.

use std::collections::BTreeMap;

use super::{Edit, FileChange};
use crate::error::{Error, Result};

/// How closely the searched lines had to match, strictest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Byte for byte.
    Exact,
    /// But for white space at line ends.
    TrailingSpace,
    /// But for a common indentation, which the replacement then gets too.
    Indentation,
}

/// Applies `edits` to the files in `before`, all or none.
pub fn apply(edits: &[Edit], before: &BTreeMap<String, String>) -> Result<Vec<FileChange>> {
    let _ = (edits, before);
    Err(Error::internal("not written yet"))
}
