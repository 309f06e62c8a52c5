//! What a person is told, and when.

use std::sync::Arc;
use std::time::Duration;

use super::engine::Engine;
use crate::error::Retry;
use crate::id::EffectKind;
use crate::machine::{Incident, Phase, Why};
use crate::model::Remedy;
use crate::port::{Notice, Notifier, TelemetryEvent, Urgency};

/// Tries of one notice by one notifier, and the pause between them, doubled each time.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_secs(2);

/// Sends a notice where the phase that was entered deserves one.
pub(super) fn on_entering(engine: &Arc<Engine>, incident: &Incident) {
    let Some(notice) = notice(incident) else { return };
    for notifier in &engine.notifiers {
        let (engine, notifier, notice) = (Arc::clone(engine), Arc::clone(notifier), notice.clone());
        tokio::spawn(async move { send(&engine, notifier, notice).await });
    }
}

fn urgency(phase: Phase, why: Option<&Why>) -> Option<Urgency> {
    Some(match phase {
        Phase::AwaitingHuman => match why {
            Some(Why::Proposed | Why::Approval { .. } | Why::WouldHave { .. }) => {
                Urgency::Attention
            }
            _ => Urgency::Page,
        },
        Phase::RolledBack => Urgency::Attention,
        Phase::Healed | Phase::Kept | Phase::SelfResolved | Phase::Abandoned => Urgency::Info,
        _ => return None,
    })
}

async fn send(engine: &Engine, notifier: Arc<dyn Notifier>, notice: Notice) {
    let mut pause = PAUSE;
    for attempt in 1..=TRIES {
        let (own, about) = (Arc::clone(&notifier), notice.clone());
        let call = async move { own.notify(&about).await };
        let deadline = engine.config.read_deadline;
        let sent = engine.crew.call("notify", deadline, super::crew::Late::Drop, call).await;
        let Err(e) = sent else { return };
        let id = &notice.incident;
        if attempt == TRIES || e.retry() == Retry::Never {
            engine.telemetry.record(TelemetryEvent::NoticeLost { service: &notice.service });
            tracing::error!(target: "aegis", incident_id = %id, error = %e, "a notice was not sent");
            return;
        }
        tracing::warn!(target: "aegis", incident_id = %id, error = %e, "a notice will be sent again");
        engine.clock.sleep_until(engine.now().plus(pause)).await;
        pause *= 2;
    }
}

/// What a person is told about an incident where it stands: why it stopped, what it changed, how to
/// undo that, what to do next; nothing while it is under way.
pub fn notice(incident: &Incident) -> Option<Notice> {
    let urgency = urgency(incident.phase, incident.why.as_ref())?;
    let case = &incident.case;
    let first = case.symptoms.first().map(|s| s.title.to_string()).unwrap_or_default();
    let title = format!("{}: {} ({first})", case.service, incident.phase.name());
    let (id, service, at) = (case.incident.clone(), case.service.clone(), incident.since);
    let mut notice = Notice::new(id, service, at, urgency, title);
    notice.why = incident.why.as_ref().map(ToString::to_string).unwrap_or_default();
    notice.confidence = incident.verification.as_ref().map(|v| v.confidence());
    if incident.submitted {
        let branch = incident.key(EffectKind::Submit).branch();
        notice.changed.push(format!("branch {branch} is submitted"));
        notice.undo.push(format!("git branch -D {branch}"));
    }
    if let Some(merged) = &incident.merged {
        notice.changed.push(format!("{} was merged", merged.short()));
        if incident.reverted.is_none() {
            notice.undo.push(format!("git revert -m 1 {}", merged.short()));
        }
    }
    if let Some(switch) = &incident.switched {
        notice.changed.push(match &switch.failed {
            None => format!("the host went back to {} at once", switch.to.short()),
            Some(why) => format!("the host was asked for {}, and: {why}", switch.to.short()),
        });
    }
    if let Some(reverted) = &incident.reverted {
        notice.changed.push(format!("{} takes it back", reverted.short()));
    }
    if notice.changed.is_empty() {
        notice.changed.push(String::from("nothing"));
    }
    notice.next = next(incident);
    notice.diff = remedy(incident).map(|remedy| remedy.diff.clone());
    Some(notice)
}

/// What a person may apply: until it, or anything else, was merged.
fn remedy(incident: &Incident) -> Option<&Remedy> {
    let waits = incident.phase == Phase::AwaitingHuman && incident.merged.is_none();
    incident.case.diagnosis.as_ref()?.remedy.as_ref().filter(|_| waits)
}

/// What can be done next.
fn next(incident: &Incident) -> Vec<String> {
    let Some(why) = &incident.why else { return Vec::new() };
    let mut next = match why {
        Why::NotCode(look) => vec![format!("look at {look}")],
        Why::Approval { fix, .. } => vec![format!("approve {fix}")],
        Why::WouldRevert { revert, .. } => vec![format!("approve {revert}")],
        Why::WouldHave { .. } => vec![String::from("ship it, or raise the autonomy")],
        Why::Proposed => match incident.capped() {
            Some(fix) => vec![format!("merge or close it, or approve {fix}")],
            None => vec![String::from("merge or close it")],
        },
        Why::Storm { shared, .. } => {
            let mut next: Vec<_> = shared.iter().map(|found| format!("look at {found}")).collect();
            next.push(String::from("nothing is shipped meanwhile; resume says that it is over"));
            next
        }
        Why::Blind => vec![String::from("look at how the merged revision is rolled out")],
        _ => Vec::new(),
    };
    if let Some(remedy) = remedy(incident).filter(|_| !incident.submitted) {
        next.insert(0, format!("apply the diff: {}", remedy.title));
    }
    let hypothesis = incident.case.diagnosis.as_ref().and_then(|d| d.likely());
    next.extend(hypothesis.map(|h| format!("diagnosis: {}", h.explanation)));
    let owners = incident.case.diagnosis.as_ref().map(|d| d.owners.join(", "));
    next.extend(owners.filter(|all| !all.is_empty()).map(|all| format!("ask who owns it: {all}")));
    next.extend(
        incident.case.attempts.iter().map(|a| format!("tried: {}: {}", a.title, a.feedback)),
    );
    next.push(String::from("resume, or cancel"));
    next
}
