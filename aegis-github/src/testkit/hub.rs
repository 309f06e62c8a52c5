//! What GitHub keeps beside Git: pull requests, checks, deployments.

use std::collections::HashMap;
use std::path::Path;

use git2::{FileMode, Oid, Repository, Signature};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Inside;

/// A pull request.
#[derive(Debug, Clone)]
pub struct Pull {
    /// From 1.
    pub number: u64,
    /// One line.
    pub title: String,
    /// Markdown.
    pub body: String,
    /// The branch that it comes from.
    pub head: String,
    /// The branch that it goes to.
    pub base: String,
    /// The head's commit, as far as it was known when it was last open.
    pub sha: String,
    /// Whether it is open.
    pub open: bool,
    /// The commit on its base, where it was merged.
    pub merged: Option<String>,
    /// When it was opened.
    pub created_at: String,
    /// Names of its labels.
    pub labels: Vec<String>,
    /// How it is merged by itself, and with which message, where that was asked for.
    pub auto: Option<(String, String)>,
    /// Whether it is in the merge queue.
    pub queued: bool,
}

/// A check of a commit, or of every one.
#[derive(Debug, Clone)]
pub struct Check {
    /// The commit; every one where there is none.
    pub of: Option<String>,
    /// As it is shown.
    pub name: &'static str,
    /// `None` while it runs.
    pub conclusion: Option<&'static str>,
    /// Whether it is the job of a workflow, with this log.
    pub log: Option<&'static str>,
}

/// The checks that a push of a branch, by its name and its head, starts.
pub type Workflows = fn(&Repository, &str, &str) -> Vec<Check>;

/// What is there beside Git.
#[derive(Debug, Default)]
pub struct Hub {
    /// The oldest first.
    pub pulls: Vec<Pull>,
    /// Check runs.
    pub checks: Vec<Check>,
    /// What workflows make of a branch that is made.
    pub on_push: Option<Workflows>,
    /// Commit statuses of every commit: context and state.
    pub statuses: Vec<(&'static str, &'static str)>,
    /// Checks that the branch's rules require.
    pub required: Vec<&'static str>,
    /// Checks that are required and that nobody tells of.
    pub protected: Vec<&'static str>,
    /// Whether pull requests may be merged by themselves.
    pub auto_merge: bool,
    /// Whether only the merge queue merges, and whether what it checks has passed.
    pub queue: Option<bool>,
    /// Revision and state, the oldest first; no state is one that is under way.
    pub deployments: Vec<(String, &'static str)>,
    /// Whether the token may only read.
    pub read_only: bool,
    /// Whether a way to merge is allowed; each is, unless set.
    pub methods: HashMap<&'static str, bool>,
    /// Questions whether something merges that are answered with "not known yet".
    pub unknown_mergeable: usize,
    /// Fields of GraphQL that it does not know, as an older server.
    pub no_graphql: Vec<&'static str>,
}

pub(super) fn now() -> String {
    OffsetDateTime::now_utc().replace_nanosecond(0).unwrap().format(&Rfc3339).unwrap()
}

pub(super) fn sign() -> Signature<'static> {
    Signature::now("aegis[bot]", "aegis[bot]@users.noreply.github.com").unwrap()
}

pub(super) fn tip(repository: &Repository, branch: &str) -> Option<Oid> {
    repository.refname_to_id(&format!("refs/heads/{branch}")).ok()
}

pub(super) fn oid(value: &Value) -> Oid {
    Oid::from_str(value.as_str().unwrap()).unwrap()
}

/// The text of a file at the head of a branch, and 1 where it is executable.
///
/// # Panics
///
/// Where it is no text.
pub fn text(inside: &Inside, branch: &str, path: &str) -> Option<(String, u32)> {
    let repository = Repository::open_bare(&inside.git).unwrap();
    let commit = repository.find_commit(tip(&repository, branch)?).unwrap();
    let entry = commit.tree().unwrap().get_path(Path::new(path)).ok()?;
    let blob = repository.find_blob(entry.id()).unwrap();
    let mode = u32::from(entry.filemode() == i32::from(FileMode::BlobExecutable));
    Some((String::from_utf8(blob.content().to_vec()).unwrap(), mode))
}
