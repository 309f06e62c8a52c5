//! Where incidents are kept, so that nothing is lost and nothing is done twice.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::id::{Digest, EffectKey, Fingerprint, IncidentId, ServiceName, Timestamp};
use crate::machine::{Entry, Incident, Phase, Record, Said};
use crate::model::{IncidentKind, Symptom};
use crate::policy::Control;

/// A fencing token: grows with every owner of an incident, so that an earlier one can't write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Fence(pub u64);

/// The right to drive one incident until a moment of the journal's own time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The incident.
    pub incident: IncidentId,
    /// Who drives it.
    pub owner: String,
    /// The token that every commit carries.
    pub fence: Fence,
    /// How long it lasted from when it was given.
    pub ttl: Duration,
}

/// An incident to be opened, unless one with its fingerprint is open.
#[derive(Debug, Clone, PartialEq)]
pub struct NewIncident {
    /// Its id.
    pub id: IncidentId,
    /// The service.
    pub service: ServiceName,
    /// What identifies it.
    pub fingerprint: Fingerprint,
    /// What kind of trouble.
    pub kind: IncidentKind,
    /// When.
    pub at: Timestamp,
    /// Its first record.
    pub opened: Record,
    /// Where it is closed: reopen the last one with this record, if that was closed after this.
    pub reopen: Option<(Timestamp, Record)>,
}

impl NewIncident {
    /// The phase that its first record leads to; `Diagnosing` where that record can't begin one.
    pub fn phase(&self) -> Phase {
        let first = Entry { seq: 1, at: self.at, record: self.opened.clone() };
        Incident::begin(&first).map_or(Phase::Diagnosing, |incident| incident.phase)
    }
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// It is the one.
    Created(IncidentId),
    /// One with its fingerprint is open.
    Existing(IncidentId),
    /// One that was closed not long ago is open again.
    Reopened(IncidentId),
    /// Nothing was opened: the last one was closed after [`NewIncident::at`], as by a process that goes
    /// on after a pause. Only where it could have been reopened.
    Ended(IncidentId),
}

/// What a commit does to the service's turn to release.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SlotChange {
    /// Nothing.
    #[default]
    Keep,
    /// Takes it; the commit fails with `Conflict` where another incident holds it.
    Take,
    /// Gives it back.
    Free,
}

/// How far a write to the outside world got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectStatus {
    /// About to happen, or happened and not known to have.
    Intent,
    /// Answered.
    Done,
    /// Answered, and nothing was written: the key may be used for another request.
    Void,
}

impl EffectStatus {
    /// Its name: `intent`, `done` or `void`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intent => "intent",
            Self::Done => "done",
            Self::Void => "void",
        }
    }
}

/// A write to the outside world, as the journal keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    /// Its key.
    pub key: EffectKey,
    /// Digest of what is asked; `None` leaves it as it is.
    pub request: Option<Digest>,
    /// How far it got.
    pub status: EffectStatus,
}

/// Something for whoever drives an incident, left by another process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Message {
    /// A person's word.
    Person {
        /// Who.
        by: String,
        /// What.
        said: Said,
    },
    /// Another symptom belongs to it.
    Joined(Box<Symptom>),
    /// The trouble went away by itself.
    Resolved,
}

/// A message that waits.
#[derive(Debug, Clone, PartialEq)]
pub struct Letter {
    /// Its number; grows, and is never used twice.
    pub number: u64,
    /// The incident that it is for.
    pub incident: IncidentId,
    /// What it says.
    pub message: Message,
}

/// Messages that may wait for one incident.
pub const MOST_LETTERS: usize = 256;

/// Records, effects and the incident's row, committed together or not at all.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// The incident.
    pub incident: IncidentId,
    /// The sequence of the last record that the writer knows.
    pub expected_seq: u64,
    /// The writer's token.
    pub fence: Fence,
    /// The records, each at `expected_seq` + 1, + 2 and so on.
    pub entries: Vec<Entry>,
    /// Writes that are intended or answered.
    pub effects: Vec<Effect>,
    /// Numbers of the messages that these records answer: they wait no longer.
    pub letters: Vec<u64>,
    /// The phase after these records; a terminal one closes the incident.
    pub phase: Phase,
    /// What happens to the service's turn to release.
    pub slot: SlotChange,
}

/// One incident as stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    /// Its row.
    pub summary: Summary,
    /// Its records in order.
    pub entries: Vec<Entry>,
}

/// One row of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The incident.
    pub id: IncidentId,
    /// Its service.
    pub service: ServiceName,
    /// What identifies it.
    pub fingerprint: Fingerprint,
    /// What kind of trouble.
    pub kind: IncidentKind,
    /// Where it stands.
    pub phase: Phase,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When its last record was written.
    pub updated_at: Timestamp,
    /// Sequence of its last record.
    pub seq: u64,
}

/// Which incidents to list, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Filter {
    /// Only of this service.
    pub service: Option<ServiceName>,
    /// Only with this fingerprint.
    pub fingerprint: Option<Fingerprint>,
    /// Only those that are open, or only those that are closed.
    pub open: Option<bool>,
    /// Only those opened before this one, for paging.
    pub before: Option<IncidentId>,
    /// At most so many; 0 is the journal's own bound of 1,000.
    pub limit: usize,
}

impl Batch {
    /// Nothing yet, by whoever holds `lease` and knows the records up to `expected_seq`.
    pub fn new(lease: &Lease, expected_seq: u64, phase: Phase) -> Self {
        Self {
            incident: lease.incident.clone(),
            expected_seq,
            fence: lease.fence,
            entries: Vec::new(),
            effects: Vec::new(),
            letters: Vec::new(),
            phase,
            slot: SlotChange::Keep,
        }
    }

    /// `Invalid` unless the entries are numbered from `expected_seq` + 1 without gaps.
    pub fn check(&self) -> Result<()> {
        let wrong = (self.expected_seq + 1..).zip(&self.entries).find(|(seq, e)| *seq != e.seq);
        match wrong {
            None => Ok(()),
            Some((seq, entry)) => {
                let (id, is) = (&self.incident, entry.seq);
                let why = format!("a record of {id} is numbered {is} where {seq} comes next");
                Err(Error::invalid(why).at("journal"))
            }
        }
    }
}

impl Filter {
    /// Every incident, up to the journal's bound.
    pub fn new() -> Self {
        Self::default()
    }

    /// Only of this service.
    #[must_use]
    pub fn of_service(mut self, service: ServiceName) -> Self {
        self.service = Some(service);
        self
    }

    /// Only with this fingerprint.
    #[must_use]
    pub fn with_fingerprint(mut self, fingerprint: Fingerprint) -> Self {
        self.fingerprint = Some(fingerprint);
        self
    }

    /// Only open ones, or only closed ones.
    #[must_use]
    pub fn open(mut self, open: bool) -> Self {
        self.open = Some(open);
        self
    }

    /// At most `limit`.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// The page after the one that ended with `id`.
    #[must_use]
    pub fn before(mut self, id: IncidentId) -> Self {
        self.before = Some(id);
        self
    }

    /// The bound that applies.
    pub fn bound(&self) -> usize {
        if self.limit == 0 { 1_000 } else { self.limit.min(1_000) }
    }
}

/// Keeps incidents.
///
/// # Contract
///
/// `commit` is atomic and durable when it returns: records, effects, row and slot together. Numbers
/// come back bit for bit. Lease time is the journal's own; every other time comes with the records.
/// Errors are typed: `Stale` where `expected_seq` is not the last, `Fenced` where the lease went to
/// another, `Conflict` where the slot is taken, a key was used for another request or a message was
/// answered before, `Exhausted` where a counter would pass its limit; [`refused`](super::refused) has
/// them all. The suite `testkit::conformance::journal` shows it.
///
/// # Cancellation
///
/// A dropped `commit` may have happened: the caller loads the incident before it writes again.
#[async_trait]
pub trait Journal: std::fmt::Debug + Send + Sync + 'static {
    /// Opens an incident, unless one of the same service and fingerprint is open; atomic.
    async fn open(&self, new: NewIncident) -> Result<Opened>;

    /// Commits `batch`; returns the sequence of its last record.
    async fn commit(&self, batch: Batch) -> Result<u64>;

    /// Gives `owner` at most `limit` open incidents of these services that nobody drives, for `ttl`
    /// each; without a service, of any.
    ///
    /// One is free where its lease ran out, was released, or belongs to an owner that is known dead.
    async fn claim(
        &self,
        owner: &str,
        services: &[ServiceName],
        ttl: Duration,
        limit: usize,
    ) -> Result<Vec<Lease>>;

    /// The same, of those alone that wait for a person: their drivers keep nobody else from being
    /// driven, so that any number can be taken at once.
    async fn claim_waiting(
        &self,
        owner: &str,
        services: &[ServiceName],
        ttl: Duration,
        limit: usize,
    ) -> Result<Vec<Lease>>;

    /// Prolongs a lease from now; `Fenced` where it went to another.
    async fn renew(&self, lease: &Lease) -> Result<()>;

    /// Gives a lease back; nothing happens where it went to another.
    async fn release(&self, lease: &Lease) -> Result<()>;

    /// Leaves a message for whoever drives an incident; returns its number. `NotFound` where no such
    /// incident is open, `Exhausted` where [`MOST_LETTERS`] wait for it.
    async fn tell(&self, id: &IncidentId, message: Message) -> Result<u64>;

    /// At most `limit` messages that wait for the incidents that `owner` drives, the oldest first. They
    /// wait until a commit answers them, or their incident closes.
    async fn letters(&self, owner: &str, limit: usize) -> Result<Vec<Letter>>;

    /// Returns once there may be something new for whoever drives incidents: one that was opened, told
    /// or given back by any process. `seen` is what the call before returned, and 0 at first.
    ///
    /// A hint: it may come for nothing, and whoever waits looks by itself from time to time, since one
    /// may be missed. A journal that gives none never returns, as this default. May be dropped.
    async fn news(&self, seen: u64) -> u64 {
        let _ = seen;
        std::future::pending().await
    }

    /// One incident with its records.
    async fn load(&self, id: &IncidentId) -> Result<Option<Stored>>;

    /// Incidents, newest first.
    async fn list(&self, filter: &Filter) -> Result<Vec<Summary>>;

    /// Takes `amount` from a counter under `key`; `Exhausted` where its sum would pass `limit`.
    ///
    /// The same key again changes nothing and succeeds, unless it was settled to 0: it takes anew then.
    async fn reserve(&self, counter: &str, key: &str, amount: u64, limit: u64) -> Result<()>;

    /// Replaces what was reserved under `key` by what was really used.
    async fn settle(&self, counter: &str, key: &str, used: u64) -> Result<()>;

    /// The sum of a counter; 0 where nobody took anything.
    async fn used(&self, counter: &str) -> Result<u64>;

    /// What a person has switched.
    async fn control(&self) -> Result<Control>;

    /// Switches from what was read to something else, for every replica; `Stale` where somebody
    /// switched in between.
    async fn switch(&self, from: &Control, to: Control) -> Result<()>;
}
