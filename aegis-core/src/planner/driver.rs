//! Drives one incident: step, do, record.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use super::engine::{Busy, Engine};
use super::lease::{Entered, renew};
use super::mail::RETRY;
use super::{notices, watches};
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::id::{EffectKey, IncidentId, Timestamp};
use crate::machine::{Entry, Incident, Phase, Record, Step};
use crate::port::{self, Batch, EffectStatus, Lease, Message, SlotChange, TelemetryEvent};
use crate::stage::Rollout;

/// What a driver is told from outside.
#[derive(Debug)]
pub(super) enum Command {
    /// It is part of the storm whose umbrella this is.
    Fold(IncidentId),
    /// Something happened, or a person said something.
    Tell {
        /// What.
        message: Message,
        /// The number under which it waits in the journal, where it was left there.
        letter: Option<u64>,
        /// Where to answer with the phase that it led to, where somebody waits for that.
        reply: Option<oneshot::Sender<Result<Phase>>>,
    },
}

impl From<Message> for Command {
    fn from(message: Message) -> Self {
        Self::Tell { message, letter: None, reply: None }
    }
}

pub(super) struct Driver {
    pub(super) engine: Arc<Engine>,
    pub(super) lease: Lease,
    pub(super) commands: mpsc::Receiver<Command>,
    pub(super) slots: watch::Receiver<u64>,
    /// Hints that the outside world may have changed.
    hints: watch::Receiver<u64>,
    /// Whether such a hint ended a pause of the machine's own.
    early: bool,
    /// When to look again at something that has not changed and is not journaled again.
    pub(super) quiet_until: Option<Timestamp>,
    /// Held from the moment the incident is claimed, but for the time that it waits.
    at_work: Option<Busy>,
}

impl Driver {
    pub(super) fn new(
        engine: Arc<Engine>,
        lease: Lease,
        commands: mpsc::Receiver<Command>,
    ) -> Self {
        let (slots, hints) = (engine.slots.subscribe(), engine.hints.subscribe());
        let at_work = Some(engine.busy());
        let (early, quiet_until) = (false, None);
        Self { engine, lease, commands, slots, hints, early, quiet_until, at_work }
    }

    pub(super) async fn run(mut self) {
        let id = self.lease.incident.clone();
        let (lost_send, mut lost) = watch::channel(false);
        let renewing = tokio::spawn(renew(Arc::clone(&self.engine), self.lease.clone(), lost_send));
        let engine = Arc::clone(&self.engine);
        let entry = Entered { engine: Arc::clone(&engine), lease: self.lease.clone(), renewing };
        let mut stopping = engine.stopping.subscribe();
        tokio::select! {
            () = self.drive(&mut stopping) => {}
            Ok(_) = lost.wait_for(|lost| *lost) => {
                tracing::warn!(target: "aegis", incident_id = %id, "the lease went to another");
            }
        }
        drop(entry);
        self.answer_the_late();
        if let Err(e) = engine.journal.release(&self.lease).await {
            tracing::debug!(target: "aegis", incident_id = %id, error = %e, "lease not given back");
        }
    }

    async fn drive(&mut self, stopping: &mut watch::Receiver<bool>) {
        let engine = Arc::clone(&self.engine);
        let Ok(mut incident) = Box::pin(self.load()).await else {
            // Given back at once it would be claimed at once, for as long as it can't be loaded.
            self.at_work = None;
            let _idle = engine.idle(&self.lease);
            let later = self.engine.now().plus(self.engine.config.lease);
            tokio::select! {
                () = self.engine.clock.sleep_until(later) => {}
                () = self.engine.stopped() => {}
            }
            return;
        };
        self.engine.changed(&incident, None);
        if incident.seq == 1 {
            self.late(incident.since);
        }
        notices::on_entering(&self.engine, &incident);
        watches::gather(&self.engine, &incident);
        // What runs now and then is boxed: a driver that only waits, as most do, stays small.
        let folded = match Box::pin(self.fold_into_watch(&mut incident)).await {
            Ok(()) => Box::pin(self.fold_into_storm(&mut incident)).await,
            failed => failed,
        };
        if let Err(e) = folded {
            let id = &incident.case.incident;
            tracing::warn!(target: "aegis", incident_id = %id, error = %e, "not folded yet");
        }
        while !*stopping.borrow_and_update() {
            let early = std::mem::take(&mut self.early).then_some(incident.not_before);
            let step = incident.step(self.engine.now().max(early.unwrap_or_default()));
            let quiet = self.quiet_until.filter(|until| *until > self.engine.now());
            let outcome = match step {
                Step::Done => break,
                Step::Run { effect, key } if quiet.is_none() => {
                    self.quiet_until = None;
                    // A hint from here on may be about what this does not see yet.
                    self.hints.mark_unchanged();
                    Box::pin(self.perform(&mut incident, effect, &key)).await
                }
                Step::Run { .. } => self.wait(&mut incident, quiet, stopping).await,
                Step::Wait(until) => self.wait(&mut incident, Some(until), stopping).await,
                Step::Parked => self.wait(&mut incident, None, stopping).await,
            };
            let Err(e) = outcome else { continue };
            match e.kind() {
                ErrorKind::Fenced | ErrorKind::Cancelled => break,
                _ => {
                    let id = &incident.case.incident;
                    tracing::warn!(target: "aegis", incident_id = %id, error = %e, "not journaled");
                    match Box::pin(self.load_again()).await {
                        Some(loaded) => incident = loaded,
                        None => break,
                    }
                }
            }
        }
    }

    /// Loads the incident once the journal can be reached; nothing where it never can be.
    ///
    /// Until then the lease may run out, which ends the driver.
    async fn load_again(&mut self) -> Option<Incident> {
        loop {
            let again = self.engine.now().plus(RETRY.min(self.engine.config.lease / 10));
            self.at_work = None;
            self.engine.clock.sleep_until(again).await;
            self.at_work = Some(self.engine.busy());
            match self.load().await {
                Err(e) if e.retry() != Retry::Never => {}
                loaded => return loaded.ok(),
            }
        }
    }

    async fn load(&self) -> Result<Incident> {
        let id = &self.lease.incident;
        // Nobody closes it.
        let _turn = self.engine.loads.acquire().await;
        let loaded = match self.engine.journal.load(id).await {
            Ok(Some(stored)) => {
                self.engine.is_of(&self.lease, &stored.summary.service);
                Incident::replay(&stored.entries)
            }
            Ok(None) => Err(Error::not_found(format!("no incident {id}"))),
            Err(e) => Err(e),
        };
        // The stages here know nothing of a service that another planner on this journal looks after.
        let ours =
            |incident: Incident| self.engine.service(&incident.case.service).map(|_| incident);
        loaded.and_then(ours).inspect_err(
            |e| tracing::error!(target: "aegis", incident_id = %id, error = %e, "can't be loaded"),
        )
    }

    /// Whoever spoke to an incident as its driver ended is told so.
    fn answer_the_late(&mut self) {
        self.commands.close();
        while let Ok(command) = self.commands.try_recv() {
            if let Command::Tell { reply: Some(reply), .. } = command {
                let id = &self.lease.incident;
                let why = format!("incident {id} closed, or went to another, at this moment");
                // Whoever asked may have gone.
                let _ = reply.send(Err(Error::conflict(why).at("planner")));
            }
        }
    }

    /// Waits for a moment, a command, a turn to release, a hint, or the end.
    async fn wait(
        &mut self,
        incident: &mut Incident,
        until: Option<Timestamp>,
        stopping: &mut watch::Receiver<bool>,
    ) -> Result<()> {
        let engine = Arc::clone(&self.engine);
        let idles = matches!(incident.phase, Phase::AwaitingHuman | Phase::Queued);
        let idles = idles || incident.is_damped();
        let idle = idles.then(|| engine.idle(&self.lease));
        let moment = async {
            match until {
                Some(until) => engine.clock.sleep_until(until).await,
                None => std::future::pending().await,
            }
        };
        self.at_work = None;
        let polls = incident.polls();
        let (told, command) = tokio::select! {
            () = moment => (false, None),
            Some(command) = self.commands.recv() => (true, Some(command)),
            Ok(()) = self.slots.changed(), if incident.phase == Phase::Queued => (true, None),
            Ok(()) = self.hints.changed(), if polls => {
                self.early = true;
                (true, None)
            }
            _ = stopping.changed() => (false, None),
        };
        self.at_work = Some(engine.busy());
        drop(idle);
        if let (false, None, Some(due)) = (told, &command, until) {
            self.late(due);
        }
        if told {
            self.quiet_until = None;
        }
        match command {
            Some(command) => Box::pin(self.obey(incident, command)).await,
            None => Ok(()),
        }
    }

    /// Tells by how much what was due at a moment begins later.
    fn late(&self, due: Timestamp) {
        let by = self.engine.now().since(due);
        self.engine.telemetry.record(TelemetryEvent::Lag { by });
    }

    pub(super) async fn obey(&mut self, incident: &mut Incident, command: Command) -> Result<()> {
        match command {
            Command::Fold(into) => self.fold(incident, into).await,
            Command::Tell { message, letter, reply } => {
                let done = self.hear(incident, message, letter).await;
                if let Some(reply) = reply {
                    let answer = match &done {
                        Ok(()) => Ok(incident.phase),
                        Err(e) => Err(Error::new(e.kind(), e.to_string())),
                    };
                    // Whoever asked may have gone.
                    let _ = reply.send(answer);
                }
                done
            }
        }
    }

    async fn hear(
        &self,
        incident: &mut Incident,
        message: Message,
        letter: Option<u64>,
    ) -> Result<()> {
        if let (Message::Joined(symptom), Some(_)) = (&message, letter) {
            // Another process saw it; the looks of this one count it.
            let (print, of) = (&symptom.fingerprint, symptom.revision.as_ref());
            let (service, now) = (&incident.case.service, self.engine.now());
            self.engine.lock(&self.engine.sightings).note(service, print, symptom.at, now, of);
        }
        let record = match message {
            // Seen once, it is known: a storm of it must not fill the journal.
            Message::Joined(symptom) if incident.has_seen(&symptom) => None,
            Message::Joined(symptom) => Some(Record::Joined(symptom)),
            Message::Resolved => Some(Record::Resolved),
            Message::Person { by, said } => Some(Record::Person { by, said }),
        };
        let records = Vec::from_iter(record);
        let Some(letter) = letter else {
            return if records.is_empty() { Ok(()) } else { self.commit(incident, records).await };
        };
        match self.commit_answer(incident, records, vec![letter]).await {
            // It was handed over twice, and answered before.
            Err(e) if e.kind() == ErrorKind::Conflict => Ok(()),
            done => done.inspect_err(|_| self.engine.unanswered(letter)),
        }
    }

    /// Commits records and takes them in; on an error the incident is unchanged.
    pub(super) async fn commit(&self, incident: &mut Incident, records: Vec<Record>) -> Result<()> {
        self.commit_answer(incident, records, Vec::new()).await
    }

    /// The same, and messages that they answer.
    async fn commit_answer(
        &self,
        incident: &mut Incident,
        records: Vec<Record>,
        letters: Vec<u64>,
    ) -> Result<()> {
        let at = self.engine.now();
        let mut next = incident.clone();
        let mut entries = Vec::with_capacity(records.len());
        for record in records {
            let entry = Entry { seq: next.seq + 1, at, record };
            next.apply(&entry);
            entries.push(entry);
        }
        let slot = match (incident.slot, next.slot) {
            (false, true) => SlotChange::Take,
            (true, false) => SlotChange::Free,
            _ => SlotChange::Keep,
        };
        let batch = Batch {
            incident: incident.case.incident.clone(),
            expected_seq: incident.seq,
            fence: self.lease.fence,
            effects: entries.iter().filter_map(|e| effect(&e.record)).collect(),
            entries,
            letters,
            phase: next.phase,
            slot,
        };
        let refunds: Vec<EffectKey> =
            batch.entries.iter().filter_map(|e| refund(&e.record)).collect();
        self.engine.journal.commit(batch).await?;
        for key in refunds {
            self.refund(&key).await;
        }
        let before = incident.phase;
        *incident = next;
        self.engine.changed(incident, Some(before));
        if before != incident.phase {
            notices::on_entering(&self.engine, incident);
        }
        if slot == SlotChange::Free {
            self.engine.slots.send_modify(|n| *n += 1);
        }
        Ok(())
    }

    /// Commits a record, unless all it says is to look again later: then it is not journaled.
    pub(super) async fn commit_news(
        &mut self,
        incident: &mut Incident,
        record: Record,
    ) -> Result<()> {
        let mut next = incident.clone();
        next.apply(&Entry { seq: incident.seq + 1, at: self.engine.now(), record: record.clone() });
        let again = next.not_before;
        next.seq = incident.seq;
        next.not_before = incident.not_before;
        if next == *incident {
            self.quiet_until = Some(again);
            return Ok(());
        }
        self.commit(incident, vec![record]).await
    }
}

/// The write that a record says was not made: the base had moved on, and another comes in its place.
fn refund(record: &Record) -> Option<EffectKey> {
    match record {
        Record::Answered { key, rollout: Some(Rollout::BaseMoved { .. }) } => Some(key.clone()),
        _ => None,
    }
}

/// The row of the effect table that a record writes.
fn effect(record: &Record) -> Option<port::Effect> {
    match record {
        Record::Intended { key, request } => Some(port::Effect {
            key: key.clone(),
            request: Some(request.clone()),
            status: EffectStatus::Intent,
        }),
        Record::Answered { key, rollout } => {
            let nothing = matches!(rollout, None | Some(Rollout::BaseMoved { .. }));
            let status = if nothing { EffectStatus::Void } else { EffectStatus::Done };
            Some(port::Effect { key: key.clone(), request: None, status })
        }
        _ => None,
    }
}
