//! What tests need ready made; orders are cleared by the real policy gate.

use crate::error::{Error, Result};
use crate::id::{Confidence, EffectKey, EffectKind, IncidentId, Revision, ServiceName, Timestamp};
use crate::machine::{Opened, Record, Settings};
use crate::model::{
    Case, Fix, GateAnswer, GateReport, IncidentKind, Isolation, Score, SignalKind, Symptom,
    Verification,
};
use crate::policy::{
    Autonomy, Clearance, Control, Permit, Policy, PolicyConfig, Question, Refusal, Standing,
};
use crate::port::NewIncident;
use crate::redact::{Redacted, Redactor, Untrusted};
use crate::stage::{MergeOrder, Order, RevertOrder};

/// Text that has been through the standard redactor.
pub fn redacted(text: &str) -> Redacted {
    Redactor::standard().redact(&Untrusted::new(text))
}

/// A case of `service` with one symptom without a trace.
pub fn case(service: &str, incident: &str) -> Case {
    let at = Timestamp::from_ms(1_700_000_000_000);
    let title = redacted("something broke");
    let symptom = Symptom::new(at, "f1f1f1f1f1f1f1f1".into(), SignalKind::Error(None), title);
    let (incident, service) = (IncidentId::new(incident), ServiceName::new(service));
    Case::new(incident, service, IncidentKind::Crash, at, symptom)
}

/// An incident that `first` opens, and that reopens none.
pub fn incident(id: &str, service: &str, first: Symptom) -> NewIncident {
    let (id, service) = (IncidentId::new(id), ServiceName::new(service));
    let (at, fingerprint, kind) = (first.at, first.fingerprint.clone(), IncidentKind::Crash);
    let opened = Opened::new(id.clone(), service.clone(), kind, first, Settings::default());
    let opened = Record::Opened(Box::new(opened));
    NewIncident { id, service, fingerprint, kind, at, opened, reopen: None }
}

/// A verification of `fix` on `base` that passes everything.
pub fn verified(fix: &Fix, base: &Revision) -> Verification {
    let full = Confidence::FULL;
    Verification::new(fix.digest(), base.clone(), Isolation::External)
        .with_gates(vec![GateReport::new("tests", GateAnswer::Pass, "all pass")])
        .with_score(Score::new(full, full, full))
}

/// A key of `case`, by attempt and kind.
pub fn key(case: &Case, attempt: u32, kind: EffectKind) -> EffectKey {
    EffectKey { service: case.service.clone(), incident: case.incident.clone(), attempt, kind }
}

/// An order to submit `fix`, verified on `base`; `propose_only` leaves the merge to a person.
pub fn order(
    case: &Case,
    attempt: u32,
    fix: &Fix,
    base: &Revision,
    propose_only: bool,
) -> Result<Order> {
    let permit = if propose_only { Permit::Propose } else { Permit::Submit };
    let clearance = clear(case, fix, base, permit)?;
    Order::new(clearance, key(case, attempt, EffectKind::Submit), fix.clone(), "For a test.")
}

/// An order to merge `head`, which carries `fix` on `base`.
pub fn merge_order(
    case: &Case,
    attempt: u32,
    fix: &Fix,
    base: &Revision,
    head: Revision,
) -> Result<MergeOrder> {
    let clearance = clear(case, fix, base, Permit::Merge)?;
    MergeOrder::new(clearance, key(case, attempt, EffectKind::Merge), head)
}

/// An order to take back `commit`.
pub fn revert_order(case: &Case, attempt: u32, commit: &Revision) -> Result<RevertOrder> {
    let policy = Policy::new(PolicyConfig::new(Autonomy::Auto));
    let clearance = policy.clear_revert(case, commit, None, &standing()).map_err(refused)?;
    let key = key(case, attempt, EffectKind::Revert);
    RevertOrder::new(clearance, key, commit.clone(), vec!["latency doubled".into()])
}

fn clear(case: &Case, fix: &Fix, base: &Revision, permit: Permit) -> Result<Clearance> {
    let autonomy = if permit == Permit::Propose { Autonomy::Propose } else { Autonomy::Auto };
    let policy = Policy::new(PolicyConfig::new(autonomy));
    let verification = verified(fix, base);
    let question = Question { case, fix, verification: &verification, approved: None };
    policy.clear(permit, &question, &standing()).map_err(refused)
}

fn standing() -> Standing {
    Standing::new(Timestamp::from_ms(1_700_000_000_000), Some(Control::new()))
}

fn refused(refusal: Refusal) -> Error {
    Error::denied(format!("{refusal:?}")).at("policy")
}
