//! What all parts of a running planner share.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, Semaphore, broadcast, watch};

use super::claim::Place;
use super::crew::Crew;
use super::elsewhere::Elsewhere;
use super::mail::Handed;
use super::measured::Measured;
use super::normal::Normal;
use super::sightings::Sightings;
use super::storm::Storms;
use super::{Change, PlannerConfig, ServiceConfig, watches};
use crate::error::{Error, Result};
use crate::id::{Fingerprint, IncidentId, Revision, ServiceName, Timestamp};
use crate::machine::{Incident, Phase};
use crate::model::{Baseline, IncidentKind, Release, Samples, Trigger};
use crate::policy::{Policy, Standing};
use crate::port::{Clock, FastRollback, Journal, Lease, Notifier, Telemetry, TelemetryEvent};
use crate::redact::Redactor;
use crate::stage::{Deployer, Diagnoser, FixGenerator, MetricSource, RollbackJudge, Verifier};

/// Incidents that are loaded at the same time.
const LOADS: usize = 32;

/// Releases remembered of each service.
const RELEASES: usize = 8;

#[derive(Debug, Clone)]
pub(super) struct Stages {
    pub(super) metrics: Arc<dyn MetricSource>,
    pub(super) diagnoser: Arc<dyn Diagnoser>,
    pub(super) fixes: Arc<dyn FixGenerator>,
    pub(super) verifier: Arc<dyn Verifier>,
    pub(super) deployer: Arc<dyn Deployer>,
    pub(super) judge: Arc<dyn RollbackJudge>,
}

/// What is known about an open incident without loading it.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) service: ServiceName,
    pub(super) fingerprint: Fingerprint,
    pub(super) phase: Phase,
    /// The release of somebody's that it watches at this moment.
    pub(super) watches: Option<Revision>,
    /// The revision whose error opened it, where that was the first of its kind.
    pub(super) brought_by: Option<Revision>,
    pub(super) triggers: Vec<Trigger>,
    /// Since when it is open, this time.
    pub(super) open_since: Timestamp,
    /// Whether it is the umbrella of a storm.
    pub(super) umbrella: bool,
    /// Whether it may become part of a storm.
    pub(super) may_be_folded: bool,
    /// The service's own code that its error came through: path and function.
    pub(super) frames: Vec<(String, String)>,
    /// What was merged for it.
    pub(super) merged: Option<Revision>,
}

impl Known {
    pub(super) fn of(incident: &Incident) -> Self {
        let diagnosis = incident.case.diagnosis.as_ref();
        Self {
            service: incident.case.service.clone(),
            fingerprint: incident.case.fingerprint.clone(),
            phase: incident.phase,
            watches: watches::watched(incident),
            brought_by: watches::brought_by(incident),
            triggers: diagnosis.map(|d| d.triggers.clone()).unwrap_or_default(),
            frames: frames(incident),
            open_since: incident.open_since(),
            umbrella: incident.case.kind == IncidentKind::Storm,
            may_be_folded: incident.may_be_folded(),
            merged: incident.merged.clone(),
        }
    }
}

/// What is remembered of a service.
#[derive(Debug, Default)]
struct Memory {
    releases: VecDeque<Release>,
    /// What was condemned, newest first.
    condemned: VecDeque<Revision>,
    normal: Normal,
}

#[derive(Debug)]
pub(super) struct Engine {
    pub(super) stages: Stages,
    pub(super) policy: Policy,
    pub(super) config: PlannerConfig,
    pub(super) services: Vec<ServiceConfig>,
    pub(super) journal: Arc<dyn Journal>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) notifiers: Vec<Arc<dyn Notifier>>,
    pub(super) fast_rollback: Option<Arc<dyn FastRollback>>,
    pub(super) telemetry: Arc<dyn Telemetry>,
    pub(super) redactor: Redactor,
    pub(super) crew: Crew,
    pub(super) owner: String,
    pub(super) sightings: Mutex<Sightings>,
    /// Held while an error opens an incident, so that one of them is the one that makes a storm.
    pub(super) storms: tokio::sync::Mutex<Storms>,
    /// Who drives what.
    pub(super) drivers: Mutex<HashMap<IncidentId, Place>>,
    known: Mutex<HashMap<IncidentId, Known>>,
    pub(super) elsewhere: Mutex<Elsewhere>,
    memory: Mutex<HashMap<ServiceName, Memory>>,
    /// Wakes the dispatcher: an incident is to be driven.
    pub(super) work: Notify,
    /// Wakes who fetches messages: some may wait.
    pub(super) post: Notify,
    pub(super) handed: Mutex<Handed>,
    /// One permit for each incident that is being loaded.
    pub(super) loads: Semaphore,
    /// Whether the dispatcher was woken and has not looked yet.
    pub(super) unclaimed: AtomicBool,
    /// Whether the journal may have more to be driven than there was room for.
    pub(super) contended: AtomicBool,
    /// Wakes those that wait for a service's turn to release.
    pub(super) slots: watch::Sender<u64>,
    /// Somebody says that the outside world may have changed.
    pub(super) hinted: Notify,
    /// Wakes those that wait to look at it again.
    pub(super) hints: watch::Sender<u64>,
    pub(super) changes: broadcast::Sender<Change>,
    pub(super) stopping: watch::Sender<bool>,
    busy: Arc<AtomicUsize>,
}

/// Counts something that is being done while it lives.
pub(super) struct Busy(Arc<AtomicUsize>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The fields that a builder collects.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) stages: Stages,
    pub(super) policy: Policy,
    pub(super) config: PlannerConfig,
    pub(super) services: Vec<ServiceConfig>,
    pub(super) journal: Arc<dyn Journal>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) notifiers: Vec<Arc<dyn Notifier>>,
    pub(super) fast_rollback: Option<Arc<dyn FastRollback>>,
    pub(super) telemetry: Arc<dyn Telemetry>,
    pub(super) redactor: Redactor,
    pub(super) owner: String,
}

impl Engine {
    pub(super) fn new(parts: Parts, runtime: tokio::runtime::Handle) -> Self {
        let (clock, telemetry) = (Arc::clone(&parts.clock), Arc::clone(&parts.telemetry));
        let journal = match telemetry.is_silent() {
            true => parts.journal,
            false => Arc::new(Measured {
                inner: parts.journal,
                clock: Arc::clone(&clock),
                telemetry: Arc::clone(&telemetry),
            }),
        };
        Self {
            crew: Crew::new(runtime, clock, telemetry, parts.config.abandoned),
            stages: parts.stages,
            policy: parts.policy,
            config: parts.config,
            services: parts.services,
            journal,
            clock: parts.clock,
            notifiers: parts.notifiers,
            fast_rollback: parts.fast_rollback,
            telemetry: parts.telemetry,
            redactor: parts.redactor,
            owner: parts.owner,
            sightings: Mutex::default(),
            storms: tokio::sync::Mutex::default(),
            drivers: Mutex::default(),
            known: Mutex::default(),
            elsewhere: Mutex::default(),
            memory: Mutex::default(),
            work: Notify::new(),
            post: Notify::new(),
            handed: Mutex::default(),
            loads: Semaphore::new(LOADS),
            unclaimed: AtomicBool::new(false),
            contended: AtomicBool::new(false),
            slots: watch::Sender::new(0),
            hinted: Notify::new(),
            hints: watch::Sender::new(0),
            changes: broadcast::channel(1_024).0,
            stopping: watch::Sender::new(false),
            busy: Arc::default(),
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn busy(&self) -> Busy {
        self.busy.fetch_add(1, Ordering::SeqCst);
        Busy(Arc::clone(&self.busy))
    }

    /// Has the dispatcher look for what is to be driven.
    pub(super) fn wake_dispatcher(&self) {
        self.unclaimed.store(true, Ordering::SeqCst);
        self.work.notify_one();
    }

    /// Returns once the planner stops.
    pub(super) async fn stopped(&self) {
        // The sender lives as long as `self`, so the wait can't fail.
        let _ = self.stopping.subscribe().wait_for(|stop| *stop).await;
    }

    /// Forgets a driver and what it knew, unless a successor has taken over: what another process
    /// drives is the journal's to know.
    pub(super) fn left(&self, lease: &Lease) {
        let mut drivers = self.lock(&self.drivers);
        if drivers.get(&lease.incident).is_some_and(|place| place.fence == lease.fence) {
            drivers.remove(&lease.incident);
            self.lock(&self.known).remove(&lease.incident);
            // Before anybody else can take its place and tell of it.
            self.telemetry.record(TelemetryEvent::Left { incident: &lease.incident });
            let now = self.now();
            for memory in self.lock(&self.memory).values_mut() {
                memory.normal.leave(&lease.incident, now);
            }
        }
    }

    pub(super) fn in_flight(&self) -> usize {
        let queued = |place: &Place| place.commands.max_capacity() - place.commands.capacity();
        let queued: usize = self.lock(&self.drivers).values().map(queued).sum();
        let unclaimed = usize::from(self.unclaimed.load(Ordering::SeqCst));
        self.busy.load(Ordering::SeqCst) + unclaimed + queued
    }

    pub(super) fn service(&self, name: &ServiceName) -> Result<&ServiceConfig> {
        self.services.iter().find(|s| s.name == *name).ok_or_else(|| {
            let known: Vec<&str> = self.services.iter().map(|s| s.name.as_str()).collect();
            let why = format!("no service {name:?} is looked after, only {}", known.join(", "));
            Error::not_found(why).at("planner")
        })
    }

    pub(super) fn lock<'a, T>(&self, mutex: &'a Mutex<T>) -> MutexGuard<'a, T> {
        // Each holds a cache that is valid after every single change.
        mutex.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers where an incident stands, and tells those who listen.
    pub(super) fn changed(&self, incident: &Incident, before: Option<Phase>) {
        let id = &incident.case.incident;
        self.lock(&self.memory)
            .entry(incident.case.service.clone())
            .or_default()
            .normal
            .heed(incident);
        if incident.phase.is_terminal() {
            self.lock(&self.known).remove(id);
        } else {
            self.lock(&self.known).insert(id.clone(), Known::of(incident));
        }
        if before == Some(incident.phase) {
            return;
        }
        let (service, phase, since) = (&incident.case.service, incident.phase, incident.since);
        self.telemetry.record(TelemetryEvent::Phase {
            incident: id,
            service,
            phase,
            before,
            since,
            open_for: since.since(incident.open_since()),
        });
        let change =
            Change { incident: id.clone(), service: service.clone(), phase, at: incident.since };
        // Nobody listening is fine.
        let _ = self.changes.send(change);
    }

    /// Remembers an incident that was committed, and is not driven yet.
    pub(super) fn expect(&self, incident: &Incident) {
        let id = incident.case.incident.clone();
        self.lock(&self.known).entry(id).or_insert_with(|| Known::of(incident));
    }

    /// Open incidents of a service that this planner knows of.
    pub(super) fn known_of(&self, service: &ServiceName) -> Vec<(IncidentId, Known)> {
        let known = self.lock(&self.known);
        let of = known.iter().filter(|(_, k)| k.service == *service);
        of.map(|(id, k)| (id.clone(), k.clone())).collect()
    }

    pub(super) fn remember_release(&self, release: &Release) -> bool {
        let mut memory = self.lock(&self.memory);
        let releases = &mut memory.entry(release.service.clone()).or_default().releases;
        if releases.front().is_some_and(|r| r.revision == release.revision) {
            return false;
        }
        releases.push_front(release.clone());
        releases.truncate(RELEASES);
        true
    }

    /// Remembers that nobody goes back to this one.
    pub(super) fn condemn(&self, service: &ServiceName, revision: &Revision) {
        let mut memory = self.lock(&self.memory);
        let condemned = &mut memory.entry(service.clone()).or_default().condemned;
        condemned.push_front(revision.clone());
        condemned.truncate(RELEASES);
    }

    pub(super) fn is_condemned(&self, service: &ServiceName, revision: &Revision) -> bool {
        let memory = self.lock(&self.memory);
        memory.get(service).is_some_and(|m| m.condemned.contains(revision))
    }

    pub(super) fn releases(&self, service: &ServiceName) -> Vec<Release> {
        let memory = self.lock(&self.memory);
        memory.get(service).map(|m| m.releases.iter().cloned().collect()).unwrap_or_default()
    }

    pub(super) fn deployed(&self, service: &ServiceName) -> Option<Revision> {
        self.releases(service).first().map(|r| r.revision.clone())
    }

    pub(super) fn remember_samples(&self, service: &ServiceName, samples: &Samples) {
        let mut memory = self.lock(&self.memory);
        memory.entry(service.clone()).or_default().normal.remember(samples);
    }

    /// What was normal until now, by what the observer saw.
    pub(super) fn baseline(&self, service: &ServiceConfig) -> Baseline {
        let memory = self.lock(&self.memory);
        let normal = memory.get(&service.name).map(|m| m.normal.summaries(&service.metrics));
        Baseline::new(self.now(), normal.unwrap_or_default())
    }

    /// How things stand for a fix and a fingerprint. Switches that can't be read count as thrown; a
    /// ledger that can't be read decides nothing, and is read again.
    pub(super) async fn standing(&self, incident: &Incident) -> Result<Standing> {
        let case = &incident.case;
        let control = self.journal.control().await.ok();
        let digest = incident.fix().map(|f| f.digest());
        let reverted = match digest {
            Some(digest) => self.journal.used(&reverted_counter(&case.service, &digest)).await? > 0,
            None => false,
        };
        let counter = futile_counter(&case.service, &case.fingerprint);
        let futile = self.journal.used(&counter).await?;
        let storm = self.umbrella(&case.service).await?.map(|umbrella| umbrella.id);
        Ok(Standing::new(self.now(), control).with_ledger(reverted, futile).with_storm(storm))
    }

    /// Counts the fix that an incident merged as one that changed nothing that lasts; once, however
    /// often it is told.
    pub(super) async fn enter_futile(&self, incident: &Incident) -> Result<()> {
        let case = &incident.case;
        let counter = futile_counter(&case.service, &case.fingerprint);
        let key = format!("{}/{}", case.incident, incident.submission);
        self.journal.reserve(&counter, &key, 1, u64::MAX).await
    }
}

/// The service's own code in the trace of an incident.
fn frames(incident: &Incident) -> Vec<(String, String)> {
    let exceptions = incident.case.trace().into_iter().flat_map(|t| &t.exceptions);
    let own = exceptions.flat_map(|e| &e.frames).filter(|f| f.in_app);
    own.map(|f| (f.path.clone(), f.function.clone())).collect()
}

/// The ledger of diffs that were shipped and taken back.
pub(super) fn reverted_counter(service: &ServiceName, fix: &crate::id::Digest) -> String {
    format!("reverted/{service}/{fix}")
}

/// Fixes of a fingerprint that were shipped and changed nothing.
fn futile_counter(service: &ServiceName, fingerprint: &Fingerprint) -> String {
    format!("futile/{service}/{fingerprint}")
}

#[cfg(test)]
#[path = "engine_tests.rs"]
mod tests;
