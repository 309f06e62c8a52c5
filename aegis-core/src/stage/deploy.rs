//! From proof to production, and back.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::id::{EffectKey, EffectKind, Revision, Timestamp};
use crate::model::Fix;
use crate::policy::{Clearance, Permit};

/// Ships fixes and takes them back.
///
/// # Contract
///
/// `submit` offers the fix on a branch named by [`EffectKey::branch`], cut from exactly the base that
/// was verified; where the base has moved it writes nothing and answers `BaseMoved`. `merge` merges
/// only `MergeOrder::head`, the head that was verified, and nothing else. `revert` takes back one
/// commit and keeps later work; where that is not clean it answers `Conflict`. A fix is `Merged` when
/// its commit is on the release branch and `Live` only when the service itself, or whoever runs it,
/// reports the revision running.
///
/// `lookup` answers by the key alone, from what the remote holds: it works after a crash that lost
/// everything else. For a key of kind `Revert` it answers for the revert, for any other kind for the
/// fix of that attempt.
///
/// # Idempotency
///
/// Every write is idempotent by its key: a second call with the same key finds the first one's
/// result and returns it. Where the first `submit` left the merge to a person and the second does not,
/// the fix that is there is cleared for merging: no second branch is made.
///
/// # Cancellation
///
/// `lookup` may be dropped at any await. Writes are never dropped by the planner: they run as owned
/// tasks to their end.
///
/// # Errors
///
/// `Err` means that it is unknown whether the write happened: the planner looks it up before it
/// tries again. Every answer that the remote gave is an `Ok(Rollout)`.
///
/// # Example
///
/// See `examples/quickstart.rs` for a deployer of a few lines.
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait Deployer: std::fmt::Debug + Send + Sync + 'static {
    /// Offers a fix for merging.
    async fn submit(&self, order: &Order) -> Result<Rollout>;

    /// Says how far an attempt got. Never writes; `None` means that it was never submitted.
    async fn lookup(&self, key: &EffectKey) -> Result<Option<Rollout>>;

    /// Merges the head that was verified.
    async fn merge(&self, order: &MergeOrder) -> Result<Rollout>;

    /// Takes back what was submitted and not merged: closes, deletes the branch. `Withdrawn` where
    /// nothing is left, `Merged` or `Live` where it was too late.
    async fn withdraw(&self, key: &EffectKey, why: &str) -> Result<Rollout>;

    /// Reverts a commit on the release branch.
    async fn revert(&self, order: &RevertOrder) -> Result<Rollout>;

    /// Replaces what a person reads about a fix with `body`, which says what came of it: Markdown, as
    /// [`Order::body`]. Where the fix is shown nowhere, or somebody else's by now, it does nothing,
    /// which is what it does unless implemented.
    ///
    /// Asked for once its watch is over, and perhaps again after a crash. Nothing depends on it.
    async fn amend(&self, key: &EffectKey, body: &str) -> Result<()> {
        let _ = (key, body);
        Ok(())
    }
}

super::forward!(Deployer {
    fn submit(&self, order: &Order) -> Result<Rollout>;
    fn lookup(&self, key: &EffectKey) -> Result<Option<Rollout>>;
    fn merge(&self, order: &MergeOrder) -> Result<Rollout>;
    fn withdraw(&self, key: &EffectKey, why: &str) -> Result<Rollout>;
    fn revert(&self, order: &RevertOrder) -> Result<Rollout>;
    fn amend(&self, key: &EffectKey, body: &str) -> Result<()>;
});

/// How far a fix or a revert got. Exhaustive: a planner must handle each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rollout {
    /// Submitted; its checks are running.
    Checking,
    /// Its checks passed; `head` may be merged. Where the branch no longer holds what was submitted,
    /// the answer is `Conflict` instead.
    Ready {
        /// The commit that was submitted, and that the checks passed on.
        head: Revision,
    },
    /// A person has to merge it.
    AwaitingPerson,
    /// On the release branch as `commit`, not yet running.
    Merged {
        /// The merge commit.
        commit: Revision,
    },
    /// Reported running.
    Live {
        /// The revision that is reported running: the merge commit or one after it.
        release: Revision,
        /// When that was first reported.
        at: Timestamp,
        /// The merge commit, where it is known: only a commit that was named, here or by `Merged`, is
        /// taken back without asking.
        #[serde(default)]
        commit: Option<Revision>,
    },
    /// Its checks failed, or the service would not start with it.
    Failed(Feedback),
    /// The release branch has moved on from the base that was verified.
    BaseMoved {
        /// Where it is.
        base: Revision,
    },
    /// It does not apply cleanly to the release branch.
    Conflict,
    /// A person closed it or deleted its branch.
    ClosedByPerson,
    /// It was taken back.
    Withdrawn,
}

/// What the next draft can learn from a failure.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Feedback {
    /// One line: which check failed.
    pub summary: String,
    /// The end of its output, capped.
    pub detail: String,
}

impl Feedback {
    /// One line and the output behind it.
    pub fn new(summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { summary: summary.into(), detail: detail.into() }
    }
}

/// The order to submit a fix; holds the clearance for exactly that fix.
#[derive(Debug)]
pub struct Order {
    clearance: Clearance,
    key: EffectKey,
    fix: Fix,
    body: String,
}

impl Order {
    /// An order for `fix`; refused where `clearance` is for another fix, or for another base.
    pub fn new(
        clearance: Clearance,
        key: EffectKey,
        fix: Fix,
        body: impl Into<String>,
    ) -> Result<Self> {
        let permitted = matches!(clearance.permit(), Permit::Propose | Permit::Submit);
        if !permitted || key.kind != EffectKind::Submit || *clearance.fix() != fix.digest() {
            return Err(mismatch(&key));
        }
        // The digest does not name the base.
        if fix.patch().is_some_and(|patch| patch.base != *clearance.base()) {
            return Err(mismatch(&key));
        }
        covers(&clearance, &key)?;
        Ok(Self { clearance, key, fix, body: body.into() })
    }

    /// The key it is idempotent by.
    pub fn key(&self) -> &EffectKey {
        &self.key
    }

    /// What to ship.
    pub fn fix(&self) -> &Fix {
        &self.fix
    }

    /// The base that was verified.
    pub fn base(&self) -> &Revision {
        self.clearance.base()
    }

    /// What a person should read about it; Markdown.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// Whether it waits for a person: it is never `Ready`. A clearance to merge that is minted later,
    /// on a person's word, is as good as the person's own merge.
    pub fn propose_only(&self) -> bool {
        self.clearance.permit() == Permit::Propose
    }
}

/// The order to merge a head that was verified.
#[derive(Debug)]
pub struct MergeOrder {
    key: EffectKey,
    head: Revision,
    base: Revision,
}

impl MergeOrder {
    /// An order to merge `head`; refused where `clearance` does not permit this incident to merge.
    pub fn new(clearance: Clearance, key: EffectKey, head: Revision) -> Result<Self> {
        if clearance.permit() != Permit::Merge || key.kind != EffectKind::Merge {
            return Err(mismatch(&key));
        }
        covers(&clearance, &key)?;
        Ok(Self { key, head, base: clearance.base().clone() })
    }

    /// The key it is idempotent by.
    pub fn key(&self) -> &EffectKey {
        &self.key
    }

    /// The only head that may be merged.
    pub fn head(&self) -> &Revision {
        &self.head
    }

    /// The base that was verified.
    pub fn base(&self) -> &Revision {
        &self.base
    }
}

/// The order to take back what was merged.
#[derive(Debug)]
pub struct RevertOrder {
    key: EffectKey,
    commit: Revision,
    reasons: Vec<String>,
}

impl RevertOrder {
    /// An order to revert `commit`; refused where `clearance` is not for exactly that commit.
    pub fn new(
        clearance: Clearance,
        key: EffectKey,
        commit: Revision,
        reasons: Vec<String>,
    ) -> Result<Self> {
        if clearance.permit() != Permit::Revert || key.kind != EffectKind::Revert {
            return Err(mismatch(&key));
        }
        if *clearance.base() != commit {
            return Err(mismatch(&key));
        }
        covers(&clearance, &key)?;
        Ok(Self { key, commit, reasons })
    }

    /// The key it is idempotent by.
    pub fn key(&self) -> &EffectKey {
        &self.key
    }

    /// The commit on the release branch that is taken back.
    pub fn commit(&self) -> &Revision {
        &self.commit
    }

    /// The judge's reasons.
    pub fn reasons(&self) -> &[String] {
        &self.reasons
    }
}

fn covers(clearance: &Clearance, key: &EffectKey) -> Result<()> {
    if *clearance.incident() == key.incident { Ok(()) } else { Err(mismatch(key)) }
}

fn mismatch(key: &EffectKey) -> Error {
    Error::denied(format!("the clearance does not cover {key}")).at("policy")
}
