//! Many different errors at once are one umbrella incident, and nothing is shipped meanwhile.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aegis_core::machine::{Incident, Phase, Why};
use aegis_core::model::{
    AttemptEnd, Author, Case, Event, Fix, IncidentKind, Release, Signal, Verification,
};
use aegis_core::planner::{Handle, PlannerConfig, ServiceConfig, StormConfig};
use aegis_core::policy::{Autonomy, Control, Freeze, PolicyConfig};
use aegis_core::port::{
    Clock, Filter, Intake, Journal, Notice, Notifier, Receipt, Summary, Urgency,
};
use aegis_core::redact::Untrusted;
use aegis_core::stage::Verifier;
use aegis_core::testkit::settle;
use aegis_core::testkit::stages::{Honest, Passes};
use aegis_core::{Digest, IncidentId, Result};
use tokio::sync::watch;

use crate::bed::{Bed, TRACE};

const MINUTE: Duration = Duration::from_secs(60);

/// Error number `n`: another function each, without a digit in its name.
fn error(n: usize) -> String {
    let digit = |d: u8| char::from(b'a' + d - b'0');
    let name: String = n.to_string().bytes().map(digit).collect();
    TRACE.replace("in mean", &format!("in mean_{name}"))
}

async fn report(bed: &Bed, handle: &Handle, n: usize) -> Receipt {
    handle.report(bed.signal(&error(n))).await.unwrap()
}

/// Ten different errors, from number `from` on: the umbrella that the last one opens.
async fn storm(bed: &Bed, handle: &Handle, from: usize) -> IncidentId {
    for n in from..from + 9 {
        let receipt = report(bed, handle, n).await;
        let of_its_own = matches!(receipt, Receipt::Opened(_) | Receipt::Reopened(_));
        assert!(of_its_own, "{n}: {receipt:?}");
    }
    let Receipt::Opened(id) = report(bed, handle, from + 9).await else { panic!("no umbrella") };
    assert_eq!(handle.incident(&id).await.unwrap().case.kind, IncidentKind::Storm);
    id
}

async fn pass(bed: &Bed, handle: &Handle, time: Duration) {
    settle(&bed.clock, handle, time, async || false).await;
}

async fn reaches(bed: &Bed, handle: &Handle, id: &IncidentId, phase: Phase) -> Incident {
    let there = async || handle.incident(id).await.unwrap().phase == phase;
    assert!(settle(&bed.clock, handle, 30 * MINUTE, there).await, "never {phase}");
    handle.incident(id).await.unwrap()
}

async fn list(bed: &Bed, open: bool) -> Vec<Summary> {
    bed.journal.list(&Filter::new().open(open)).await.unwrap()
}

fn shipped(bed: &Bed) -> (usize, usize) {
    bed.world.with(|remote| (remote.branches.len(), remote.merges.len()))
}

/// Proves nothing until the test lets it.
#[derive(Debug)]
pub(crate) struct Waits(pub(crate) watch::Receiver<bool>);

#[async_trait::async_trait]
impl Verifier for Waits {
    async fn verify(&self, case: &Case, fix: &Fix) -> Result<Verification> {
        let _ = self.0.clone().wait_for(|go| *go).await;
        Passes(95).verify(case, fix).await
    }
}

/// Keeps what a person is told.
#[derive(Debug, Default)]
struct Told(Mutex<Vec<Notice>>);

#[async_trait::async_trait]
impl Notifier for Told {
    async fn notify(&self, notice: &Notice) -> Result<()> {
        self.0.lock().unwrap().push(notice.clone());
        Ok(())
    }
}

#[tokio::test]
async fn ten_thousand_traces_of_one_error_are_one_incident_and_a_short_journal() {
    let bed = Bed::new();
    let observe = PolicyConfig::new(Autonomy::Observe);
    let handle = bed.builder(observe).build().unwrap().start().unwrap();
    let id = bed.crash(&handle).await;
    for _ in 0..10_000 {
        let again = handle.report(bed.signal(TRACE)).await.unwrap();
        assert_eq!(again, Receipt::Joined(id.clone()));
    }
    assert_eq!(bed.count().await, 1);
    let records = bed.journal.load(&id).await.unwrap().unwrap().entries.len();
    assert!(records < 20, "{records}");
}

#[tokio::test]
async fn five_hundred_different_errors_are_one_open_incident_and_nothing_is_shipped() {
    let bed = Bed::new();
    let (go, waits) = watch::channel(false);
    let told = Arc::new(Told::default());
    let builder = bed.builder(PolicyConfig::new(Autonomy::Auto)).verifier(Waits(waits));
    let builder = builder.notifier(Arc::clone(&told) as Arc<dyn Notifier>);
    let handle = builder.build().unwrap().start().unwrap();
    let umbrella = storm(&bed, &handle, 0).await;
    for n in 10..500 {
        assert_eq!(report(&bed, &handle, n).await, Receipt::Joined(umbrella.clone()));
    }
    let folded = async || list(&bed, true).await.len() == 1;
    assert!(settle(&bed.clock, &handle, MINUTE, folded).await);
    let closed = list(&bed, false).await;
    assert_eq!(closed.len(), 9);
    for row in closed {
        let incident = handle.incident(&row.id).await.unwrap();
        assert_eq!((incident.phase, incident.folded.as_ref()), (Phase::Folded, Some(&umbrella)));
    }
    // A fingerprint that was folded belongs to the storm, too.
    assert_eq!(report(&bed, &handle, 0).await, Receipt::Joined(umbrella.clone()));
    go.send_replace(true);
    pass(&bed, &handle, MINUTE).await;
    assert_eq!(shipped(&bed), (0, 0));

    let incident = handle.incident(&umbrella).await.unwrap();
    assert_eq!((incident.phase, incident.case.symptoms.len()), (Phase::AwaitingHuman, 16));
    let why = incident.why.unwrap().to_string();
    assert!(why.starts_with("10 different errors within 60s"), "{why}");
    assert!(why.contains("mean.py in 10 of 10; ZeroDivisionError in 10 of 10"), "{why}");
    let records = bed.journal.load(&umbrella).await.unwrap().unwrap().entries.len();
    assert!(records < 20, "{records}");
    let told = told.0.lock().unwrap();
    let [notice] = told.as_slice() else { panic!("{told:#?}") };
    assert_eq!((&notice.incident, notice.urgency), (&umbrella, Urgency::Page));
    assert!(notice.next.iter().any(|next| next.contains("resume")), "{:?}", notice.next);
}

#[tokio::test]
async fn ten_thousand_different_errors_are_one_umbrella() {
    let bed = Bed::new();
    let observe = PolicyConfig::new(Autonomy::Observe);
    let handle = bed.builder(observe).build().unwrap().start().unwrap();
    let umbrella = storm(&bed, &handle, 0).await;
    for n in 10..10_000 {
        assert_eq!(report(&bed, &handle, n).await, Receipt::Joined(umbrella.clone()));
    }
    assert_eq!(bed.count().await, 10);
    let records = bed.journal.load(&umbrella).await.unwrap().unwrap().entries.len();
    assert!(records < 20, "{records}");
}

#[tokio::test]
async fn storms_of_several_services_are_one_umbrella_each() {
    let bed = Bed::new();
    let names = ["shop", "rates", "mail"];
    let builder = bed.builder(PolicyConfig::new(Autonomy::Observe));
    let builder = builder.service(ServiceConfig::new("rates")).service(ServiceConfig::new("mail"));
    let handle = builder.build().unwrap().start().unwrap();
    for n in 0..1_000 {
        for name in names {
            let text = Untrusted::new(error(n));
            let signal = Signal::error(name.into(), bed.clock.now(), text);
            let receipt = handle.report(Event::Signal(signal)).await.unwrap();
            assert_eq!(matches!(receipt, Receipt::Opened(_)), n < 10, "{n} {receipt:?}");
        }
    }
    assert_eq!(bed.count().await, 30);
    let folded = async || list(&bed, true).await.len() == names.len();
    assert!(settle(&bed.clock, &handle, MINUTE, folded).await);
    let mut umbrellas = list(&bed, true).await;
    umbrellas.sort_by(|a, b| b.service.cmp(&a.service));
    assert_eq!(umbrellas.iter().map(|row| row.service.as_str()).collect::<Vec<_>>(), names);
    for row in umbrellas {
        assert!(row.kind == IncidentKind::Storm && row.seq < 20, "{row:?}");
    }
}

/// An incident whose fix is ready to be merged when a storm begins, and the storm's umbrella.
async fn ready(bed: &Bed, handle: &Handle) -> (IncidentId, IncidentId) {
    let now = bed.clock.now();
    let to = now.plus(Duration::from_secs(9_000));
    handle.freeze(Freeze { from: now, to, why: "launch day".into() }).await.unwrap();
    let id = bed.crash(handle).await;
    reaches(bed, handle, &id, Phase::Merging).await;
    // Long before the storm: it is none of its errors.
    pass(bed, handle, 2 * MINUTE).await;
    let umbrella = storm(bed, handle, 0).await;
    handle.set_control(Control::new()).await.unwrap();
    (id, umbrella)
}

async fn held_by(bed: &Bed, handle: &Handle, id: &IncidentId, umbrella: &IncidentId) {
    let why = format!("a storm of errors is open: {umbrella}");
    let held = async || handle.incident(id).await.unwrap().held.as_ref() == Some(&why);
    assert!(settle(&bed.clock, handle, 5 * MINUTE, held).await);
}

#[tokio::test]
async fn a_fix_that_is_ready_is_held_whoever_approves_and_goes_on_when_the_storm_is_over() {
    let bed = Bed::new();
    let handle = bed.auto();
    let (id, umbrella) = ready(&bed, &handle).await;
    held_by(&bed, &handle, &id, &umbrella).await;
    let fix = handle.incident(&id).await.unwrap().fix().unwrap().digest();
    handle.approve(&id, fix, "kim").await.unwrap();
    pass(&bed, &handle, MINUTE).await;
    assert_eq!(shipped(&bed), (1, 0));
    assert_eq!(handle.resume(&umbrella, "kim").await.unwrap(), Phase::SelfResolved);
    bed.until(&handle, &id, Phase::Healed).await;
}

fn short_lease(bed: &Bed) -> Honest {
    // A lease of a dead planner in this very process runs out soon.
    let config = PlannerConfig::new()
        .with_observe_every(Duration::from_secs(5))
        .with_lease(Duration::from_millis(300))
        .with_storm(StormConfig::new().with_over(600 * MINUTE));
    bed.builder(PolicyConfig::new(Autonomy::Auto)).config(config)
}

#[tokio::test]
async fn a_planner_that_starts_again_in_a_storm_keeps_its_hold_and_its_umbrella() {
    let bed = Bed::new();
    let handle = short_lease(&bed).build().unwrap().start().unwrap();
    let (id, umbrella) = ready(&bed, &handle).await;
    drop(handle);
    let handle = short_lease(&bed).build().unwrap().start().unwrap();
    // At once, before anything is driven.
    assert_eq!(report(&bed, &handle, 77).await, Receipt::Joined(umbrella.clone()));
    held_by(&bed, &handle, &id, &umbrella).await;
    pass(&bed, &handle, MINUTE).await;
    assert_eq!(report(&bed, &handle, 78).await, Receipt::Joined(umbrella.clone()));
    assert_eq!(shipped(&bed), (1, 0));
    let over = async || handle.resume(&umbrella, "kim").await.is_ok();
    assert!(settle(&bed.clock, &handle, 5 * MINUTE, over).await);
    bed.until(&handle, &id, Phase::Healed).await;
}

#[tokio::test]
async fn another_replica_s_storm_takes_in_the_errors_of_this_one() {
    let bed = Bed::new();
    let start = |owner: &str| short_lease(&bed).owner(owner).build().unwrap().start().unwrap();
    let (one, two) = (start("one"), start("two"));
    let umbrella = storm(&bed, &one, 0).await;
    assert_eq!(report(&bed, &two, 10).await, Receipt::Joined(umbrella));
}

#[tokio::test]
async fn a_storm_ends_by_itself_and_what_is_left_of_it_is_counted_from_nothing() {
    let bed = Bed::new();
    let observe = PolicyConfig::new(Autonomy::Observe);
    let handle = bed.builder(observe).build().unwrap().start().unwrap();
    let umbrella = storm(&bed, &handle, 0).await;
    for n in 0..4 {
        pass(&bed, &handle, 4 * MINUTE).await;
        assert_eq!(report(&bed, &handle, n).await, Receipt::Joined(umbrella.clone()));
    }
    let since = bed.clock.now();
    let incident = reaches(&bed, &handle, &umbrella, Phase::SelfResolved).await;
    let silence = incident.since.since(since);
    assert!(silence >= 5 * MINUTE && silence < 6 * MINUTE, "{silence:?}");
    // Each of nine opens an incident of its own again, and ten are a storm again.
    let next = storm(&bed, &handle, 0).await;
    assert_ne!(next, umbrella);
    let alone = async || list(&bed, true).await.len() == 1;
    assert!(settle(&bed.clock, &handle, MINUTE / 4, alone).await);
    let cancelled = async || handle.cancel(&next, "kim").await.is_ok();
    assert!(settle(&bed.clock, &handle, MINUTE / 2, cancelled).await);
    assert_eq!(handle.incident(&next).await.unwrap().phase, Phase::Abandoned);
    // Within the minute: what was folded does not count again.
    let folded = async || list(&bed, true).await.is_empty();
    assert!(settle(&bed.clock, &handle, MINUTE / 2, folded).await);
    bed.clock.advance(Duration::from_millis(1));
    storm(&bed, &handle, 0).await;
}

#[tokio::test]
async fn what_a_folded_incident_had_submitted_is_withdrawn_first() {
    let bed = Bed::new();
    let told = Arc::new(Told::default());
    let builder = bed.builder(PolicyConfig::new(Autonomy::Propose));
    let builder = builder.notifier(Arc::clone(&told) as Arc<dyn Notifier>);
    let handle = builder.build().unwrap().start().unwrap();
    let Receipt::Opened(id) = report(&bed, &handle, 0).await else { panic!("no incident") };
    let incident = reaches(&bed, &handle, &id, Phase::AwaitingHuman).await;
    assert!(incident.submitted && incident.why == Some(Why::Proposed), "{:?}", incident.why);
    for n in 1..9 {
        report(&bed, &handle, n).await;
    }
    let Receipt::Opened(umbrella) = report(&bed, &handle, 9).await else { panic!("no umbrella") };
    let incident = reaches(&bed, &handle, &id, Phase::Folded).await;
    assert_eq!((incident.submitted, incident.folded), (false, Some(umbrella.clone())));
    let folded = async || list(&bed, true).await.len() == 1;
    assert!(settle(&bed.clock, &handle, MINUTE, folded).await);
    bed.world.with(|r| assert!(r.merges.is_empty() && r.branches.values().all(|b| b.withdrawn)));
    // It comes back after the storm: opened again, with nothing held against its fix.
    handle.resume(&umbrella, "kim").await.unwrap();
    bed.clock.advance(Duration::from_secs(1));
    assert_eq!(report(&bed, &handle, 0).await, Receipt::Reopened(id.clone()));
    let incident = reaches(&bed, &handle, &id, Phase::AwaitingHuman).await;
    assert_eq!((incident.reopened, incident.why), (1, Some(Why::Proposed)));
    assert!(incident.case.attempts.iter().all(|a| a.end != AttemptEnd::Futile));
    let told = told.0.lock().unwrap();
    assert!(told.iter().all(|notice| !notice.title.contains("Folded")), "{told:#?}");
}

#[tokio::test]
async fn what_is_watched_is_not_folded_and_can_still_be_taken_back() {
    let bed = Bed::new();
    bed.shop.cursed.store(true, std::sync::atomic::Ordering::SeqCst);
    let handle = bed.auto();
    let id = bed.crash(&handle).await;
    bed.until(&handle, &id, Phase::Watching).await;
    // The first of the ten is its own error.
    for n in 0..8 {
        report(&bed, &handle, n).await;
    }
    let Receipt::Opened(umbrella) = report(&bed, &handle, 8).await else { panic!("no umbrella") };
    let incident = bed.until(&handle, &id, Phase::RolledBack).await;
    assert_eq!(bed.world.with(|r| r.reverts.clone()), [incident.merged.unwrap()]);
    assert!(!handle.incident(&umbrella).await.unwrap().phase.is_terminal());
    assert_eq!(bed.world.with(|r| r.merges.len()), 1);
}

#[tokio::test]
async fn errors_that_belong_to_the_watch_of_a_release_make_no_storm() {
    let bed = Bed::new();
    let first = bed.world.with(|remote| {
        let revision = remote.push();
        remote.merges.push((revision.clone(), Digest::of(["x"])));
        revision
    });
    let handle = bed.auto();
    pass(&bed, &handle, 10 * MINUTE).await;
    let revision = bed.world.with(|remote| remote.push());
    let person = Author::Person("kim".into());
    let release =
        Release::new("shop".into(), revision, bed.clock.now(), person).with_previous(Some(first));
    let mut changes = handle.changes();
    let receipt = handle.report(Event::Released(release)).await.unwrap();
    let Receipt::Opened(id) = receipt else { panic!("{receipt:?}") };
    // Errors belong to a watch once somebody watches.
    let watches = async || std::iter::from_fn(|| changes.try_recv().ok()).any(|c| c.incident == id);
    assert!(settle(&bed.clock, &handle, MINUTE, watches).await);
    bed.clock.advance(Duration::from_secs(1));
    let mut joined = 0;
    for n in 0..30 {
        match report(&bed, &handle, n).await {
            Receipt::Joined(to) => {
                assert_eq!(to, id);
                joined += 1;
            }
            Receipt::Noted(_) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(joined > 10, "{joined}");
    assert_eq!(bed.count().await, 1);
}
