//! What a router has done since it was built.

use std::sync::{Mutex, PoisonError};

use crate::model::Family;

/// Counts since the router was built; the journal counts days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Figures {
    /// Requests that went out, failed ones and repeats included.
    pub requests: u64,
    /// Of these, those to a small model.
    pub lite: u64,
    /// Questions that a kept answer did for.
    pub cached: u64,
    /// Millionths of a US dollar; of an answer that was lost, the most that it may have cost.
    pub cost: u64,
    /// Requests to models without a known price: the cost leaves them out.
    pub unpriced: u64,
}

impl Figures {
    /// The share of requests that went to a small model; `None` before the first.
    pub fn lite_share(&self) -> Option<f64> {
        // Counts stay far below what an f64 holds exactly.
        #[allow(clippy::cast_precision_loss)]
        (self.requests > 0).then(|| self.lite as f64 / self.requests as f64)
    }
}

#[derive(Debug, Default)]
pub(super) struct Counts(Mutex<Figures>);

impl Counts {
    pub(super) fn read(&self) -> Figures {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn request(&self, family: &Family) {
        self.change(|all| {
            all.requests += 1;
            all.lite += u64::from(family.lite);
            all.unpriced += u64::from(family.price.is_none());
        });
    }

    pub(super) fn cached(&self) {
        self.change(|all| all.cached += 1);
    }

    /// Adds what a request may cost, or corrects it from `before`.
    pub(super) fn cost(&self, before: u64, now: u64) {
        self.change(|all| all.cost = all.cost.saturating_sub(before).saturating_add(now));
    }

    fn change(&self, change: impl FnOnce(&mut Figures)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
