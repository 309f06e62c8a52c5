//! A deployer that loses an answer, and notes whether a write whose answer nobody knows was ever
//! repeated without a look at how far it had got.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use aegis_core::stage::{Deployer, MergeOrder, Order, RevertOrder, Rollout};
use aegis_core::{EffectKey, EffectKind, Error, Result};
use async_trait::async_trait;

/// What was seen.
#[derive(Debug, Default)]
struct Seen {
    /// Writes whose answer nobody knows, and that were not looked up since.
    written: BTreeSet<EffectKey>,
    /// Writes that were made again without a lookup in between.
    repeated: Vec<String>,
    /// Whether the answer to the next merge gets lost.
    loses: bool,
}

/// A deployer, and what was asked of it.
#[derive(Debug, Clone)]
pub(super) struct Forgetful<D> {
    inner: D,
    seen: Arc<Mutex<Seen>>,
}

impl<D> Forgetful<D> {
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

    /// A write of `key`: unanswered until it is.
    async fn write(
        &self,
        key: &EffectKey,
        write: impl Future<Output = Result<Rollout>> + Send,
    ) -> Result<Rollout> {
        self.with(|seen| {
            if !seen.written.insert(key.clone()) {
                seen.repeated.push(key.to_string());
            }
        });
        let rollout = write.await?;
        if key.kind == EffectKind::Merge && self.with(|seen| std::mem::take(&mut seen.loses)) {
            return Err(Error::timeout("the answer to the merge got lost").at("deploy"));
        }
        self.with(|seen| seen.written.remove(key));
        Ok(rollout)
    }
}

#[async_trait]
impl<D: Deployer> Deployer for Forgetful<D> {
    async fn submit(&self, order: &Order) -> Result<Rollout> {
        self.write(order.key(), self.inner.submit(order)).await
    }

    async fn lookup(&self, key: &EffectKey) -> Result<Option<Rollout>> {
        self.with(|seen| seen.written.remove(key));
        self.inner.lookup(key).await
    }

    async fn merge(&self, order: &MergeOrder) -> Result<Rollout> {
        self.write(order.key(), self.inner.merge(order)).await
    }

    async fn withdraw(&self, key: &EffectKey, why: &str) -> Result<Rollout> {
        self.write(key, self.inner.withdraw(key, why)).await
    }

    async fn revert(&self, order: &RevertOrder) -> Result<Rollout> {
        self.write(order.key(), self.inner.revert(order)).await
    }

    async fn amend(&self, key: &EffectKey, body: &str) -> Result<()> {
        self.inner.amend(key, body).await
    }
}
