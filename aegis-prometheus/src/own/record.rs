//! From what a planner says to series.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use aegis_core::machine::Phase;
use aegis_core::model::IncidentKind;
use aegis_core::port::{Telemetry, TelemetryEvent};
use aegis_core::{ErrorKind, IncidentId, ServiceName, Timestamp};
use metrics::{SharedString, counter, gauge, histogram};

use super::families::*;
use super::labels::{Labels, OTHER};
use super::open::Open;
use super::seconds;

/// Services that are labels of their own, unless set.
const SERVICES: usize = 100;
/// Sources that are.
const SOURCES: usize = 32;

/// Tells the `metrics` facade what a planner says.
///
/// Labels are bounded: services beyond the first hundred, or [`with_services`](Self::with_services),
/// share the label `other`, under which the stalest sample is told and no budget. Incidents, errors and
/// paths are never labels. Counters begin at 0 for each service that is observed, so that the first
/// increase is seen.
#[derive(Debug)]
pub struct Metrics {
    services: Labels,
    sources: Labels,
    open: Mutex<Open>,
    /// When each service that has no label of its own was last sampled.
    unnamed: Mutex<HashMap<ServiceName, Timestamp>>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Nothing told yet.
    pub fn new() -> Self {
        Self {
            services: Labels::new(SERVICES),
            sources: Labels::new(SOURCES),
            open: Mutex::default(),
            unnamed: Mutex::default(),
        }
    }

    /// Lets so many services be labels of their own.
    #[must_use]
    pub fn with_services(mut self, most: usize) -> Self {
        self.services = Labels::new(most);
        self
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // Each change leaves it whole.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a service's series begin at 0.
    fn begin(&self, service: &ServiceName, at: Timestamp) {
        describe();
        let label = self.services.of(service.as_str());
        for kind in KINDS {
            counter!(OPENED, "service" => label.clone(), "kind" => kind.as_str()).increment(0);
            counter!(REOPENED, "service" => label.clone(), "kind" => kind.as_str()).increment(0);
        }
        for end in Phase::ALL.into_iter().filter(|phase| phase.is_terminal()) {
            counter!(ENDED, "service" => label.clone(), "end" => end.name()).increment(0);
        }
        for verdict in ["watch", "keep", "rollback", "inconclusive"] {
            counter!(VERDICTS, "service" => label.clone(), "verdict" => verdict).increment(0);
        }
        for name in [HANDED_OVER, WATCHED, ROLLBACKS, NOTICES_LOST] {
            counter!(name, "service" => label.clone()).increment(0);
        }
        counter!(SOURCE_FAILURES, "source" => self.sources.of("metrics")).increment(0);
        counter!(DROPPED, "queue" => "commands").increment(0);
        self.open().begin(&label);
        self.sampled(service, label, at);
    }

    fn opened(&self, service: &ServiceName, kind: IncidentKind, again: bool) {
        let (service, name) = (self.services.of(service.as_str()), kind.as_str());
        let counted = if again { REOPENED } else { OPENED };
        counter!(counted, "service" => service.clone(), "kind" => name).increment(1);
        // These two stand from the start in the phase that others enter.
        match kind {
            IncidentKind::Release => counter!(WATCHED, "service" => service).increment(1),
            IncidentKind::Storm => counter!(HANDED_OVER, "service" => service).increment(1),
            _ => {}
        }
    }

    fn moved(
        &self,
        id: &IncidentId,
        service: &ServiceName,
        (before, phase): (Option<Phase>, Phase),
        since: Timestamp,
        open_for: std::time::Duration,
    ) {
        let service = self.services.of(service.as_str());
        self.open().moved(id, service.clone(), phase, since);
        if before.is_none() {
            return;
        }
        let entered = match phase {
            Phase::AwaitingHuman => HANDED_OVER,
            Phase::Watching => WATCHED,
            Phase::Reverting => ROLLBACKS,
            end if end.is_terminal() => {
                let end = end.name();
                counter!(ENDED, "service" => service.clone(), "end" => end).increment(1);
                histogram!(OPEN_SECONDS, "service" => service, "end" => end).record(open_for);
                return;
            }
            _ => return,
        };
        counter!(entered, "service" => service).increment(1);
    }

    fn sampled(&self, service: &ServiceName, label: SharedString, at: Timestamp) {
        let at = if label.as_ref() == OTHER {
            let mut all = self.unnamed.lock().unwrap_or_else(PoisonError::into_inner);
            all.insert(service.clone(), at);
            all.values().min().copied().unwrap_or(at)
        } else {
            at
        };
        gauge!(LAST_SAMPLE, "service" => label).set(seconds(at));
    }
}

const KINDS: [IncidentKind; 5] = [
    IncidentKind::Crash,
    IncidentKind::Release,
    IncidentKind::Pipeline,
    IncidentKind::Resource,
    IncidentKind::Storm,
];

impl Telemetry for Metrics {
    fn record(&self, event: TelemetryEvent<'_>) {
        match event {
            TelemetryEvent::Opened { service, kind, again } => self.opened(service, kind, again),
            TelemetryEvent::Phase { incident, service, phase, before, since, open_for } => {
                self.moved(incident, service, (before, phase), since, open_for);
            }
            TelemetryEvent::Left { incident } => self.open().left(incident),
            TelemetryEvent::Lag { by } => histogram!(LAG).record(by),
            TelemetryEvent::Stage { stage, took, error } => {
                let outcome = error.map_or("ok", ErrorKind::as_str);
                counter!(STAGE_CALLS, "stage" => stage, "outcome" => outcome).increment(1);
                counter!(ABANDONED, "stage" => stage).increment(0);
                histogram!(STAGE_SECONDS, "stage" => stage).record(took);
            }
            TelemetryEvent::Abandoned { stage, .. } => {
                counter!(ABANDONED, "stage" => stage).increment(1);
            }
            TelemetryEvent::Judged { service, verdict } => {
                let (service, verdict) = (self.services.of(service.as_str()), verdict.as_str());
                counter!(VERDICTS, "service" => service, "verdict" => verdict).increment(1);
            }
            TelemetryEvent::NoticeLost { service } => {
                let service = self.services.of(service.as_str());
                counter!(NOTICES_LOST, "service" => service).increment(1);
            }
            TelemetryEvent::Journal { call, took, error } => {
                counter!(JOURNAL_CALLS, "call" => call).increment(1);
                let failed = u64::from(error.is_some());
                counter!(JOURNAL_FAILURES, "call" => call).increment(failed);
                histogram!(JOURNAL_SECONDS, "call" => call).record(took);
            }
            TelemetryEvent::Claimed { at, driven, room, more } => {
                gauge!(LAST_CLAIM).set(seconds(at));
                gauge!(DRIVERS).set(count(driven as u64));
                gauge!(DRIVERS_LIMIT).set(count(room as u64));
                gauge!(CONTENDED).set(f64::from(u8::from(more)));
            }
            TelemetryEvent::Observing { service, at } => self.begin(service, at),
            TelemetryEvent::Sampled { service, at, values, .. } if values > 0 => {
                self.sampled(service, self.services.of(service.as_str()), at);
            }
            TelemetryEvent::Switches { killed, frozen } => {
                gauge!(KILL_SWITCH).set(f64::from(u8::from(killed)));
                gauge!(FROZEN).set(f64::from(u8::from(frozen)));
            }
            TelemetryEvent::Budget { service, kind, used, most } => {
                let (service, kind) = (self.services.of(service.as_str()), kind.as_str());
                if service.as_ref() != OTHER {
                    gauge!(BUDGET_USED, "service" => service.clone(), "kind" => kind)
                        .set(count(used));
                    gauge!(BUDGET_LIMIT, "service" => service, "kind" => kind).set(count(most));
                }
            }
            TelemetryEvent::SourceFailed { source } => {
                counter!(SOURCE_FAILURES, "source" => self.sources.of(source)).increment(1);
            }
            TelemetryEvent::Dropped { queue } => counter!(DROPPED, "queue" => queue).increment(1),
            _ => {}
        }
    }
}

/// A count, far below 2^53.
#[allow(clippy::cast_precision_loss)]
fn count(n: u64) -> f64 {
    n as f64
}
