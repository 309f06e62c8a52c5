//! Open incidents that other processes drive, as the journal has them.

use std::collections::HashMap;

use super::engine::{Engine, Known};
use crate::error::{ErrorKind, Result};
use crate::id::{Fingerprint, IncidentId, ServiceName};
use crate::machine::{Incident, Phase};
use crate::model::{IncidentKind, Symptom};
use crate::port::{Filter, Message, Receipt, Summary};

/// Open incidents of a service that are looked at, the newest of them.
const MOST: usize = 256;
/// Incidents read in one look at a service; what is left is read in the next.
const READ: usize = 32;
/// Errors remembered to have been told to another process, before all are forgotten.
const TOLD: usize = 1_024;

/// What is remembered of what others drive; all of it can be read again.
#[derive(Debug, Default)]
pub(super) struct Elsewhere {
    /// Each as it was after so many records.
    read: HashMap<IncidentId, (u64, Known)>,
    /// Which incident was told of an error, so that it is told once.
    told: HashMap<(ServiceName, Fingerprint), IncidentId>,
}

impl Elsewhere {
    fn tell(&mut self, service: &ServiceName, symptom: &Symptom, id: &IncidentId) {
        if self.told.len() >= TOLD {
            self.told.clear();
        }
        self.told.insert((service.clone(), symptom.fingerprint.clone()), id.clone());
    }
}

impl Engine {
    /// Open incidents of a service, whoever drives them; newest first, at most [`MOST`].
    pub(super) async fn open_of(&self, service: &ServiceName) -> Result<Vec<Summary>> {
        let open = Filter::new().of_service(service.clone()).open(true);
        self.journal.list(&open.limit(MOST)).await
    }

    /// Open incidents of a service that this planner knows of, and those of others. Where the journal
    /// can't be read, those of others are as they were.
    pub(super) async fn known_everywhere(&self, service: &ServiceName) -> Vec<(IncidentId, Known)> {
        if let Err(e) = self.read_elsewhere(service).await {
            tracing::warn!(target: "aegis", %service, error = %e, "what others drive is not read");
        }
        let mut known = self.known_of(service);
        let elsewhere = self.lock(&self.elsewhere);
        for (id, (_, other)) in elsewhere.read.iter().filter(|(_, (_, k))| k.service == *service) {
            if known.iter().all(|(here, _)| here != id) {
                known.push((id.clone(), other.clone()));
            }
        }
        known
    }

    async fn read_elsewhere(&self, service: &ServiceName) -> Result<()> {
        let open = self.open_of(service).await?;
        let here = self.known_of(service);
        let others = |row: &&Summary| here.iter().all(|(id, _)| *id != row.id);
        let others: Vec<&Summary> = open.iter().filter(others).collect();
        self.lock(&self.elsewhere).read.retain(|id, (_, known)| {
            known.service != *service || others.iter().any(|row| row.id == *id)
        });
        let is_news = |row: &&&Summary| {
            self.lock(&self.elsewhere).read.get(&row.id).is_none_or(|(seq, _)| *seq != row.seq)
        };
        let news: Vec<&&Summary> = others.iter().filter(is_news).take(READ).collect();
        for row in news {
            self.read(row).await?;
        }
        Ok(())
    }

    /// What is known about an incident of another's; `None` where it can't be replayed.
    async fn read(&self, row: &Summary) -> Result<Option<Known>> {
        if let Some((seq, known)) = self.lock(&self.elsewhere).read.get(&row.id)
            && *seq == row.seq
        {
            return Ok(Some(known.clone()));
        }
        let Some(stored) = self.journal.load(&row.id).await? else { return Ok(None) };
        let Ok(incident) = Incident::replay(&stored.entries) else { return Ok(None) };
        let known = Known::of(&incident);
        let read = (stored.summary.seq, known.clone());
        self.lock(&self.elsewhere).read.insert(row.id.clone(), read);
        Ok(Some(known))
    }

    /// The incident of another process that was told of this before, where it still belongs there.
    pub(super) async fn was_told(
        &self,
        service: &ServiceName,
        symptom: &Symptom,
    ) -> Result<Option<IncidentId>> {
        let key = (service.clone(), symptom.fingerprint.clone());
        let Some(id) = self.lock(&self.elsewhere).told.get(&key).cloned() else { return Ok(None) };
        let open = self.open_of(service).await?;
        // A crash belongs to a watch for as long as that lasts.
        let there = |row: &Summary| symptom.trace().is_none() || row.phase == Phase::Watching;
        if open.iter().any(|row| row.id == id && there(row)) {
            return Ok(Some(id));
        }
        self.lock(&self.elsewhere).told.remove(&key);
        Ok(None)
    }

    /// The watch, by another process, of somebody's release that an error came with.
    pub(super) async fn watched_elsewhere(
        &self,
        service: &ServiceName,
        symptom: &Symptom,
    ) -> Result<Option<IncidentId>> {
        let watches =
            |row: &&Summary| row.kind == IncidentKind::Release && row.phase == Phase::Watching;
        for row in self.open_of(service).await?.iter().filter(watches).take(READ) {
            let known = self.read(row).await?;
            if known.is_some_and(|known| known.takes(symptom)) {
                return Ok(Some(row.id.clone()));
            }
        }
        Ok(None)
    }

    /// Has an incident joined by a symptom, whoever drives it; `None` where it closed at this moment.
    pub(super) async fn join_anywhere(
        &self,
        service: &ServiceName,
        id: &IncidentId,
        symptom: &Symptom,
    ) -> Result<Option<Receipt>> {
        match self.send_anywhere(id, Message::Joined(Box::new(symptom.clone()))).await {
            Ok(()) => {
                self.lock(&self.elsewhere).tell(service, symptom, id);
                Ok(Some(Receipt::Joined(id.clone())))
            }
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) if e.kind() == ErrorKind::Exhausted => {
                Ok(Some(Receipt::Noted("its incident is busy; it is told again if it lasts")))
            }
            Err(e) => Err(e),
        }
    }
}
