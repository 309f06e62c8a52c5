//! The alerts that were told: which of them again, and which of them still fire.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use aegis_core::{Fingerprint, ServiceName, Timestamp};

use super::payload::{Alert, Status};

/// Alerts that are remembered; the one that was told first is forgotten first.
const ALERTS: usize = 10_000;

/// One alert, from its start to its end.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Episode(String, Timestamp);

impl Episode {
    pub(super) fn of(alert: &Alert) -> Self {
        Self(alert.fingerprint.clone(), alert.starts_at)
    }
}

/// The trouble that an alert reports, as core tells one from another.
pub(super) type Trouble = (ServiceName, Fingerprint);

/// How an alert was told last.
#[derive(Debug)]
pub(super) enum Before {
    /// Never, in this state.
    Never,
    /// So long ago that it counts again.
    LongAgo,
    /// Just so.
    Lately,
}

#[derive(Debug, Default)]
pub(super) struct Seen {
    told: HashMap<Episode, (Status, Timestamp)>,
    order: VecDeque<(Episode, Trouble)>,
    firing: HashMap<Trouble, HashSet<Episode>>,
}

impl Seen {
    pub(super) fn before(
        &self,
        episode: &Episode,
        status: Status,
        now: Timestamp,
        again_after: Duration,
    ) -> Before {
        match self.told.get(episode) {
            // What ended does not begin again: that would be another start.
            Some((Status::Resolved, _)) => Before::Lately,
            Some((told, at)) if *told == status => {
                if now.since(*at) < again_after {
                    Before::Lately
                } else {
                    Before::LongAgo
                }
            }
            _ => Before::Never,
        }
    }

    /// Whether another alert of the same trouble still fires.
    pub(super) fn others_fire(&self, trouble: &Trouble, episode: &Episode) -> bool {
        self.firing.get(trouble).is_some_and(|all| all.iter().any(|other| other != episode))
    }

    /// Remembers what is in the journal.
    pub(super) fn remember(
        &mut self,
        episode: Episode,
        trouble: Trouble,
        status: Status,
        now: Timestamp,
    ) {
        match status {
            Status::Firing => {
                self.firing.entry(trouble.clone()).or_default().insert(episode.clone());
            }
            Status::Resolved => self.ended(&trouble, &episode),
        }
        if self.told.insert(episode.clone(), (status, now)).is_some() {
            return;
        }
        self.order.push_back((episode, trouble));
        if self.order.len() > ALERTS
            && let Some((oldest, trouble)) = self.order.pop_front()
        {
            self.told.remove(&oldest);
            self.ended(&trouble, &oldest);
        }
    }

    fn ended(&mut self, trouble: &Trouble, episode: &Episode) {
        if let Some(all) = self.firing.get_mut(trouble) {
            all.remove(episode);
            if all.is_empty() {
                self.firing.remove(trouble);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten_and_memory_is_bounded() {
        let mut seen = Seen::default();
        let at = Timestamp::from_ms(0);
        let episode = |n: usize| Episode(n.to_string(), at);
        let trouble = |n: usize| (ServiceName::new("shop"), Fingerprint::new(n.to_string()));
        for n in 0..=ALERTS {
            seen.remember(episode(n), trouble(n), Status::Firing, at);
        }
        assert_eq!(
            (seen.told.len(), seen.order.len(), seen.firing.len()),
            (ALERTS, ALERTS, ALERTS)
        );
        let before = |n| seen.before(&episode(n), Status::Firing, at, Duration::from_secs(1));
        assert!(matches!((before(0), before(1)), (Before::Never, Before::Lately)));
    }
}
