//! A deployer that is watched: it loses one answer, and notes whether a write was ever repeated
//! without a look at how far it had got.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use aegis_core::stage::{Deployer, MergeOrder, Order, RevertOrder, Rollout};
use aegis_core::{EffectKey, Error, Result};
use async_trait::async_trait;

/// What was seen.
#[derive(Debug, Default)]
struct Seen {
    /// Writes that were not looked up since.
    written: BTreeSet<EffectKey>,
    /// Writes that were made again without a lookup in between.
    repeated: Vec<String>,
    /// Whether the answer to the next merge gets lost.
    loses: bool,
}

/// A deployer, and what was asked of it.
#[derive(Debug, Clone)]
pub(super) struct Witness<D> {
    inner: D,
    seen: Arc<Mutex<Seen>>,
}

impl<D> Witness<D> {
    pub(super) fn new(inner: D) -> Self {
        Self { inner, seen: Arc::default() }
    }

    fn with<T>(&self, change: impl FnOnce(&mut Seen) -> T) -> T {
        change(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Loses the answer to the next merge: it happens, and whoever asked is told that it may not have.
    pub(super) fn lose_an_answer(&self) {
        self.with(|seen| seen.loses = true);
    }

    /// The writes that were repeated blindly.
    pub(super) fn repeated(&self) -> Vec<String> {
        self.with(|seen| seen.repeated.clone())
    }

    fn writes(&self, key: &EffectKey) {
        self.with(|seen| {
            if !seen.written.insert(key.clone()) {
                seen.repeated.push(key.to_string());
            }
        });
    }
}

#[async_trait]
impl<D: Deployer> Deployer for Witness<D> {
    async fn submit(&self, order: &Order) -> Result<Rollout> {
        self.writes(order.key());
        self.inner.submit(order).await
    }

    async fn lookup(&self, key: &EffectKey) -> Result<Option<Rollout>> {
        self.with(|seen| seen.written.remove(key));
        self.inner.lookup(key).await
    }

    async fn merge(&self, order: &MergeOrder) -> Result<Rollout> {
        self.writes(order.key());
        let merged = self.inner.merge(order).await;
        if self.with(|seen| std::mem::take(&mut seen.loses)) {
            return Err(Error::timeout("the answer to the merge got lost").at("deploy"));
        }
        merged
    }

    async fn withdraw(&self, key: &EffectKey, why: &str) -> Result<Rollout> {
        self.inner.withdraw(key, why).await
    }

    async fn revert(&self, order: &RevertOrder) -> Result<Rollout> {
        self.writes(order.key());
        self.inner.revert(order).await
    }
}
