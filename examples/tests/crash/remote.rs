//! A remote that does what it is asked as often as it is asked, and writes that down.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use aegis_core::port::{Clock as _, SystemClock};
use aegis_core::stage::{Deployer, MergeOrder, Order, RevertOrder, Rollout};
use aegis_core::{EffectKey, Result, Revision, Timestamp};
use async_trait::async_trait;

use super::points::at;

/// A write that was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Call {
    Submit,
    Merge,
    Withdraw,
    Revert,
}

impl Call {
    fn name(self) -> &'static str {
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
    let text = std::fs::read_to_string(folder.join("remote")).unwrap_or_default();
    let call = |line: &str| all.into_iter().find(|call| line.starts_with(call.name()));
    text.lines().filter_map(call).collect()
}

#[derive(Debug, Clone)]
pub(super) struct Remote {
    pub(super) folder: PathBuf,
    /// Nobody is told what it knows.
    pub(super) blind: bool,
}

impl Remote {
    /// Writes a call down, with the points before and after it.
    fn make(&self, call: Call) {
        at(&self.folder, &format!("{} before", call.name()));
        let file = File::options().append(true).create(true).open(self.folder.join("remote"));
        let mut file = file.unwrap();
        let line = format!("{} {}\n", call.name(), SystemClock.now().as_ms());
        file.write_all(line.as_bytes()).unwrap();
        file.sync_all().unwrap();
        at(&self.folder, &format!("{} after", call.name()));
    }

    /// When a call was first made.
    pub(super) fn made(&self, call: Call) -> Option<Timestamp> {
        let text = std::fs::read_to_string(self.folder.join("remote")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(call.name()))?;
        line.trim().parse().ok().map(Timestamp::from_ms)
    }

    /// The commit that carries the fix, and is merged as it is.
    pub(super) fn head() -> Revision {
        Revision::new("1".repeat(40))
    }
}

#[async_trait]
impl Deployer for Remote {
    async fn submit(&self, _: &Order) -> Result<Rollout> {
        self.make(Call::Submit);
        Ok(Rollout::Ready { head: Self::head() })
    }

    async fn lookup(&self, _: &EffectKey) -> Result<Option<Rollout>> {
        if let Some(at) = self.made(Call::Merge) {
            return Ok(Some(Rollout::Live { release: Self::head(), at }));
        }
        let submitted = self.made(Call::Submit).filter(|_| !self.blind);
        Ok(submitted.map(|_| Rollout::Ready { head: Self::head() }))
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
        Ok(Rollout::Conflict)
    }
}
