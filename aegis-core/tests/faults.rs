//! What goes wrong around a planner: journals, drivers, switches, hosts' own code.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aegis_core::machine::{Opened, Phase, Record, Settings, Why};
use aegis_core::model::{Author, Case, Event, Fix, FixKind, GateReport, Release};
use aegis_core::planner::{Handle, PlannerConfig};
use aegis_core::policy::{Autonomy, Guardrail, Policy, PolicyConfig};
use aegis_core::port::{Clock, Intake, Journal, NewIncident, Receipt};
use aegis_core::stage::FixGenerator;
use aegis_core::testkit::stages::{KnowsTheLine, Offers};
use aegis_core::testkit::{Chaos, Mischief, settle};
use aegis_core::{IncidentId, Result, Revision};

use crate::bed::{Bed, TRACE};
use crate::flaky::Flaky;

const MINUTE: Duration = Duration::from_secs(60);

/// A release of a person's that is worse than what ran before, under watch.
async fn watched(bed: &Bed, handle: &Handle) -> (IncidentId, Revision) {
    let first = bed.world.with(|remote| {
        let revision = remote.push();
        remote.merges.push((revision.clone(), aegis_core::Digest::of(["x"])));
        revision
    });
    settle(&bed.clock, handle, 10 * MINUTE, async || false).await;
    let revision = bed.world.with(|remote| remote.push());
    let person = Author::Person("kim".into());
    let release = Release::new("shop".into(), revision.clone(), bed.clock.now(), person);
    let release = Event::Released(release.with_previous(Some(first)));
    let receipt = handle.report(release).await.unwrap();
    let Receipt::Opened(id) = receipt else { panic!("{receipt:?}") };
    (id, revision)
}

fn observing(bed: &Bed) -> aegis_core::testkit::stages::Honest {
    bed.builder(PolicyConfig::new(Autonomy::Observe))
}

#[tokio::test]
async fn observe_takes_nothing_back_whoever_approves() {
    let bed = Bed::new();
    let handle = observing(&bed).build().unwrap().start().unwrap();
    let (id, revision) = watched(&bed, &handle).await;
    bed.shop.cursed.store(true, Ordering::SeqCst);
    let incident = bed.until(&handle, &id, Phase::AwaitingHuman).await;
    assert!(matches!(incident.why, Some(Why::WouldRevert { .. })), "{:?}", incident.why);
    let digest = Policy::revert_digest(&revision);
    handle.approve(&id, digest, "kim").await.unwrap();
    settle(&bed.clock, &handle, MINUTE, async || false).await;
    assert_eq!(handle.incident(&id).await.unwrap().phase, Phase::AwaitingHuman);
    assert!(bed.world.with(|remote| remote.reverts.is_empty()));
}

#[tokio::test]
async fn a_storm_during_a_watch_does_not_fill_its_journal() {
    let bed = Bed::new();
    let handle = observing(&bed).build().unwrap().start().unwrap();
    let (id, _) = watched(&bed, &handle).await;
    for _ in 0..300 {
        handle.report(bed.signal(TRACE)).await.unwrap();
    }
    let seen = async || handle.incident(&id).await.unwrap().case.symptoms.len() > 1;
    assert!(settle(&bed.clock, &handle, MINUTE, seen).await);
    let records = bed.journal.load(&id).await.unwrap().unwrap().entries.len();
    assert!(records < 20, "{records}");
}

#[tokio::test]
async fn the_kill_switch_stops_a_withdrawal_too() {
    let bed = Bed::new();
    let builder = bed.builder(PolicyConfig::new(Autonomy::Propose));
    let handle = builder.build().unwrap().start().unwrap();
    let id = bed.crash(&handle).await;
    bed.until(&handle, &id, Phase::AwaitingHuman).await;
    handle.pause("drill").await.unwrap();
    assert_eq!(handle.cancel(&id, "kim").await.unwrap(), Phase::Withdrawing);
    settle(&bed.clock, &handle, MINUTE, async || false).await;
    assert!(bed.world.with(|remote| remote.branches.values().all(|b| !b.withdrawn)));
    handle.unpause().await.unwrap();
    bed.until(&handle, &id, Phase::Abandoned).await;
    assert!(bed.world.with(|remote| remote.branches.values().all(|b| b.withdrawn)));
}

#[tokio::test]
async fn a_kill_switch_thrown_after_the_clearance_still_stops_the_write() {
    let bed = Bed::new();
    let journal = Flaky::of(&bed);
    journal.kill_on_intent.store(true, Ordering::SeqCst);
    let builder = bed.builder(PolicyConfig::new(Autonomy::Auto));
    let builder = builder.journal(Arc::clone(&journal) as Arc<dyn Journal>);
    let handle = builder.build().unwrap().start().unwrap();
    let id = bed.crash(&handle).await;
    let held = async || handle.incident(&id).await.unwrap().held.is_some();
    assert!(settle(&bed.clock, &handle, 10 * MINUTE, held).await);
    assert!(bed.world.with(|remote| remote.branches.is_empty()));
    handle.unpause().await.unwrap();
    bed.until(&handle, &id, Phase::Healed).await;
}

#[tokio::test]
async fn switches_that_are_thrown_at_once_are_all_kept() {
    let bed = Bed::new();
    let journal = Flaky::of(&bed);
    let builder = observing(&bed).journal(journal as Arc<dyn Journal>);
    let handle = builder.build().unwrap().start().unwrap();
    let now = bed.clock.now();
    let freeze = || aegis_core::policy::Freeze { from: now, to: now, why: "launch".into() };
    let (a, b, c) =
        tokio::join!(handle.freeze(freeze()), handle.pause("drill"), handle.freeze(freeze()));
    a.and(b).and(c).unwrap();
    let control = bed.journal.control().await.unwrap();
    assert_eq!((control.freezes.len(), control.killed.is_some()), (2, true));
}

#[tokio::test]
async fn incidents_that_wait_for_a_person_keep_no_other_from_being_driven() {
    let bed = Bed::new();
    let mut config = PlannerConfig::new();
    config.drivers = 1;
    let handle = observing(&bed).config(config).build().unwrap().start().unwrap();
    let mut ids = Vec::new();
    for n in 0..3 {
        let text = TRACE.replace("mean", &format!("mean{n}"));
        let Receipt::Opened(id) = handle.report(bed.signal(&text)).await.unwrap() else { panic!() };
        ids.push(id);
    }
    let parked = settle(&bed.clock, &handle, 10 * MINUTE, async || {
        let list = handle.list(&aegis_core::port::Filter::new()).await.unwrap();
        list.iter().filter(|s| s.phase == Phase::AwaitingHuman).count() == ids.len()
    });
    assert!(parked.await);
}

#[derive(Debug)]
struct Panics;

impl Guardrail for Panics {
    fn check(&self, _case: &Case, _fix: &Fix) -> GateReport {
        panic!("a bug of the host's")
    }
}

#[tokio::test]
async fn a_guardrail_that_panics_lets_nothing_pass_without_a_person() {
    let bed = Bed::new();
    let builder = bed.builder(PolicyConfig::new(Autonomy::Auto)).guardrail(Arc::new(Panics));
    let handle = builder.build().unwrap().start().unwrap();
    let id = bed.crash(&handle).await;
    let incident = bed.until(&handle, &id, Phase::AwaitingHuman).await;
    assert!(matches!(incident.why, Some(Why::Approval { .. })), "{:?}", incident.why);
    assert!(bed.world.with(|remote| remote.branches.is_empty()));
}

#[tokio::test]
async fn a_shutdown_does_not_wait_for_reads() {
    let bed = Bed::new();
    let stage = Arc::new(Chaos::new(KnowsTheLine(bed.world.clone()), Mischief::Hang, 1));
    let builder = bed.builder(PolicyConfig::new(Autonomy::Auto)).diagnoser(Arc::clone(&stage));
    let handle = builder.build().unwrap().start().unwrap();
    bed.crash(&handle).await;
    while stage.left() > 0 {
        tokio::task::yield_now().await;
    }
    let begun = std::time::Instant::now();
    handle.shutdown().await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_release_that_could_not_be_journaled_is_taken_when_it_is_told_again() {
    let bed = Bed::new();
    let journal = Flaky::of(&bed);
    let builder = observing(&bed).journal(Arc::clone(&journal) as Arc<dyn Journal>);
    let handle = builder.build().unwrap().start().unwrap();
    let revision = bed.world.with(|remote| remote.push());
    let person = Author::Person("kim".into());
    let release = Release::new("shop".into(), revision, bed.clock.now(), person);
    let release = Event::Released(release.with_previous(Some(Revision::new("before"))));
    journal.no_open.store(true, Ordering::SeqCst);
    handle.report(release.clone()).await.unwrap_err();
    journal.no_open.store(false, Ordering::SeqCst);
    let receipt = handle.report(release).await.unwrap();
    assert!(matches!(receipt, Receipt::Opened(_)), "{receipt:?}");
}

#[tokio::test]
async fn an_incident_that_can_t_be_loaded_is_not_claimed_in_a_loop() {
    let bed = Bed::new();
    let journal = Flaky::of(&bed);
    journal.no_load.store(true, Ordering::SeqCst);
    let builder = observing(&bed).journal(Arc::clone(&journal) as Arc<dyn Journal>);
    let handle = builder.build().unwrap().start().unwrap();
    let id = bed.crash(&handle).await;
    settle(&bed.clock, &handle, 2 * MINUTE, async || false).await;
    let claims = journal.claims.load(Ordering::SeqCst);
    assert!((1..10).contains(&claims), "{claims}");
    journal.no_load.store(false, Ordering::SeqCst);
    bed.until(&handle, &id, Phase::AwaitingHuman).await;
}

#[tokio::test]
async fn a_ledger_that_can_t_be_read_denies_nothing_for_good() {
    let bed = Bed::new();
    let journal = Flaky::of(&bed);
    journal.no_used.store(true, Ordering::SeqCst);
    let builder = bed.builder(PolicyConfig::new(Autonomy::Auto));
    let builder = builder.journal(Arc::clone(&journal) as Arc<dyn Journal>);
    let handle = builder.build().unwrap().start().unwrap();
    let id = bed.crash(&handle).await;
    settle(&bed.clock, &handle, MINUTE, async || false).await;
    let incident = handle.incident(&id).await.unwrap();
    assert_eq!((incident.phase, incident.case.attempts.len()), (Phase::Gating, 0));
    journal.no_used.store(false, Ordering::SeqCst);
    bed.until(&handle, &id, Phase::Healed).await;
}

#[tokio::test]
async fn a_full_disk_is_no_budget_that_is_spent() {
    let bed = Bed::new();
    let journal = Flaky::of(&bed);
    journal.full.store(true, Ordering::SeqCst);
    let builder = bed.builder(PolicyConfig::new(Autonomy::Auto));
    let builder = builder.journal(Arc::clone(&journal) as Arc<dyn Journal>);
    let handle = builder.build().unwrap().start().unwrap();
    let id = bed.crash(&handle).await;
    settle(&bed.clock, &handle, MINUTE, async || false).await;
    assert_eq!(handle.incident(&id).await.unwrap().phase, Phase::Submitting);
    journal.full.store(false, Ordering::SeqCst);
    bed.until(&handle, &id, Phase::Healed).await;
}

#[tokio::test]
async fn a_commit_that_the_remote_never_named_is_not_taken_back_without_a_word() {
    let bed = Bed::new();
    bed.shop.cursed.store(true, Ordering::SeqCst);
    // The answers to the submit and to the merge are lost, and a person pushes on top of the merge.
    bed.world.with(|remote| (remote.lose_answers, remote.names_merges) = (2, false));
    let handle = bed.auto();
    let id = bed.crash(&handle).await;
    let mut later = None;
    let parked = settle(&bed.clock, &handle, 60 * MINUTE, async || {
        bed.world.with(|remote| {
            if later.is_none() && !remote.merges.is_empty() {
                later = Some(remote.push());
            }
        });
        handle.incident(&id).await.unwrap().phase == Phase::AwaitingHuman
    });
    assert!(parked.await);
    let incident = handle.incident(&id).await.unwrap();
    let Some(Why::WouldRevert { reasons, .. }) = &incident.why else {
        panic!("{:?}", incident.why)
    };
    assert!(reasons.iter().any(|r| r.contains("make sure")), "{reasons:?}");
    assert!(bed.world.with(|remote| remote.reverts.is_empty()));
}

#[derive(Debug)]
struct Chatty;

#[async_trait::async_trait]
impl FixGenerator for Chatty {
    async fn generate(&self, case: &Case, d: &aegis_core::model::Diagnosis) -> Result<Vec<Fix>> {
        let mut fixes = Offers(1).generate(case, d).await?;
        for fix in &mut fixes {
            assert!(matches!(fix.kind, FixKind::Patch(_)));
            fix.title = "Mend it\n\nSigned-off-by: \u{202e}kim".into();
        }
        Ok(fixes)
    }
}

#[tokio::test]
async fn a_title_is_one_line_that_hides_nothing() {
    let bed = Bed::new();
    let handle = observing(&bed).fixes(Chatty).build().unwrap().start().unwrap();
    let id = bed.crash(&handle).await;
    let incident = bed.until(&handle, &id, Phase::AwaitingHuman).await;
    assert_eq!(incident.fix().unwrap().title, "Mend it Signed-off-by: kim");
}

#[derive(Debug)]
struct Quotes;

#[async_trait::async_trait]
impl aegis_core::stage::Diagnoser for Quotes {
    async fn diagnose(&self, _case: &Case) -> Result<aegis_core::model::Diagnosis> {
        panic!("bad response: Authorization: Bearer abcdefghijklmnopqrstuvwx0123456789")
    }
}

#[tokio::test]
async fn what_a_stage_quotes_when_it_fails_is_redacted() {
    let bed = Bed::new();
    let handle = observing(&bed).diagnoser(Quotes).build().unwrap().start().unwrap();
    let id = bed.crash(&handle).await;
    let incident = bed.until(&handle, &id, Phase::AwaitingHuman).await;
    let Some(Why::StageFailed { error, .. }) = incident.why else { panic!("{:?}", incident.why) };
    assert!(error.contains("bad response") && !error.contains("abcdefghijklm"), "{error}");
}

#[tokio::test]
async fn an_incident_of_a_service_that_is_not_looked_after_here_is_left_alone() {
    let bed = Bed::new();
    // Another planner on the same journal, with other stages, looks after it.
    let case = aegis_core::testkit::mint::case("pay", "i1");
    let (id, at) = (case.incident.clone(), case.opened_at);
    let first = case.symptoms[0].clone();
    let (service, kind) = (case.service.clone(), case.kind);
    let opened = Opened::new(id.clone(), service.clone(), kind, first, Settings::default());
    let opened = Record::Opened(Box::new(opened));
    let fingerprint = case.fingerprint.clone();
    let new = NewIncident { id: id.clone(), service, fingerprint, kind, at, opened, reopen: None };
    bed.journal.open(new).await.unwrap();
    let stage = Arc::new(Chaos::new(KnowsTheLine(bed.world.clone()), Mischief::Fail, 9));
    let builder = observing(&bed).diagnoser(Arc::clone(&stage));
    let handle = builder.build().unwrap().start().unwrap();
    settle(&bed.clock, &handle, MINUTE, async || false).await;
    assert_eq!(stage.left(), 9, "no stage of ours was asked");
    assert_eq!(handle.incident(&id).await.unwrap().phase, Phase::Diagnosing);
}
