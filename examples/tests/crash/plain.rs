//! A remote that does what it is asked as often as it is asked, and writes that down.

use std::path::{Path, PathBuf};

use aegis_core::port::{Clock as _, SystemClock};
use aegis_core::stage::{Deployer, MergeOrder, Order, RevertOrder, Rollout};
use aegis_core::{EffectKey, EffectKind, Result, Revision, Timestamp};
use async_trait::async_trait;

use super::points::{at, hit, note, notes};

/// A write that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Submit,
    Merge,
    Withdraw,
    Revert,
}

impl Call {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Merge => "merge",
            Self::Withdraw => "withdraw",
            Self::Revert => "revert",
        }
    }
}

/// Writes that were made, in their order.
pub(super) fn calls(folder: &Path) -> Vec<Call> {
    let all = [Call::Submit, Call::Merge, Call::Withdraw, Call::Revert];
    let call = |line: &String| all.into_iter().find(|call| line.starts_with(call.name()));
    notes(folder, "remote").iter().filter_map(call).collect()
}

#[derive(Debug, Clone)]
pub(super) struct Remote {
    pub(super) folder: PathBuf,
    /// Nobody is told what the journal does not know.
    pub(super) blind: bool,
}

impl Remote {
    /// Writes a call down, with the points before and after it.
    fn make(&self, call: Call) {
        let name = call.name();
        at(&self.folder, &format!("{name} before"));
        note(&self.folder, "remote", &format!("{name} {}", SystemClock.now().as_ms()));
        at(&self.folder, &format!("{name} after"));
    }

    /// When a call was first made.
    pub(super) fn made(&self, call: Call) -> Option<Timestamp> {
        let calls = notes(&self.folder, "remote");
        let at = calls.iter().find_map(|line| line.strip_prefix(call.name()))?;
        at.trim().parse().ok().map(Timestamp::from_ms)
    }

    /// The same, as far as it is told.
    fn told(&self, call: Call) -> Option<Timestamp> {
        let recorded = format!("commit answered {} after", call.name());
        self.made(call).filter(|_| !self.blind || hit(&self.folder).contains(&recorded))
    }

    /// The commit that carries the fix, and is merged as it is.
    pub(super) fn head() -> Revision {
        Revision::new("1".repeat(40))
    }

    /// The commit that takes it back.
    fn reverted() -> Revision {
        Revision::new("2".repeat(40))
    }
}

#[async_trait]
impl Deployer for Remote {
    async fn submit(&self, _: &Order) -> Result<Rollout> {
        self.make(Call::Submit);
        Ok(Rollout::Ready { head: Self::head() })
    }

    async fn lookup(&self, key: &EffectKey) -> Result<Option<Rollout>> {
        let live = |commit: Revision| {
            move |at| Rollout::Live { release: commit.clone(), at, commit: Some(commit) }
        };
        if key.kind == EffectKind::Revert {
            return Ok(self.told(Call::Revert).map(live(Self::reverted())));
        }
        if let Some(at) = self.told(Call::Merge) {
            return Ok(Some(live(Self::head())(at)));
        }
        Ok(self.told(Call::Submit).map(|_| Rollout::Ready { head: Self::head() }))
    }

    async fn merge(&self, order: &MergeOrder) -> Result<Rollout> {
        self.make(Call::Merge);
        Ok(Rollout::Merged { commit: order.head().clone() })
    }

    async fn withdraw(&self, _: &EffectKey, _: &str) -> Result<Rollout> {
        self.make(Call::Withdraw);
        Ok(Rollout::Withdrawn)
    }

    async fn revert(&self, _: &RevertOrder) -> Result<Rollout> {
        self.make(Call::Revert);
        Ok(Rollout::Merged { commit: Self::reverted() })
    }
}
