//! What the cases share: a sentence to fail with, incidents, batches.

use std::fmt::Debug;
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::id::{Digest, EffectKey, EffectKind, IncidentId, ServiceName, Timestamp};
use crate::machine::{Entry, Phase, Record};
use crate::model::{SignalKind, Symptom};
use crate::port::{
    Batch, Effect, EffectStatus, Fence, Journal, Lease, NewIncident, Opened, SlotChange, Stored,
};
use crate::testkit::mint::{self, redacted};

/// Long enough never to run out in a test.
pub(super) const LONG: Duration = Duration::from_secs(3_600);

/// A sentence of the contract.
pub(super) struct Says(pub(super) &'static str);

impl Says {
    #[track_caller]
    pub(super) fn ok<T>(&self, result: Result<T>) -> T {
        match result {
            Ok(value) => value,
            Err(e) => panic!("the journal breaks its contract: {}\n  failed with: {e}", self.0),
        }
    }

    #[track_caller]
    pub(super) fn some<T>(&self, value: Option<T>) -> T {
        match value {
            Some(value) => value,
            None => panic!("the journal breaks its contract: {}\n  nothing came back", self.0),
        }
    }

    #[track_caller]
    pub(super) fn fails<T: Debug>(&self, result: Result<T>, kind: ErrorKind) -> Error {
        match result {
            Err(e) if e.kind() == kind => e,
            other => panic!(
                "the journal breaks its contract: {}\n  expected {kind:?}, got {other:?}",
                self.0
            ),
        }
    }

    #[track_caller]
    pub(super) fn same<T: PartialEq + Debug>(&self, got: T, expected: T) {
        assert!(
            got == expected,
            "the journal breaks its contract: {}\n  expected {expected:?}\n       got {got:?}",
            self.0
        );
    }
}

pub(super) fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(1_700_000_000_000 + ms)
}

pub(super) fn symptom(fingerprint: &str, ms: i64) -> Symptom {
    let kind = SignalKind::Error(None);
    Symptom::new(at(ms), fingerprint.into(), kind, redacted("something broke"))
}

/// An incident of `service` with `fingerprint`, opened at `ms`.
pub(super) fn new(id: &str, service: &str, fingerprint: &str, ms: i64) -> NewIncident {
    mint::incident(id, service, symptom(fingerprint, ms))
}

/// An incident that reopens what was closed after `horizon`.
pub(super) fn again(id: &str, fingerprint: &str, ms: i64, horizon: i64) -> NewIncident {
    let record = Record::Reopened(Box::new(symptom(fingerprint, ms)));
    NewIncident { reopen: Some((at(horizon), record)), ..new(id, "shop", fingerprint, ms) }
}

/// Opens an incident and takes its lease.
pub(super) async fn driven(journal: &dyn Journal, says: &Says, id: &str, service: &str) -> Lease {
    let opened = says.ok(journal.open(new(id, service, id, 0)).await);
    says.same(opened, Opened::Created(IncidentId::new(id)));
    claim(journal, says, "driver", id).await
}

/// Takes the lease of `id`, which must be the only one that is free.
pub(super) async fn claim(journal: &dyn Journal, says: &Says, owner: &str, id: &str) -> Lease {
    let leases = says.ok(journal.claim(owner, &[], LONG, 10).await);
    let ids: Vec<&str> = leases.iter().map(|l| l.incident.as_str()).collect();
    says.same(ids, vec![id]);
    says.some(leases.into_iter().next())
}

/// `records` after `seq`, in `phase`.
pub(super) fn batch(lease: &Lease, seq: u64, phase: Phase, records: Vec<Record>) -> Batch {
    let place = |(seq, record)| Entry { seq, at: at(i64::try_from(seq).unwrap_or(0)), record };
    let entries = (seq + 1..).zip(records).map(place).collect();
    Batch { entries, ..Batch::new(lease, seq, phase) }
}

/// A batch that changes only the slot.
pub(super) fn slot(lease: &Lease, seq: u64, change: SlotChange) -> Batch {
    Batch { slot: change, ..batch(lease, seq, Phase::Queued, vec![]) }
}

/// A batch with one record and one effect of `lease`'s incident.
pub(super) fn effect(
    lease: &Lease,
    seq: u64,
    request: Option<&str>,
    status: EffectStatus,
) -> Batch {
    let key = EffectKey {
        service: ServiceName::new("shop"),
        incident: lease.incident.clone(),
        attempt: 1,
        kind: EffectKind::Submit,
    };
    let effect = Effect { key, request: request.map(|r| Digest::of([r])), status };
    Batch { effects: vec![effect], ..batch(lease, seq, Phase::Submitting, vec![Record::SlotTaken]) }
}

/// The same lease with another fence.
pub(super) fn with_fence(lease: &Lease, fence: u64) -> Lease {
    Lease { fence: Fence(fence), ..lease.clone() }
}

pub(super) async fn load(journal: &dyn Journal, says: &Says, id: &IncidentId) -> Stored {
    says.some(says.ok(journal.load(id).await))
}
