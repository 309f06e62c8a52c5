//! What a person can apply where the cause is outside the code.

use serde::{Deserialize, Serialize};

use super::{Fix, FixKind};
use crate::error::Result;
use crate::id::{Digest, Revision};
use crate::patch::{FileChange, Patch, parse_unified, unified};

/// A change of configuration: handed over as a diff, or, where policy lets it, offered for a person to
/// merge. Aegis never merges it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Remedy {
    /// One line, in the imperative.
    pub title: String,
    /// What it changes, and why that is right.
    pub meaning: String,
    /// The change.
    pub patch: Patch,
    /// The same for people, as a unified diff; in the journal redacted and at most 16 KiB.
    pub diff: String,
    /// Whether policy allowed it to be offered when the diagnosis was made.
    #[serde(default)]
    offered: bool,
}

impl Remedy {
    /// A remedy that makes `changes` to the files of `base`.
    ///
    /// # Errors
    ///
    /// As [`parse_unified`]: where nothing changes, and for paths that no patch may have.
    pub fn new(base: Revision, title: impl Into<String>, changes: &[FileChange]) -> Result<Self> {
        let diff = unified(changes);
        let patch = Patch::new(base, parse_unified(&diff)?);
        Ok(Self { title: title.into(), meaning: String::new(), patch, diff, offered: false })
    }

    /// Says what it changes and why that is right.
    #[must_use]
    pub fn with_meaning(mut self, meaning: impl Into<String>) -> Self {
        self.meaning = meaning.into();
        self
    }

    /// Whether it is drafted as a fix, to be offered and never merged.
    pub fn is_offered(&self) -> bool {
        self.offered
    }

    pub(crate) fn offer(&mut self, allowed: bool) {
        self.offered = allowed;
    }

    /// It, as a fix of `author`'s.
    pub(crate) fn fix(&self, author: &str) -> Fix {
        Fix::new(FixKind::Patch(self.patch.clone()), &self.title, author)
            .with_meaning(&self.meaning)
    }

    /// Whether `fix` is it, whatever base that was made for.
    pub(crate) fn is(&self, fix: &Digest) -> bool {
        self.patch.digest() == *fix
    }
}
