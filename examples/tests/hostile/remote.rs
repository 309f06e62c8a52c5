//! What a run must not reach: where fixes are submitted, and what people are told.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aegis_core::id::EffectKey;
use aegis_core::model::Fix;
use aegis_core::port::{Notice, Notifier};
use aegis_core::stage::{Deployer, MergeOrder, Order, RevertOrder, Rollout};
use aegis_core::{Error, Result};
use async_trait::async_trait;

fn open<T>(all: &Mutex<Vec<T>>) -> MutexGuard<'_, Vec<T>> {
    all.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps what is submitted, and ships none of it.
#[derive(Debug, Clone, Default)]
pub(super) struct Remote(Arc<Mutex<Vec<(Fix, String)>>>);

impl Remote {
    /// Each fix with what its order says to people.
    pub(super) fn submitted(&self) -> Vec<(Fix, String)> {
        open(&self.0).clone()
    }
}

fn never() -> Error {
    Error::denied("nothing is shipped here")
}

#[async_trait]
impl Deployer for Remote {
    async fn submit(&self, order: &Order) -> Result<Rollout> {
        open(&self.0).push((order.fix().clone(), order.body().to_owned()));
        Err(never())
    }

    async fn lookup(&self, _key: &EffectKey) -> Result<Option<Rollout>> {
        Ok(None)
    }

    async fn merge(&self, _order: &MergeOrder) -> Result<Rollout> {
        Err(never())
    }

    async fn withdraw(&self, _key: &EffectKey, _why: &str) -> Result<Rollout> {
        Err(never())
    }

    async fn revert(&self, _order: &RevertOrder) -> Result<Rollout> {
        Err(never())
    }
}

/// Keeps what people are told.
#[derive(Debug, Clone, Default)]
pub(super) struct Told(Arc<Mutex<Vec<Notice>>>);

impl Told {
    pub(super) fn notices(&self) -> Vec<Notice> {
        open(&self.0).clone()
    }
}

#[async_trait]
impl Notifier for Told {
    async fn notify(&self, notice: &Notice) -> Result<()> {
        open(&self.0).push(notice.clone());
        Ok(())
    }
}
