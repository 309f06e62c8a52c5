//! A remote in memory: branches, checks, merges and what runs, with faults as state.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use crate::error::{Error, Result};
use crate::id::{Digest, EffectKey, EffectKind, Revision, Timestamp};
use crate::port::Clock;
use crate::stage::{Deployer, Feedback, MergeOrder, Order, RevertOrder, Rollout};

/// A stateful deployer for tests; clones share the world.
///
/// It keeps the deployer's contract, and counts every write, so that a test can show that nothing
/// happened twice.
#[derive(Debug, Clone)]
pub struct World {
    clock: Arc<dyn Clock>,
    remote: Arc<Mutex<Remote>>,
}

/// What the world holds; a test reads it and switches its faults.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Remote {
    /// Head of the release branch.
    pub head: Revision,
    /// What runs.
    pub running: Revision,
    /// When each merged commit was first seen running.
    pub live: BTreeMap<Revision, Timestamp>,
    /// Branches by name.
    pub branches: BTreeMap<String, Branch>,
    /// Merged commits in order, with the digest of their fix.
    pub merges: Vec<(Revision, Digest)>,
    /// Commits that were taken back, in order.
    pub reverts: Vec<Revision>,
    /// Whether checks pass.
    pub checks_pass: bool,
    /// Whether merged commits are rolled out.
    pub rolls_out: bool,
    /// Calls left that fail after the write has happened.
    pub lose_answers: u32,
    /// Whether what is live names the commit that it is of.
    pub names_merges: bool,
    commits: u32,
}

/// One submitted attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Branch {
    /// Its head.
    pub head: Revision,
    /// What it was cut from.
    pub base: Revision,
    /// The fix that it carries.
    pub fix: Digest,
    /// Whether only a person may merge it.
    pub propose_only: bool,
    /// Where it was merged.
    pub merged: Option<Revision>,
    /// Whether it was taken back.
    pub withdrawn: bool,
    /// Whether a person deleted it.
    pub closed: bool,
    /// What a person reads about it.
    pub body: String,
}

impl World {
    /// A world whose release branch is at `head`, which runs.
    pub fn new(clock: Arc<dyn Clock>, head: Revision) -> Self {
        let remote = Remote {
            running: head.clone(),
            live: BTreeMap::new(),
            head,
            branches: BTreeMap::new(),
            merges: Vec::new(),
            reverts: Vec::new(),
            checks_pass: true,
            rolls_out: true,
            lose_answers: 0,
            names_merges: true,
            commits: 0,
        };
        Self { clock, remote: Arc::new(Mutex::new(remote)) }
    }

    /// Reads or changes the world.
    pub fn with<T>(&self, change: impl FnOnce(&mut Remote) -> T) -> T {
        change(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Remote> {
        self.remote.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

impl Remote {
    /// Somebody else commits to the release branch.
    pub fn push(&mut self) -> Revision {
        self.commits += 1;
        let revision = Revision::new(format!("{:040x}", self.commits));
        self.head = revision.clone();
        if self.rolls_out {
            self.running = revision.clone();
        }
        revision
    }

    fn answer(&mut self, rollout: Rollout) -> Result<Rollout> {
        if self.lose_answers == 0 {
            return Ok(rollout);
        }
        self.lose_answers -= 1;
        Err(Error::unavailable("the answer was lost"))
    }

    fn state(&mut self, branch: &Branch, now: Timestamp) -> Rollout {
        if let Some(commit) = &branch.merged {
            return self.landed(commit, now);
        }
        if branch.withdrawn {
            Rollout::Withdrawn
        } else if branch.closed {
            Rollout::ClosedByPerson
        } else if !self.checks_pass {
            Rollout::Failed(Feedback::new("checks failed", "1 failed"))
        } else if branch.propose_only {
            Rollout::AwaitingPerson
        } else {
            Rollout::Ready { head: branch.head.clone() }
        }
    }

    fn landed(&mut self, commit: &Revision, now: Timestamp) -> Rollout {
        // Commits are numbered, so a later one is a descendant.
        if self.running >= *commit {
            let at = *self.live.entry(commit.clone()).or_insert(now);
            let named = self.names_merges.then(|| commit.clone());
            Rollout::Live { release: self.running.clone(), at, commit: named }
        } else {
            Rollout::Merged { commit: commit.clone() }
        }
    }
}

#[async_trait]
impl Deployer for World {
    async fn submit(&self, order: &Order) -> Result<Rollout> {
        let now = self.now();
        let mut remote = self.lock();
        let name = order.key().branch();
        if let Some(branch) = remote.branches.get_mut(&name) {
            branch.propose_only &= order.propose_only();
            let branch = branch.clone();
            let state = remote.state(&branch, now);
            return remote.answer(state);
        }
        if remote.head != *order.base() {
            let base = remote.head.clone();
            return remote.answer(Rollout::BaseMoved { base });
        }
        remote.commits += 1;
        let branch = Branch {
            head: Revision::new(format!("{:040x}", remote.commits)),
            base: order.base().clone(),
            fix: order.fix().digest(),
            propose_only: order.propose_only(),
            merged: None,
            withdrawn: false,
            closed: false,
            body: order.body().to_owned(),
        };
        remote.branches.insert(name, branch);
        remote.answer(Rollout::Checking)
    }

    async fn lookup(&self, key: &EffectKey) -> Result<Option<Rollout>> {
        let now = self.now();
        let mut remote = self.lock();
        let branch = remote.branches.get(&key.branch()).cloned();
        Ok(branch.map(|branch| remote.state(&branch, now)))
    }

    async fn merge(&self, order: &MergeOrder) -> Result<Rollout> {
        let now = self.now();
        let mut remote = self.lock();
        let name = order.key().branch();
        let Some(branch) = remote.branches.get(&name).cloned() else {
            return remote.answer(Rollout::ClosedByPerson);
        };
        if branch.merged.is_some() || branch.withdrawn || branch.closed {
            let state = remote.state(&branch, now);
            return remote.answer(state);
        }
        if branch.head != *order.head() {
            return remote.answer(Rollout::Conflict);
        }
        if remote.head != *order.base() {
            let base = remote.head.clone();
            return remote.answer(Rollout::BaseMoved { base });
        }
        let commit = remote.push();
        remote.merges.push((commit.clone(), branch.fix));
        if let Some(branch) = remote.branches.get_mut(&name) {
            branch.merged = Some(commit.clone());
        }
        remote.answer(Rollout::Merged { commit })
    }

    async fn withdraw(&self, key: &EffectKey, _why: &str) -> Result<Rollout> {
        let now = self.now();
        let mut remote = self.lock();
        let Some(branch) = remote.branches.get_mut(&key.branch()) else {
            return remote.answer(Rollout::Withdrawn);
        };
        branch.withdrawn = branch.merged.is_none();
        let branch = branch.clone();
        let state = remote.state(&branch, now);
        remote.answer(state)
    }

    async fn revert(&self, order: &RevertOrder) -> Result<Rollout> {
        let now = self.now();
        let mut remote = self.lock();
        let key = order.key().of_kind(EffectKind::Revert);
        if let Some(branch) = remote.branches.get(&key.branch()).cloned() {
            let state = remote.state(&branch, now);
            return remote.answer(state);
        }
        let commit = remote.push();
        remote.reverts.push(order.commit().clone());
        let branch = Branch {
            head: commit.clone(),
            base: order.commit().clone(),
            fix: Digest::of(["revert", order.commit().as_str()]),
            propose_only: false,
            merged: Some(commit.clone()),
            withdrawn: false,
            closed: false,
            body: order.reasons().join("\n"),
        };
        remote.branches.insert(key.branch(), branch);
        remote.answer(Rollout::Merged { commit })
    }

    async fn amend(&self, key: &EffectKey, body: &str) -> Result<()> {
        if let Some(branch) = self.lock().branches.get_mut(&key.branch()) {
            body.clone_into(&mut branch.body);
        }
        Ok(())
    }
}
