//! What errors were seen when: in memory, bounded.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use crate::id::{Fingerprint, Revision, ServiceName, Timestamp};

/// Fingerprints remembered; the one that was silent longest is forgotten first.
const FINGERPRINTS: usize = 10_000;
/// Sightings remembered of each, newest last.
const EACH: usize = 64;

/// Sightings from which a rate can be told.
const RATED: usize = 3;

#[derive(Debug, Default)]
pub(super) struct Sightings {
    seen: HashMap<(ServiceName, Fingerprint), Seen>,
}

#[derive(Debug)]
struct Seen {
    first: Timestamp,
    recent: VecDeque<(Timestamp, Option<Revision>)>,
}

impl Sightings {
    pub(super) fn note(
        &mut self,
        service: &ServiceName,
        fingerprint: &Fingerprint,
        at: Timestamp,
        revision: Option<&Revision>,
    ) {
        let key = (service.clone(), fingerprint.clone());
        if !self.seen.contains_key(&key) && self.seen.len() >= FINGERPRINTS {
            self.forget();
        }
        let seen =
            self.seen.entry(key).or_insert_with(|| Seen { first: at, recent: VecDeque::new() });
        if seen.recent.len() == EACH {
            seen.recent.pop_front();
        }
        seen.recent.push_back((at, revision.cloned()));
    }

    /// Drops a tenth, so that a storm does not sort the table at every new fingerprint.
    fn forget(&mut self) {
        let last = |seen: &Seen| seen.recent.back().map_or(seen.first, |(at, _)| *at);
        let mut ages: Vec<Timestamp> = self.seen.values().map(last).collect();
        ages.sort_unstable();
        let limit = ages.get(FINGERPRINTS / 10).copied().unwrap_or_default();
        self.seen.retain(|_, seen| last(seen) > limit);
    }

    /// How often it was seen after `from` and until `to`, by a process that ran `revision` or is not known.
    pub(super) fn count(
        &self,
        service: &ServiceName,
        fingerprint: &Fingerprint,
        from: Timestamp,
        to: Timestamp,
        revision: &Revision,
    ) -> u64 {
        let seen = self.seen.get(&(service.clone(), fingerprint.clone()));
        let hits = seen.into_iter().flat_map(|s| &s.recent).filter(|(at, by)| {
            from < *at && *at <= to && by.as_ref().is_none_or(|by| by == revision)
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
        seen.map_or(0, |s| s.recent.iter().filter(|(at, _)| *at >= since).count())
    }

    /// How often it was seen, per second until `now`; `None` for less than [`RATED`] sightings.
    pub(super) fn rate(
        &self,
        service: &ServiceName,
        fingerprint: &Fingerprint,
        now: Timestamp,
    ) -> Option<f64> {
        let recent = &self.seen.get(&(service.clone(), fingerprint.clone()))?.recent;
        let (first, _) = recent.front()?;
        let seconds = now.since(*first).as_secs_f64();
        (recent.len() >= RATED && seconds > 0.0).then(|| recent.len() as f64 / seconds)
    }

    /// When it was first seen, as far as remembered.
    pub(super) fn first(
        &self,
        service: &ServiceName,
        fingerprint: &Fingerprint,
    ) -> Option<Timestamp> {
        self.seen.get(&(service.clone(), fingerprint.clone())).map(|s| s.first)
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
            sightings.note(&service, &print(i), Timestamp::from_ms(i), None);
        }
        assert!(sightings.seen.len() <= FINGERPRINTS);
        assert!(sightings.first(&service, &print(24_999)).is_some());
        assert!(sightings.first(&service, &print(0)).is_none());
    }

    #[test]
    fn a_rate_needs_several_sightings() {
        let mut sightings = Sightings::default();
        let (service, print) = (ServiceName::new("shop"), Fingerprint::new("f"));
        let at = Timestamp::from_ms;
        for second in 0..5 {
            let rate = sightings.rate(&service, &print, at(second * 1_000 + 1));
            assert_eq!(rate.is_some(), second >= 3, "{second}");
            sightings.note(&service, &print, at(second * 1_000), None);
        }
        assert_eq!(sightings.rate(&service, &print, at(10_000)), Some(0.5));
    }

    #[test]
    fn errors_of_an_older_process_are_not_the_release_s() {
        let mut sightings = Sightings::default();
        let (service, print) = (ServiceName::new("shop"), Fingerprint::new("f"));
        let (old, new) = (Revision::new("old"), Revision::new("new"));
        let at = Timestamp::from_ms;
        sightings.note(&service, &print, at(10), Some(&old));
        sightings.note(&service, &print, at(11), Some(&new));
        sightings.note(&service, &print, at(12), None);
        assert_eq!(sightings.count(&service, &print, at(9), at(12), &new), 2);
        assert_eq!(sightings.count(&service, &print, at(11), at(12), &new), 1);
        assert_eq!(sightings.count(&service, &print, at(12), at(13), &new), 0);
    }
}
