//! A clock that a test moves.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use tokio::sync::watch;

use crate::id::Timestamp;
use crate::port::Clock;

/// A clock that stands still until a test moves it. Clones share the time.
#[derive(Debug, Clone)]
pub struct ManualClock {
    now: Arc<watch::Sender<Timestamp>>,
    sleepers: Arc<Mutex<BTreeMap<Timestamp, usize>>>,
}

impl ManualClock {
    /// Stands at `now`.
    pub fn new(now: Timestamp) -> Self {
        Self { now: Arc::new(watch::Sender::new(now)), sleepers: Arc::default() }
    }

    /// Moves to `to`; never back.
    pub fn set(&self, to: Timestamp) {
        self.now.send_if_modified(|now| {
            let later = to > *now;
            *now = to.max(*now);
            later
        });
    }

    /// Moves forward by `d`.
    pub fn advance(&self, d: std::time::Duration) {
        self.set(self.now().plus(d));
    }

    /// Whether somebody sleeps until exactly `moment`.
    pub fn sleeps_until(&self, moment: Timestamp) -> bool {
        let sleepers = self.sleepers.lock().unwrap_or_else(PoisonError::into_inner);
        sleepers.contains_key(&moment)
    }

    /// The earliest moment that somebody sleeps until.
    pub fn next_wake(&self) -> Option<Timestamp> {
        let sleepers = self.sleepers.lock().unwrap_or_else(PoisonError::into_inner);
        sleepers.keys().next().copied()
    }
}

/// Counts a sleeper for as long as it sleeps, a dropped one included.
struct Sleeping<'a>(&'a ManualClock, Timestamp);

impl<'a> Sleeping<'a> {
    fn new(clock: &'a ManualClock, until: Timestamp) -> Self {
        let mut sleepers = clock.sleepers.lock().unwrap_or_else(PoisonError::into_inner);
        *sleepers.entry(until).or_default() += 1;
        Self(clock, until)
    }
}

impl Drop for Sleeping<'_> {
    fn drop(&mut self) {
        let mut sleepers = self.0.sleepers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = sleepers.get_mut(&self.1) {
            *count -= 1;
            if *count == 0 {
                sleepers.remove(&self.1);
            }
        }
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    async fn sleep_until(&self, until: Timestamp) {
        let mut now = self.now.subscribe();
        if *now.borrow_and_update() >= until {
            return;
        }
        let _sleeping = Sleeping::new(self, until);
        // The sender lives as long as `self`, so the wait can't fail.
        let _ = now.wait_for(|now| *now >= until).await;
    }
}

/// Moves `clock` from sleeper to sleeper, never while the planner is busy, until `done` says so.
///
/// Returns whether it did within `limit` of the clock's time; gives up after a minute of real time.
pub async fn settle(
    clock: &ManualClock,
    handle: &crate::planner::Handle,
    limit: std::time::Duration,
    mut done: impl AsyncFnMut() -> bool,
) -> bool {
    let end = clock.now().plus(limit);
    let give_up = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while std::time::Instant::now() < give_up {
        if done().await {
            return true;
        }
        let now = clock.now();
        if now >= end {
            return false;
        }
        match clock.next_wake() {
            Some(next) if next > now && handle.in_flight() == 0 => clock.set(next.min(end)),
            _ => tokio::time::sleep(std::time::Duration::from_micros(200)).await,
        }
    }
    false
}

/// Waits for what goes by no planner's clock until it holds.
///
/// # Panics
///
/// Where it does not within a minute of real time, with `what`.
pub async fn soon(what: &str, holds: impl AsyncFn() -> bool) {
    let give_up = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !holds().await {
        assert!(std::time::Instant::now() < give_up, "not {what}");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
}
