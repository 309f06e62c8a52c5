//! Releases and commits.

use serde::{Deserialize, Serialize};

use crate::id::{IncidentId, Revision, ServiceName, Timestamp};

/// Who made a release.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    /// Aegis, on behalf of this incident.
    Aegis(IncidentId),
    /// A person, or a pipeline of theirs.
    Person(String),
}

/// A revision that went live.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Release {
    /// The service.
    pub service: ServiceName,
    /// What runs.
    pub revision: Revision,
    /// What ran before, where known.
    pub previous: Option<Revision>,
    /// When it was first reported running.
    pub at: Timestamp,
    /// Who made it.
    pub author: Author,
}

impl Release {
    /// `revision` of `service` went live at `at`, made by `author`.
    pub fn new(service: ServiceName, revision: Revision, at: Timestamp, author: Author) -> Self {
        Self { service, revision, previous: None, at, author }
    }

    /// Says what ran before.
    #[must_use]
    pub fn with_previous(mut self, previous: Option<Revision>) -> Self {
        self.previous = previous;
        self
    }
}

/// One commit of the service's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Commit {
    /// Its id.
    pub revision: Revision,
    /// When it was committed.
    pub at: Timestamp,
    /// Name of its author.
    pub author: String,
    /// First line of its message.
    pub summary: String,
    /// Files it touched.
    pub paths: Vec<String>,
}

impl Commit {
    /// A commit with its summary line.
    pub fn new(revision: Revision, at: Timestamp, summary: impl Into<String>) -> Self {
        Self { revision, at, author: String::new(), summary: summary.into(), paths: Vec::new() }
    }

    /// Names the author.
    #[must_use]
    pub fn with_author(mut self, author: impl Into<String>) -> Self {
        self.author = author.into();
        self
    }

    /// Lists the files it touched.
    #[must_use]
    pub fn with_paths(mut self, paths: Vec<String>) -> Self {
        self.paths = paths;
        self
    }
}
