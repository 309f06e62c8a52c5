//! Errors that somebody's release brought belong to its watch: the two are one incident.
//!
//! A process tells its errors from its first moment on; that it runs is told once it is healthy, and
//! the watch of it is driven a moment later. An error of that moment opens an incident of its own,
//! which is folded into the watch as soon as there is one.

use super::driver::{Command, Driver};
use super::engine::{Engine, Known};
use crate::error::Result;
use crate::id::{IncidentId, Revision, ServiceName};
use crate::machine::{Incident, Phase};
use crate::model::{IncidentKind, Symptom};
use crate::port::Message;

impl Known {
    /// Whether it is the watch of `revision`.
    pub(super) fn is_watch_of(&self, revision: &Revision) -> bool {
        self.watches.as_ref() == Some(revision)
    }

    /// Whether it is the watch of a release that an error may have come with.
    pub(super) fn takes(&self, symptom: &Symptom) -> bool {
        let ours = |watched| symptom.revision.as_ref().is_none_or(|by| by == watched);
        self.watches.as_ref().is_some_and(ours)
    }
}

/// The release of somebody's that an incident watches at this moment, or is about to take back.
pub(super) fn watched(incident: &Incident) -> Option<Revision> {
    let runs = matches!(incident.phase, Phase::Watching | Phase::Reverting);
    let release = incident.watched_release().filter(|_| runs && !incident.revert_live)?;
    Some(release.revision.clone())
}

/// Whether `revision` ran before what runs: an error of it tells nothing of what runs, and where that
/// fails too, it says so itself.
pub(super) fn is_gone(engine: &Engine, service: &ServiceName, revision: &Revision) -> bool {
    let releases = engine.releases(service);
    let newest = releases.first().is_some_and(|release| release.revision == *revision);
    !newest && releases.iter().any(|release| release.revision == *revision)
}

/// The revision whose error opened an incident, where it was the first of its kind.
pub(super) fn brought_by(incident: &Incident) -> Option<Revision> {
    let first = incident.case.kind == IncidentKind::Crash && incident.reopened == 0;
    incident.case.deployed.clone().filter(|_| first && incident.case.similar.is_empty())
}

/// Folds into `watch`, which is driven from here on, the incidents that its release brought before.
///
/// Those that are driven later fold themselves: whichever of the two comes second sees the other.
pub(super) fn gather(engine: &Engine, watch: &Incident) {
    let Some(revision) = watched(watch) else { return };
    for (id, known) in engine.known_of(&watch.case.service) {
        if known.may_be_folded && known.brought_by.as_ref() == Some(&revision) {
            // A driver that is busy goes on by itself; what it ships waits for its turn.
            let _ = engine.try_send(&id, Command::Fold(watch.case.incident.clone()));
        }
    }
}

impl Driver {
    /// Folds the incident where its error came with a release that is under watch, and driven: what
    /// is folded is handed over.
    pub(super) async fn fold_into_watch(&self, incident: &mut Incident) -> Result<()> {
        let Some(revision) = brought_by(incident).filter(|_| incident.may_be_folded()) else {
            return Ok(());
        };
        let engine = &self.engine;
        let mut known = engine.known_of(&incident.case.service).into_iter();
        let watch =
            known.find(|(id, k)| k.is_watch_of(&revision) && engine.driver_of(id).is_some());
        match watch {
            Some((id, _)) => self.fold(incident, id).await,
            None => Ok(()),
        }
    }

    /// Tells the watch that an incident is folded into what it saw.
    pub(super) fn hand_over(&self, incident: &Incident, into: &IncidentId) {
        let known = self.engine.known_of(&incident.case.service);
        if known.iter().any(|(id, known)| id == into && known.watches.is_some()) {
            for symptom in &incident.case.symptoms {
                // One that is missed is told again by the next error of its kind.
                let message = Message::Joined(Box::new(symptom.clone()));
                let _ = self.engine.try_send(into, message.into());
            }
        }
    }
}
