//! What errors were seen when: in memory, bounded.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::id::{Fingerprint, Revision, ServiceName, Timestamp};

/// Fingerprints remembered; the one that was silent longest is forgotten first.
const FINGERPRINTS: usize = 10_000;
/// Sightings remembered of each, newest last.
const EACH: usize = 256;

/// Sightings from which a rate can be told.
const RATED: usize = 3;

#[derive(Debug, Default)]
pub(super) struct Sightings {
    seen: HashMap<(ServiceName, Fingerprint), Seen>,
}

#[derive(Debug)]
struct Sighting {
    /// When it happened, by its source.
    at: Timestamp,
    /// When it was told.
    told: Timestamp,
    revision: Option<Revision>,
}

#[derive(Debug)]
struct Seen {
    first: Timestamp,
    /// Which revision it was seen of first.
    first_of: Option<Revision>,
    recent: VecDeque<Sighting>,
}

impl Sightings {
    pub(super) fn note(
        &mut self,
        service: &ServiceName,
        fingerprint: &Fingerprint,
        at: Timestamp,
        told: Timestamp,
        revision: Option<&Revision>,
    ) {
        let key = (service.clone(), fingerprint.clone());
        if !self.seen.contains_key(&key) && self.seen.len() >= FINGERPRINTS {
            self.forget();
        }
        let seen = self.seen.entry(key).or_insert_with(|| Seen {
            first: at,
            first_of: revision.cloned(),
            recent: VecDeque::new(),
        });
        if seen.recent.len() == EACH {
            seen.recent.pop_front();
        }
        seen.recent.push_back(Sighting { at, told, revision: revision.cloned() });
    }

    /// Drops a tenth, so that a storm does not sort the table at every new fingerprint.
    fn forget(&mut self) {
        let last = |seen: &Seen| seen.recent.back().map_or(seen.first, |s| s.at);
        let mut ages: Vec<Timestamp> = self.seen.values().map(last).collect();
        ages.sort_unstable();
        let limit = ages.get(FINGERPRINTS / 10).copied().unwrap_or_default();
        self.seen.retain(|_, seen| last(seen) > limit);
    }

    /// How often it was told from `from` on and before `to`, so that what is told at the very moment of
    /// a look counts in the next one, where it happened after `since` to a process
    /// that ran `revision` or is not known. A log that is read late still counts.
    pub(super) fn count(
        &self,
        service: &ServiceName,
        fingerprint: &Fingerprint,
        since: Timestamp,
        (from, to): (Timestamp, Timestamp),
        revision: &Revision,
    ) -> u64 {
        let seen = self.seen.get(&(service.clone(), fingerprint.clone()));
        let hits = seen.into_iter().flat_map(|s| &s.recent).filter(|s| {
            // A process makes errors before anybody reports it running.
            let ours = s.revision.as_ref().map_or(since < s.at, |by| by == revision);
            from <= s.told && s.told < to && ours
        });
        hits.count() as u64
    }

    /// How often it was seen within `window` before `now`, as far as remembered.
    pub(super) fn lately(
        &self,
        service: &ServiceName,
        fingerprint: &Fingerprint,
        now: Timestamp,
        window: Duration,
    ) -> usize {
        let since = now.minus(window);
        let seen = self.seen.get(&(service.clone(), fingerprint.clone()));
        seen.map_or(0, |s| s.recent.iter().filter(|s| s.at >= since).count())
    }

    /// How often it was seen, per second until `now`; `None` for less than [`RATED`] sightings.
    pub(super) fn rate(
        &self,
        service: &ServiceName,
        fingerprint: &Fingerprint,
        now: Timestamp,
    ) -> Option<f64> {
        let recent = &self.seen.get(&(service.clone(), fingerprint.clone()))?.recent;
        let seconds = now.since(recent.front()?.at).as_secs_f64();
        (recent.len() >= RATED && seconds > 0.0).then(|| recent.len() as f64 / seconds)
    }

    /// When it was last told, as far as remembered.
    pub(super) fn last_told(
        &self,
        service: &ServiceName,
        fingerprint: &Fingerprint,
    ) -> Option<Timestamp> {
        let seen = self.seen.get(&(service.clone(), fingerprint.clone()))?;
        seen.recent.back().map(|s| s.told)
    }

    /// Whether it was first seen since a release went live, or of its revision.
    pub(super) fn is_new_with(
        &self,
        service: &ServiceName,
        fingerprint: &Fingerprint,
        live_at: Timestamp,
        revision: &Revision,
    ) -> bool {
        let seen = self.seen.get(&(service.clone(), fingerprint.clone()));
        seen.is_some_and(|s| s.first >= live_at || s.first_of.as_ref() == Some(revision))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_storm_of_fingerprints_stays_bounded_and_keeps_the_newest() {
        let mut sightings = Sightings::default();
        let service = ServiceName::new("shop");
        let print = |i: i64| Fingerprint::new(i.to_string());
        for i in 0..25_000 {
            let at = Timestamp::from_ms(i);
            sightings.note(&service, &print(i), at, at, None);
        }
        assert!(sightings.seen.len() <= FINGERPRINTS);
        let known = |i| {
            let (epoch, any) = (Timestamp::from_ms(0), Revision::new("any"));
            sightings.is_new_with(&service, &print(i), epoch, &any)
        };
        assert!(known(24_999) && !known(0));
    }

    #[test]
    fn a_rate_needs_several_sightings() {
        let mut sightings = Sightings::default();
        let (service, print) = (ServiceName::new("shop"), Fingerprint::new("f"));
        let at = Timestamp::from_ms;
        for second in 0..5 {
            let rate = sightings.rate(&service, &print, at(second * 1_000 + 1));
            assert_eq!(rate.is_some(), second >= 3, "{second}");
            let moment = at(second * 1_000);
            sightings.note(&service, &print, moment, moment, None);
        }
        assert_eq!(sightings.rate(&service, &print, at(10_000)), Some(0.5));
    }

    #[test]
    fn errors_of_an_older_process_are_not_the_release_s() {
        let mut sightings = Sightings::default();
        let (service, print) = (ServiceName::new("shop"), Fingerprint::new("f"));
        let (old, new) = (Revision::new("old"), Revision::new("new"));
        let at = Timestamp::from_ms;
        sightings.note(&service, &print, at(10), at(10), Some(&old));
        sightings.note(&service, &print, at(11), at(11), Some(&new));
        sightings.note(&service, &print, at(12), at(12), None);
        let count = |from, to| sightings.count(&service, &print, at(9), (at(from), at(to)), &new);
        assert_eq!((count(9, 12), count(11, 12), count(12, 13)), (1, 1, 1));
    }

    #[test]
    fn an_error_that_is_told_late_still_counts() {
        let mut sightings = Sightings::default();
        let (service, print) = (ServiceName::new("shop"), Fingerprint::new("f"));
        let (new, at) = (Revision::new("new"), Timestamp::from_ms);
        sightings.note(&service, &print, at(14), at(21), Some(&new));
        sightings.note(&service, &print, at(4), at(22), None);
        let count =
            |of: &Sightings, from, to| of.count(&service, &print, at(10), (at(from), at(to)), &new);
        assert_eq!(count(&sightings, 10, 20), 0);
        assert_eq!(count(&sightings, 20, 30), 1, "what happened before the release does not count");
        sightings.note(&service, &print, at(9), at(23), Some(&new));
        assert_eq!(
            count(&sightings, 20, 30),
            2,
            "but for what its own process says, early as it is"
        );
    }
}
