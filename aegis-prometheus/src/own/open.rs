//! The incidents that are driven here, counted by phase.

use std::collections::{BTreeSet, HashMap};

use aegis_core::machine::Phase;
use aegis_core::{IncidentId, Timestamp};
use metrics::{SharedString, gauge};

use super::families::{OPEN, WAITING_SINCE};
use super::seconds;

/// As many as the planner drives; ids stay in here.
#[derive(Debug, Default)]
pub(super) struct Open {
    incidents: HashMap<IncidentId, Place>,
    /// Who waits for a person, the longest first, by service.
    waiting: HashMap<SharedString, BTreeSet<(Timestamp, IncidentId)>>,
}

#[derive(Debug)]
struct Place {
    service: SharedString,
    phase: Phase,
    since: Timestamp,
}

impl Open {
    /// Has a service's series begin at 0.
    pub(super) fn begin(&self, service: &SharedString) {
        for phase in Phase::ALL.into_iter().filter(|phase| !phase.is_terminal()) {
            gauge!(OPEN, "service" => service.clone(), "phase" => phase.name()).increment(0.0);
        }
        gauge!(WAITING_SINCE, "service" => service.clone()).increment(0.0);
    }

    /// An incident stands in `phase`; one that ended is open no more.
    pub(super) fn moved(
        &mut self,
        id: &IncidentId,
        service: SharedString,
        phase: Phase,
        since: Timestamp,
    ) {
        self.left(id);
        if phase.is_terminal() {
            return;
        }
        gauge!(OPEN, "service" => service.clone(), "phase" => phase.name()).increment(1.0);
        if phase == Phase::AwaitingHuman {
            self.waiting.entry(service.clone()).or_default().insert((since, id.clone()));
            self.tell_oldest(&service);
        }
        self.incidents.insert(id.clone(), Place { service, phase, since });
    }

    /// An incident is driven here no more.
    pub(super) fn left(&mut self, id: &IncidentId) {
        let Some(Place { service, phase, since }) = self.incidents.remove(id) else { return };
        gauge!(OPEN, "service" => service.clone(), "phase" => phase.name()).decrement(1.0);
        if phase == Phase::AwaitingHuman {
            if let Some(waiting) = self.waiting.get_mut(&service) {
                waiting.remove(&(since, id.clone()));
            }
            self.tell_oldest(&service);
        }
    }

    fn tell_oldest(&self, service: &SharedString) {
        let oldest = self.waiting.get(service).and_then(BTreeSet::first);
        let since = oldest.map_or(0.0, |(since, _)| seconds(*since));
        gauge!(WAITING_SINCE, "service" => service.clone()).set(since);
    }
}
