//! Storms: many different errors at once are one umbrella incident, and nothing is shipped meanwhile.

use std::collections::HashMap;
use std::time::Duration;

use super::StormConfig;
use super::driver::{Command, Driver};
use super::engine::Engine;
use super::shared::{Traits, shared};
use crate::error::{Error, Result};
use crate::id::{Fingerprint, IncidentId, ServiceName, Timestamp};
use crate::machine::{Incident, Opened as OpenedRecord, Record, Why};
use crate::model::{IncidentKind, SignalKind, Symptom};
use crate::port::{Filter, Message, NewIncident, Receipt, Summary};
use crate::redact::Redacted;

/// Errors that the umbrella is told of; more than its case keeps would only be refused.
const TOLD: usize = 16;
/// Bytes of what one finding says.
const FINDING: usize = 300;

/// What identifies an umbrella incident: the same for every storm, so that the journal keeps it one.
fn umbrella_print() -> Fingerprint {
    Fingerprint::of(["storm"])
}

/// The errors that may become a storm, of each service.
#[derive(Debug, Default)]
pub(super) struct Storms(HashMap<ServiceName, Gathering>);

#[derive(Debug, Default)]
struct Gathering {
    /// Errors that opened an incident within the window, one a fingerprint; as many as make a storm.
    firsts: Vec<First>,
    /// What the umbrella was told, and which umbrella.
    told: (Option<IncidentId>, Vec<Fingerprint>),
    /// When the journal was last told that the storm goes on.
    noted: Timestamp,
}

#[derive(Debug)]
struct First {
    at: Timestamp,
    fingerprint: Fingerprint,
    title: Redacted,
    traits: Traits,
}

impl Storms {
    fn of(&mut self, service: &ServiceName) -> &mut Gathering {
        self.0.entry(service.clone()).or_default()
    }

    /// Counts an error that would open an incident; whether there are enough of them for a storm.
    fn count(
        &mut self,
        service: &ServiceName,
        symptom: &Symptom,
        now: Timestamp,
        config: &StormConfig,
    ) -> bool {
        if config.fingerprints == 0 {
            return false;
        }
        let firsts = &mut self.of(service).firsts;
        // By when they happened: a log that is read late is not a storm.
        let at = symptom.at.min(now);
        let newest = firsts.iter().map(|f| f.at).max().map_or(at, |newest| newest.max(at));
        let since = newest.minus(config.within);
        firsts.retain(|first| first.at > since);
        if at > since && firsts.iter().all(|f| f.fingerprint != symptom.fingerprint) {
            firsts.push(First {
                at,
                fingerprint: symptom.fingerprint.clone(),
                title: symptom.title.clone(),
                traits: Traits::of(symptom),
            });
        }
        firsts.len() >= config.fingerprints
    }
}

impl Engine {
    /// The umbrella incident that is open for a service, as the journal has it.
    pub(super) async fn umbrella(&self, service: &ServiceName) -> Result<Option<Summary>> {
        let filter = Filter::new().of_service(service.clone()).with_fingerprint(umbrella_print());
        Ok(self.journal.list(&filter.open(true).limit(1)).await?.pop())
    }
}

/// Counts an error that would open an incident; opens the umbrella where it makes a storm.
pub(super) async fn begin(
    engine: &Engine,
    storms: &mut Storms,
    service: &ServiceName,
    symptom: &Symptom,
) -> Result<Option<Receipt>> {
    if symptom.trace().is_none() {
        return Ok(None);
    }
    let config = &engine.config.storm;
    if !storms.count(service, symptom, engine.now(), config) {
        return Ok(None);
    }
    let new = over(engine, service, &storms.of(service).firsts)?;
    // Where this fails, its source tells the error again, and it makes a storm again.
    let opened = super::intake::commit(engine, new).await?;
    if let Some(umbrella) = engine.umbrella(service).await? {
        fold_known(engine, service, &umbrella);
        join(engine, storms, &umbrella, symptom).await;
    }
    Ok(Some(opened))
}

/// The umbrella over these errors.
fn over(engine: &Engine, service: &ServiceName, firsts: &[First]) -> Result<NewIncident> {
    let now = engine.now();
    let (id, fingerprint, kind) = (IncidentId::draw(now), umbrella_print(), IncidentKind::Storm);
    let errors = firsts.len();
    let within = engine.config.storm.within;
    let redact = |text: &str| engine.redactor.redact_str(text);
    let title = redact(&format!("{errors} different errors within {within:?}"));
    let titles: Vec<&str> = firsts.iter().map(|first| first.title.as_str()).collect();
    let first = Symptom::new(now, fingerprint.clone(), SignalKind::Error(None), title)
        .with_detail(redact(&titles.join("\n")))
        .with_revision(engine.deployed(service))
        .with_source("planner");
    let releases = engine.releases(service);
    let traits: Vec<&Traits> = firsts.iter().map(|first| &first.traits).collect();
    let found = shared(&traits, releases.first(), now);
    let settings = engine.service(service)?.settings;
    let mut opened = OpenedRecord::new(id.clone(), service.clone(), kind, first, settings);
    opened.releases = releases;
    opened.parked = Some(Why::Storm {
        errors: errors as u64,
        within_ms: ms(within),
        shared: found.iter().map(|finding| engine.clean(finding, FINDING)).collect(),
    });
    let opened = Record::Opened(Box::new(opened));
    let service = service.clone();
    Ok(NewIncident { id, service, fingerprint, kind, at: now, opened, reopen: None })
}

/// An error that belongs to the storm. It keeps the storm open, and its requests are discounted from
/// the watch of a release as those of any other open incident are.
pub(super) async fn join(
    engine: &Engine,
    storms: &mut Storms,
    umbrella: &Summary,
    symptom: &Symptom,
) -> Receipt {
    let (now, service, umbrella) = (engine.now(), &umbrella.service, &umbrella.id);
    let (print, revision) = (umbrella_print(), symptom.revision.as_ref());
    engine.lock(&engine.sightings).note(service, &print, symptom.at, now, revision);
    let gathering = storms.of(service);
    // What comes after the storm is counted from nothing.
    gathering.firsts.clear();
    if gathering.told.0.as_ref() != Some(umbrella) {
        gathering.told = (Some(umbrella.clone()), Vec::new());
    }
    let told = &mut gathering.told.1;
    if told.len() < TOLD && !told.contains(&symptom.fingerprint) {
        let message = Message::Joined(Box::new(symptom.clone()));
        // Where it is driven elsewhere, or its driver has not begun, it is known without this error.
        if engine.try_send(umbrella, message.into()).is_ok() {
            told.push(symptom.fingerprint.clone());
        }
    }
    // Once in a while is enough to keep it open for the replica that drives it.
    if now >= gathering.noted.plus(engine.config.storm.over / 8) {
        gathering.noted = now;
        let moment = u64::try_from(now.as_ms()).unwrap_or_default();
        if let Err(e) = engine.journal.settle(&seen_counter(service), "last", moment).await {
            tracing::warn!(target: "aegis", error = %e, "that a storm goes on was not journaled");
        }
    }
    Receipt::Joined(umbrella.clone())
}

/// When an error of the service's storm was last seen, by any replica.
fn seen_counter(service: &ServiceName) -> String {
    format!("storm/{service}")
}

/// Tells those incidents that belong to a storm, and that are driven here, that they are folded.
fn fold_known(engine: &Engine, service: &ServiceName, umbrella: &Summary) {
    for (id, known) in engine.known_of(service) {
        if known.may_be_folded && belongs(engine, known.open_since, umbrella) {
            // A driver that is busy is told again at the next look at the service.
            let _ = engine.try_send(&id, Command::Fold(umbrella.id.clone()));
        }
    }
}

/// Whether an incident was opened by one of the storm's first errors, or after them.
fn belongs(engine: &Engine, open_since: Timestamp, umbrella: &Summary) -> bool {
    open_since > umbrella.opened_at.minus(engine.config.storm.within)
}

/// A look at a service that is observed since `began`: folds what another replica's storm left, and
/// ends a storm that is over.
pub(super) async fn look(engine: &Engine, service: &ServiceName, began: Timestamp) -> Result<()> {
    let Some(umbrella) = engine.umbrella(service).await? else { return Ok(()) };
    fold_known(engine, service, &umbrella);
    if engine.driver_of(&umbrella.id).is_none() {
        return Ok(());
    }
    let told = engine.journal.used(&seen_counter(service)).await?;
    let told = Timestamp::from_ms(i64::try_from(told).unwrap_or(i64::MAX));
    let here = engine.lock(&engine.sightings).last_told(service, &umbrella_print());
    // Silence counts only while somebody listens.
    let last = umbrella.opened_at.max(began).max(told).max(here.unwrap_or_default());
    if engine.now().since(last) >= engine.config.storm.over {
        engine.send(&umbrella.id, Message::Resolved.into()).await?;
    }
    Ok(())
}

impl Driver {
    /// Folds the incident where it belongs to a storm that is open: it may have been opened by the
    /// storm's first errors, and be driven only from here on.
    pub(super) async fn fold_into_storm(&self, incident: &mut Incident) -> Result<()> {
        if !incident.may_be_folded() {
            return Ok(());
        }
        let Some(umbrella) = self.engine.umbrella(&incident.case.service).await? else {
            return Ok(());
        };
        if !belongs(&self.engine, incident.open_since(), &umbrella) {
            return Ok(());
        }
        self.fold(incident, umbrella.id).await
    }

    pub(super) async fn fold(&self, incident: &mut Incident, into: IncidentId) -> Result<()> {
        if !incident.may_be_folded() {
            return Ok(());
        }
        self.hand_over(incident, &into);
        self.commit(incident, vec![Record::Folded { into }]).await
    }
}

impl StormConfig {
    pub(super) fn check(&self) -> Result<()> {
        let wrong = match self {
            Self { fingerprints: 0, .. } => return Ok(()),
            Self { fingerprints: 1, .. } => "one error is no storm; give 0 or at least 2",
            Self { fingerprints: 1_001.., .. } => "storm.fingerprints is at most 1,000",
            Self { within, .. } if within.is_zero() => "storm.within is zero; give it a duration",
            Self { over, .. } if over.is_zero() => "storm.over is zero; give it a duration",
            Self { .. } => return Ok(()),
        };
        Err(Error::invalid(wrong).at("planner"))
    }
}

fn ms(d: Duration) -> u64 {
    u64::try_from(d.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "storm_tests.rs"]
mod tests;
