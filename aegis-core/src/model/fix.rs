//! Fixes: what could be done about it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Release;
use crate::id::{Confidence, Digest};
use crate::patch::Patch;

/// An action that the host registered: restart, scale, switch a flag.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Action {
    /// The name it was registered under.
    pub name: String,
    /// Its arguments.
    pub arguments: BTreeMap<String, String>,
}

impl Action {
    /// The action of this name, without arguments.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), arguments: BTreeMap::new() }
    }
}

/// The kinds of fix there are.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FixKind {
    /// A change of the source.
    Patch(Patch),
    /// Taking back a release that is suspected.
    Revert(Release),
    /// An action of the host's.
    Action(Action),
}

/// One candidate, with what it means and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Fix {
    /// What is done.
    pub kind: FixKind,
    /// One line, in the imperative: the subject of the commit.
    pub title: String,
    /// What the guarded or changed code means, and why that is right.
    pub meaning: String,
    /// How sure its author is, before anything is proven.
    pub claimed: Confidence,
    /// Who made it: `template:zero-division/documented`, a model's name.
    pub author: String,
}

impl Fix {
    /// A fix of `kind` with its one-line title.
    pub fn new(kind: FixKind, title: impl Into<String>, author: impl Into<String>) -> Self {
        Self {
            kind,
            title: title.into(),
            meaning: String::new(),
            claimed: Confidence::NONE,
            author: author.into(),
        }
    }

    /// Says what it means and why that is right.
    #[must_use]
    pub fn with_meaning(mut self, meaning: impl Into<String>) -> Self {
        self.meaning = meaning.into();
        self
    }

    /// Says how sure its author is.
    #[must_use]
    pub fn with_claimed(mut self, claimed: Confidence) -> Self {
        self.claimed = claimed;
        self
    }

    /// Identifies what it does, whatever base it is applied to.
    pub fn digest(&self) -> Digest {
        match &self.kind {
            FixKind::Patch(patch) => patch.digest(),
            FixKind::Revert(release) => Digest::of(["revert", release.revision.as_str()]),
            FixKind::Action(action) => Digest::of_json(action),
        }
    }

    /// The patch, where it is one.
    pub fn patch(&self) -> Option<&Patch> {
        match &self.kind {
            FixKind::Patch(patch) => Some(patch),
            _ => None,
        }
    }
}
