//! Edits to source files: parse, apply, diff. Pure.
//!
//! An edit names a file and says what to search and what to put in its place, so that it can be
//! applied to a later revision of the same file, and a model can write it without counting lines.
//! [`read`] takes SEARCH/REPLACE blocks ([`parse`]) and unified diffs ([`parse_unified`]).

mod apply;
mod diff;
mod find;
mod lines;
mod parse;
mod path;
mod unidiff;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use apply::{Tier, apply};
pub use diff::{LineRange, added_lines, changed_lines, count_changed, unified};
pub use parse::{parse, render};
pub use path::check_path;
pub(crate) use path::is_hidden;
pub use unidiff::{parse_unified, read};

use crate::id::{Digest, Revision};

/// What happens to one place of one file.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Edit {
    /// Puts `replace` where `search` stands; `search` is whole lines and must fit in one place.
    Replace {
        /// File, relative to the repository's root, with `/`.
        path: String,
        /// The lines to find.
        search: String,
        /// The lines to put in their place; empty deletes them.
        replace: String,
    },
    /// Puts `replace` where `search` stands, as a hunk of a unified diff has it: line ends count, and
    /// `line` says where among several places.
    Hunk {
        /// File, relative to the repository's root.
        path: String,
        /// Line from 1 where `search` begins once the hunks before are applied; a hint.
        line: u32,
        /// The lines to find, with their ends; empty only in an empty file.
        search: String,
        /// The lines to put in their place, with their ends.
        replace: String,
    },
    /// Makes a file that does not exist.
    Create {
        /// File, relative to the repository's root.
        path: String,
        /// Its whole content.
        text: String,
    },
    /// Deletes a file that exists.
    Delete {
        /// File, relative to the repository's root.
        path: String,
    },
}

impl Edit {
    /// The file that is touched.
    pub fn path(&self) -> &str {
        match self {
            Self::Replace { path, .. }
            | Self::Hunk { path, .. }
            | Self::Create { path, .. }
            | Self::Delete { path } => path,
        }
    }
}

/// A set of edits that belong together, and the revision they were made and verified against.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Patch {
    /// The revision it was made against.
    pub base: Revision,
    /// The edits, applied in order, all or none.
    pub edits: Vec<Edit>,
}

impl Patch {
    /// A patch of `edits` made against `base`.
    pub fn new(base: Revision, edits: Vec<Edit>) -> Self {
        Self { base, edits }
    }

    /// The files touched, each once, sorted.
    pub fn paths(&self) -> BTreeSet<&str> {
        self.edits.iter().map(Edit::path).collect()
    }

    /// Identifies what the patch does, whatever revision it is applied to.
    pub fn digest(&self) -> Digest {
        Digest::of_json(&self.edits)
    }
}

/// One file before and after a patch; `None` is a file that does not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// File, relative to the repository's root.
    pub path: String,
    /// Content before.
    pub before: Option<String>,
    /// Content after.
    pub after: Option<String>,
    /// The loosest tier that an edit of this file needed.
    pub tier: Tier,
}
