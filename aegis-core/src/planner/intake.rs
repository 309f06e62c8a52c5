//! Events in, incidents out: redacted, parsed, fingerprinted, deduplicated.

use std::time::Duration;

use super::engine::{Engine, Known};
use super::{storm, watches};
use crate::ci;
use crate::error::Result;
use crate::id::{Fingerprint, IncidentId, ServiceName};
use crate::machine::{Entry, Incident, Opened as OpenedRecord, Phase, Record};
use crate::model::{
    Anomaly, Author, Event, IncidentKind, Observation, Release, Signal, SignalKind, Similar,
    Symptom,
};
use crate::port::{Filter, Message, NewIncident, Opened, Receipt, Summary, TelemetryEvent};
use crate::redact::Untrusted;
use crate::trace;

/// Bytes of an error's text that are kept.
const DETAIL: usize = 16 * 1024;
/// Bytes of a title.
const TITLE: usize = 200;
/// Bytes of the name of a source.
const SOURCE: usize = 100;
/// Why what a source tells late opens nothing.
const STALE: &str = "this error is older than what ended its incident";
/// Earlier incidents that a case names.
const SIMILAR: usize = 5;

/// Takes one event; returns once it is committed.
pub(super) async fn take(engine: &Engine, event: Event) -> Result<Receipt> {
    let _busy = engine.busy();
    match event {
        Event::Signal(signal) => on_signal(engine, signal).await,
        Event::Resolved(service, fingerprint) => on_resolved(engine, &service, &fingerprint).await,
        Event::Released(release) => on_released(engine, release).await,
    }
}

async fn on_signal(engine: &Engine, signal: Signal) -> Result<Receipt> {
    engine.service(&signal.service)?;
    let service = signal.service.clone();
    let symptom = symptom(engine, &signal);
    let (print, at) = (&symptom.fingerprint, symptom.at);
    let revision = symptom.revision.as_ref();
    engine.lock(&engine.sightings).note(&service, print, at, engine.now(), revision);
    let known = engine.known_of(&service);
    if let Some((id, _)) = known.iter().find(|(_, k)| k.fingerprint == *print) {
        return Ok(Receipt::Joined(id.clone()));
    }
    if let Some(id) = engine.was_told(&service, &symptom).await? {
        return Ok(Receipt::Joined(id));
    }
    match &symptom.kind {
        SignalKind::Error(Some(_)) => {
            // An error first seen while somebody's release is watched belongs to that watch.
            if let Some((id, _)) = known.iter().find(|(_, k)| k.takes(&symptom))
                && !seen_before(engine, &service, print).await?
            {
                return Ok(join(engine, id, symptom));
            }
            open(engine, service, IncidentKind::Crash, symptom).await
        }
        SignalKind::Error(None) => {
            let minute = Duration::from_secs(60);
            let lately =
                engine.lock(&engine.sightings).lately(&service, print, engine.now(), minute);
            if lately < engine.config.lines_to_open {
                return Ok(Receipt::Noted("an error line without a stack trace"));
            }
            join_or_open(engine, service, IncidentKind::Crash, symptom).await
        }
        SignalKind::Anomaly(_) | SignalKind::Unhealthy => {
            join_or_open(engine, service, IncidentKind::Resource, symptom).await
        }
        SignalKind::Pipeline(_) => open(engine, service, IncidentKind::Pipeline, symptom).await,
    }
}

/// One trouble, one incident: what an open one already explains, here or in another process, does not
/// open another.
async fn join_or_open(
    engine: &Engine,
    service: ServiceName,
    kind: IncidentKind,
    symptom: Symptom,
) -> Result<Receipt> {
    let known = engine.known_of(&service);
    if let Some((id, _)) = concerned(&known, |(_, k)| (k.phase, k.umbrella)) {
        return Ok(join(engine, id, symptom));
    }
    let rows = engine.open_of(&service).await?;
    if let Some(own) = rows.iter().find(|row| row.fingerprint == symptom.fingerprint) {
        return Ok(Receipt::Joined(own.id.clone()));
    }
    if let Some(row) = concerned(&rows, |row| (row.phase, row.kind == IncidentKind::Storm))
        && let Some(receipt) = engine.join_anywhere(&service, &row.id, &symptom).await?
    {
        return Ok(receipt);
    }
    open(engine, service, kind, symptom).await
}

/// The open incident that an anomaly belongs to: one with a release under way, else a storm, else a
/// crash. `of` tells the phase, and whether it is a storm's.
fn concerned<T>(open: &[T], of: impl Fn(&T) -> (Phase, bool)) -> Option<&T> {
    let releasing = |incident: &&T| {
        matches!(
            of(incident).0,
            Phase::Submitting
                | Phase::Merging
                | Phase::GoingLive
                | Phase::Watching
                | Phase::Reverting
                | Phase::Withdrawing
        )
    };
    let umbrella = || open.iter().find(|incident| of(incident).1);
    open.iter().find(releasing).or_else(umbrella).or_else(|| open.first())
}

fn join(engine: &Engine, id: &IncidentId, symptom: Symptom) -> Receipt {
    // A driver that just ended means that the incident is closed: noted, and seen again if it lasts.
    match engine.try_send(id, Message::Joined(Box::new(symptom)).into()) {
        Ok(()) => Receipt::Joined(id.clone()),
        Err(_) => Receipt::Noted("its incident is busy, or about to close"),
    }
}

async fn seen_before(engine: &Engine, service: &ServiceName, print: &Fingerprint) -> Result<bool> {
    let filter = Filter::new().of_service(service.clone()).with_fingerprint(print.clone());
    let past = engine.journal.list(&filter.limit(SIMILAR)).await?;
    // What was folded away was a part of something else.
    Ok(past.iter().any(|summary| summary.phase != Phase::Folded))
}

async fn open(
    engine: &Engine,
    service: ServiceName,
    kind: IncidentKind,
    symptom: Symptom,
) -> Result<Receipt> {
    let past = Filter::new().of_service(service.clone()).limit(SIMILAR);
    let past = engine.journal.list(&past.with_fingerprint(symptom.fingerprint.clone())).await?;
    if let Some(open) = past.iter().find(|s| !s.phase.is_terminal()) {
        return Ok(Receipt::Joined(open.id.clone()));
    }
    let now = engine.now();
    let within = now.minus(engine.config.reopen_within);
    if let Some(last) = past.first()
        && last.phase == Phase::Abandoned
        && last.updated_at > within
    {
        return Ok(Receipt::Noted("a person left this error not long ago"));
    }
    if let Some(revision) = symptom.revision.as_ref().filter(|_| kind == IncidentKind::Crash)
        && watches::is_gone(engine, &service, revision)
    {
        return Ok(Receipt::Noted("this error is of a release that runs no more"));
    }
    // One at a time, so that one of them is the one that makes a storm.
    let mut storms = engine.storms.lock().await;
    let error = kind == IncidentKind::Crash;
    if error && let Some(umbrella) = engine.umbrella(&service).await? {
        return Ok(storm::join(engine, &mut storms, &umbrella, &symptom).await);
    }
    let first_seen = past.iter().all(|summary| summary.phase == Phase::Folded);
    if first_seen
        && symptom.trace().is_some()
        && let Some(watch) = engine.watched_elsewhere(&service, &symptom).await?
        && let Some(receipt) = engine.join_anywhere(&service, &watch, &symptom).await?
    {
        return Ok(receipt);
    }
    let healed = match past.first() {
        Some(last) => healed(engine, last).await?,
        None => None,
    };
    if past.first().is_some_and(|last| stale(last, healed.as_ref(), &symptom)) {
        return Ok(Receipt::Noted(STALE));
    }
    if error && let Some(receipt) = storm::begin(engine, &mut storms, &service, &symptom).await? {
        return Ok(receipt);
    }
    if let (Some(healed), Some(last)) = (&healed, past.first())
        && last.updated_at > within
    {
        // Before the reopening, which a crash may prevent: the next sighting finds it counted.
        engine.enter_futile(healed).await?;
    }
    let settings = engine.service(&service)?.settings;
    let id = IncidentId::draw(now);
    let fingerprint = symptom.fingerprint.clone();
    let mut opened =
        OpenedRecord::new(id.clone(), service.clone(), kind, symptom.clone(), settings);
    opened.releases = engine.releases(&service);
    if opened.first.revision.is_none() {
        opened.first.revision = engine.deployed(&service);
    }
    opened.similar = past
        .iter()
        .map(|s| Similar::new(s.id.clone(), s.fingerprint.clone(), s.phase.name()))
        .collect();
    let new = NewIncident {
        id,
        service,
        fingerprint,
        kind,
        at: now,
        opened: Record::Opened(Box::new(opened)),
        reopen: Some((within, Record::Reopened(Box::new(symptom)))),
    };
    commit(engine, new).await
}

/// The incident behind `last`, where it ended healed.
async fn healed(engine: &Engine, last: &Summary) -> Result<Option<Incident>> {
    if last.phase != Phase::Healed {
        return Ok(None);
    }
    let stored = engine.journal.load(&last.id).await?;
    stored.map(|stored| Incident::replay(&stored.entries)).transpose()
}

/// Whether an error was made before its last incident ended: a source that starts again after a crash
/// may deliver what it delivered before.
fn stale(last: &Summary, healed: Option<&Incident>, symptom: &Symptom) -> bool {
    if symptom.at < last.updated_at {
        return true;
    }
    let (Some(revision), Some(incident)) = (&symptom.revision, healed) else { return false };
    // The code that was mended is not the code that runs.
    let healed_by = incident.watch.as_ref().map(|watch| &watch.revision);
    incident.case.deployed.as_ref() == Some(revision) && healed_by != Some(revision)
}

pub(super) async fn commit(engine: &Engine, new: NewIncident) -> Result<Receipt> {
    let (service, kind) = (new.service.clone(), new.kind);
    let receipt = match engine.journal.open(new).await? {
        Opened::Ended(_) => return Ok(Receipt::Noted(STALE)),
        Opened::Created(id) => Receipt::Opened(id),
        Opened::Existing(id) => Receipt::Joined(id),
        Opened::Reopened(id) => Receipt::Reopened(id),
    };
    if let Receipt::Opened(_) | Receipt::Reopened(_) = receipt {
        let again = matches!(receipt, Receipt::Reopened(_));
        engine.telemetry.record(TelemetryEvent::Opened { service: &service, kind, again });
    }
    engine.wake_dispatcher();
    Ok(receipt)
}

async fn on_resolved(
    engine: &Engine,
    service: &ServiceName,
    fingerprint: &Fingerprint,
) -> Result<Receipt> {
    let filter = Filter::new().of_service(service.clone()).with_fingerprint(fingerprint.clone());
    let open = engine.journal.list(&filter.open(true).limit(1)).await?;
    let Some(found) = open.first() else {
        return Ok(Receipt::Noted("no open incident has this fingerprint"));
    };
    engine.send_anywhere(&found.id, Message::Resolved).await?;
    Ok(Receipt::Joined(found.id.clone()))
}

async fn on_released(engine: &Engine, release: Release) -> Result<Receipt> {
    let config = engine.service(&release.service)?;
    // Measured before the release is remembered: what was normal until it.
    let baseline = engine.baseline(config);
    if engine.deployed(&release.service).as_ref() == Some(&release.revision) {
        return Ok(Receipt::Noted("this revision is known to run"));
    }
    let merged = |(_, k): &(IncidentId, Known)| k.merged.as_ref() == Some(&release.revision);
    let own = matches!(release.author, Author::Aegis(_))
        || engine.known_everywhere(&release.service).await.iter().any(merged);
    if own {
        engine.remember_release(&release);
        return Ok(Receipt::Noted("a release of Aegis' own is watched by its incident"));
    }
    if release.previous.is_none() {
        engine.remember_release(&release);
        return Ok(Receipt::Noted("the first release has nothing to be compared with"));
    }
    let now = engine.now();
    let id = IncidentId::draw(now);
    let text = format!("release {} by a person", release.revision.short());
    let title = engine.redactor.redact(&Untrusted::new(text));
    let fingerprint = Fingerprint::of(["release", release.revision.as_str()]);
    let symptom = Symptom::new(now, fingerprint.clone(), SignalKind::Error(None), title)
        .with_revision(Some(release.revision.clone()));
    let (service, kind) = (release.service.clone(), IncidentKind::Release);
    let mut opened = OpenedRecord::new(id.clone(), service.clone(), kind, symptom, config.settings);
    opened.releases = engine.releases(&service);
    opened.releases.insert(0, release.clone());
    opened.baseline = Some(baseline);
    let opened = Record::Opened(Box::new(opened));
    let first = Incident::begin(&Entry { seq: 1, at: now, record: opened.clone() })?;
    let new = NewIncident {
        id: id.clone(),
        service: service.clone(),
        fingerprint,
        kind,
        at: now,
        opened,
        reopen: None,
    };
    let receipt = commit(engine, new).await?;
    // Only now: a release that could not be committed is told again, and must not be known by then.
    engine.remember_release(&release);
    if matches!(&receipt, Receipt::Opened(_)) {
        engine.expect(&first);
    }
    Ok(receipt)
}

/// Redacts, parses and fingerprints a signal.
fn symptom(engine: &Engine, signal: &Signal) -> Symptom {
    let redact = |text: &Untrusted| engine.redactor.redact_capped(text, DETAIL);
    let (fingerprint, kind, title, detail) = match &signal.observation {
        Observation::Error(text) => {
            let detail = redact(text);
            let trace = trace::parse(detail.as_str()).into_iter().next_back();
            let (print, title) = match &trace {
                Some(trace) => {
                    (trace.fingerprint(), engine.redactor.redact_str(&trace.to_string()))
                }
                None => (trace::fingerprint_of_text(detail.as_str()), detail.first_line()),
            };
            (print, SignalKind::Error(trace), title, detail)
        }
        Observation::Anomaly(anomaly) => {
            let title = engine.redactor.redact_str(&anomaly.to_string());
            let print = Anomaly::fingerprint_of(&anomaly.metric);
            (print, SignalKind::Anomaly(anomaly.clone()), title.clone(), title)
        }
        Observation::Unhealthy(text) => {
            let detail = redact(text);
            let print = Observation::unhealthy_fingerprint();
            (print, SignalKind::Unhealthy, detail.first_line(), detail)
        }
        Observation::Pipeline(print, text) => {
            let detail = redact(text);
            let kind = SignalKind::Pipeline(ci::raised(detail.as_str()));
            (print.clone(), kind, detail.first_line(), detail)
        }
    };
    Symptom::new(signal.at, fingerprint, kind, title.truncated(TITLE))
        .with_detail(detail)
        .with_revision(signal.revision.clone())
        .with_source(engine.clean(&signal.source, SOURCE))
}
