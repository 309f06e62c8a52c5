//! What is known of each model at the moment. It is not kept: after a restart every model is tried anew,
//! which is also how one that was disabled comes back.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use aegis_core::Timestamp;

use super::Choice;

const MINUTE: Duration = Duration::from_secs(60);

/// Whether a model may be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    /// It may, and this request is counted.
    Go,
    /// Not before then.
    Wait(Timestamp),
    /// Never.
    Off,
}

#[derive(Debug, Default)]
pub(super) struct Health(Mutex<BTreeMap<Choice, State>>);

#[derive(Debug, Default)]
struct State {
    off: bool,
    no_sampling: bool,
    cooled_until: Timestamp,
    /// When it was asked within the last minute, where that is bounded.
    asked: VecDeque<Timestamp>,
}

impl Health {
    /// Asks for the turn of one request, at most `most` of which go within any minute.
    pub(super) fn enter(&self, choice: &Choice, now: Timestamp, most: Option<u32>) -> Entry {
        let mut states = self.lock();
        let state = states.entry(choice.clone()).or_default();
        if state.off {
            return Entry::Off;
        }
        if state.cooled_until > now {
            return Entry::Wait(state.cooled_until);
        }
        let Some(most) = most.map(|most| usize::try_from(most).unwrap_or(usize::MAX)) else {
            return Entry::Go;
        };
        while state.asked.front().is_some_and(|at| at.plus(MINUTE) <= now) {
            state.asked.pop_front();
        }
        if state.asked.len() >= most {
            return state.asked.front().map_or(Entry::Off, |at| Entry::Wait(at.plus(MINUTE)));
        }
        state.asked.push_back(now);
        Entry::Go
    }

    /// Lets it rest until `until`, unless it rests for longer.
    pub(super) fn cool(&self, choice: &Choice, until: Timestamp) {
        let mut states = self.lock();
        let state = states.entry(choice.clone()).or_default();
        state.cooled_until = state.cooled_until.max(until);
    }

    pub(super) fn disable(&self, choice: &Choice) {
        self.lock().entry(choice.clone()).or_default().off = true;
    }

    /// Remembers that it takes no sampling fields.
    pub(super) fn strip(&self, choice: &Choice) {
        self.lock().entry(choice.clone()).or_default().no_sampling = true;
    }

    pub(super) fn is_stripped(&self, choice: &Choice) -> bool {
        self.lock().get(choice).is_some_and(|state| state.no_sampling)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Choice, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
