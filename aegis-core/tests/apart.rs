//! Processes apart, on one journal: what one is told, the other that drives it hears.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aegis_core::machine::{Phase, Record, Said};
use aegis_core::model::{
    Author, Case, Event, Evidence, Observation, Release, Signal, SignalKind, Symptom, Verdict,
};
use aegis_core::planner::{Handle, Operator, PlannerConfig, ServiceConfig};
use aegis_core::policy::{Autonomy, PolicyConfig};
use aegis_core::port::{Batch, Clock as _, Intake, Journal, MOST_LETTERS, Message, Receipt};
use aegis_core::redact::Untrusted;
use aegis_core::stage::RollbackJudge;
use aegis_core::testkit::{mint, settle, soon};
use aegis_core::{ErrorKind, IncidentId, Result, Revision};
use async_trait::async_trait;

use crate::bed::{Bed, TRACE};

fn operator(bed: &Bed) -> Operator {
    Operator::new(Arc::clone(&bed.journal) as Arc<dyn Journal>)
}

fn proposing(bed: &Bed, owner: &str) -> Handle {
    let policy = PolicyConfig::new(Autonomy::Propose);
    bed.builder(policy).owner(owner).build().unwrap().start().unwrap()
}

/// A planner, `first`, that drives an incident which waits for a person.
async fn waiting(bed: &Bed) -> (Handle, IncidentId) {
    let first = proposing(bed, "first");
    let id = bed.crash(&first).await;
    bed.until(&first, &id, Phase::AwaitingHuman).await;
    (first, id)
}

/// Records of the incident that are such.
async fn count(bed: &Bed, id: &IncidentId, such: fn(&Record) -> bool) -> usize {
    let stored = bed.journal.load(id).await.unwrap().unwrap();
    stored.entries.iter().filter(|entry| such(&entry.record)).count()
}

fn is_word(record: &Record) -> bool {
    matches!(record, Record::Person { .. })
}

/// Waits until so many records of the incident are such; who hears messages goes by the wall clock.
async fn until(bed: &Bed, id: &IncidentId, such: fn(&Record) -> bool, wanted: usize) {
    for _ in 0..200 {
        bed.clock.advance(Duration::from_secs(1));
        if count(bed, id, such).await == wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("there are {} records of {wanted}", count(bed, id, such).await);
}

#[tokio::test]
async fn a_word_reaches_the_process_that_drives_the_incident_from_any_other() {
    let bed = Bed::new();
    let (first, id) = waiting(&bed).await;
    let second = proposing(&bed, "second");
    let phase = second.resume(&id, "kim").await.unwrap();
    assert!(!phase.is_terminal());
    bed.until(&first, &id, Phase::AwaitingHuman).await;
    operator(&bed).cancel(&id, "kim").await.unwrap();
    bed.until(&first, &id, Phase::Abandoned).await;
    assert_eq!(count(&bed, &id, is_word).await, 2, "each word once");
    assert!(bed.world.with(|r| r.branches.values().all(|b| b.withdrawn)));
    let late = operator(&bed).cancel(&id, "kim").await.unwrap_err();
    assert_eq!(late.kind(), ErrorKind::NotFound);
}

#[tokio::test]
async fn a_word_that_nobody_hears_waits_for_whoever_drives_next() {
    let bed = Bed::new();
    let (first, id) = waiting(&bed).await;
    first.shutdown().await.unwrap();
    let hasty = operator(&bed).with_patience(Duration::from_millis(300));
    let error = hasty.cancel(&id, "kim").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(error.to_string().contains("the word waits"), "{error}");
    let second = proposing(&bed, "second");
    bed.until(&second, &id, Phase::Abandoned).await;
}

#[tokio::test]
async fn the_end_of_a_trouble_reaches_the_process_that_drives_it() {
    let bed = Bed::new();
    let (first, id) = waiting(&bed).await;
    let second = proposing(&bed, "second");
    let print = first.incident(&id).await.unwrap().case.fingerprint;
    let receipt = second.report(Event::Resolved("shop".into(), print)).await.unwrap();
    assert_eq!(receipt, Receipt::Joined(id.clone()));
    until(&bed, &id, |record| *record == Record::Resolved, 1).await;
}

#[tokio::test]
async fn a_message_that_is_handed_over_twice_is_answered_once() {
    let bed = Bed::new();
    let (_first, id) = waiting(&bed).await;
    // The same word from two people at once, and from one twice: each is a word of its own.
    for by in ["ann", "bob", "bob"] {
        let word = Message::Person { by: by.into(), said: Said::Resume };
        bed.journal.tell(&id, word).await.unwrap();
    }
    until(&bed, &id, is_word, 3).await;
    assert_eq!(bed.journal.letters("first", 9).await.unwrap(), vec![]);
}

fn joined(record: &Record) -> bool {
    matches!(record, Record::Joined(_))
}

fn unhealthy(bed: &Bed) -> Event {
    let down = Observation::Unhealthy(Untrusted::new("503 from /health"));
    Event::Signal(Signal::new("shop".into(), bed.clock.now(), down))
}

#[tokio::test]
async fn what_one_process_sees_of_a_trouble_joins_the_incident_that_another_drives() {
    let bed = Bed::new();
    let (first, id) = waiting(&bed).await;
    let second = proposing(&bed, "second");
    for _ in 0..300 {
        let receipt = second.report(unhealthy(&bed)).await.unwrap();
        assert_eq!(receipt, Receipt::Joined(id.clone()));
    }
    until(&bed, &id, joined, 1).await;
    assert_eq!(second.report(unhealthy(&bed)).await.unwrap(), Receipt::Joined(id.clone()));
    assert_eq!((bed.count().await, count(&bed, &id, joined).await), (1, 1));
    // It was the first message, and the only one, though it was seen so often.
    let word = Message::Person { by: "kim".into(), said: Said::Resume };
    assert_eq!(bed.journal.tell(&id, word).await.unwrap(), 2);
    // Where nothing is open any more, it is a trouble of its own.
    first.cancel(&id, "kim").await.unwrap();
    bed.until(&first, &id, Phase::Abandoned).await;
    let receipt = second.report(unhealthy(&bed)).await.unwrap();
    assert!(matches!(receipt, Receipt::Opened(_)), "{receipt:?}");
}

#[tokio::test]
async fn where_too_many_messages_wait_a_signal_is_noted_and_told_later() {
    let bed = Bed::new();
    let first = proposing(&bed, "first");
    let id = bed.crash(&first).await;
    bed.until(&first, &id, Phase::AwaitingHuman).await;
    first.shutdown().await.unwrap();
    let second = bed.builder(PolicyConfig::new(Autonomy::Propose)).owner("second");
    // Another drives it, and hears nothing.
    let lease = bed.journal.claim("deaf", &[], Duration::from_secs(3_600), 1).await.unwrap();
    let second = second.build().unwrap().start().unwrap();
    for _ in 0..MOST_LETTERS {
        bed.journal.tell(&id, Message::Resolved).await.unwrap();
    }
    let receipt = second.report(unhealthy(&bed)).await.unwrap();
    assert!(matches!(receipt, Receipt::Noted(_)), "{receipt:?}");
    let answered = bed.journal.letters("deaf", MOST_LETTERS).await.unwrap();
    let seq = bed.journal.load(&id).await.unwrap().unwrap().summary.seq;
    let letters = answered.iter().map(|letter| letter.number).collect();
    let batch = Batch { letters, ..Batch::new(&lease[0], seq, Phase::AwaitingHuman) };
    bed.journal.commit(batch).await.unwrap();
    assert_eq!(second.report(unhealthy(&bed)).await.unwrap(), Receipt::Joined(id));
    assert_eq!(bed.journal.letters("deaf", 9).await.unwrap().len(), 1);
    assert_eq!(bed.count().await, 1);
}

fn release(bed: &Bed, revision: &str, previous: Option<&str>) -> Event {
    let by = Author::Person("kim".into());
    let release = Release::new("shop".into(), Revision::new(revision), bed.clock.now(), by);
    Event::Released(release.with_previous(previous.map(Revision::new)))
}

#[tokio::test]
async fn an_error_that_one_process_sees_first_belongs_to_the_watch_that_another_drives() {
    let bed = Bed::new();
    let first = proposing(&bed, "first");
    first.report(release(&bed, "old", None)).await.unwrap();
    let mut changes = first.changes();
    let opened = first.report(release(&bed, "new", Some("old"))).await.unwrap();
    let Receipt::Opened(watch) = opened else { panic!("{opened:?}") };
    let driven =
        async || std::iter::from_fn(|| changes.try_recv().ok()).any(|c| c.incident == watch);
    assert!(settle(&bed.clock, &first, Duration::from_secs(30), driven).await);
    let second = proposing(&bed, "second");
    let error = |revision: &str| {
        let signal = Signal::error("shop".into(), bed.clock.now(), Untrusted::new(TRACE));
        Event::Signal(signal.with_revision(Revision::new(revision)))
    };
    for _ in 0..3 {
        let receipt = second.report(error("new")).await.unwrap();
        assert_eq!(receipt, Receipt::Joined(watch.clone()));
    }
    until(&bed, &watch, joined, 1).await;
    assert_eq!(bed.count().await, 1);
    // What came with no release under watch is not its doing.
    let other = Untrusted::new(TRACE.replace("mean", "median"));
    let other = Signal::error("shop".into(), bed.clock.now(), other);
    let other = Event::Signal(other.with_revision(Revision::new("old")));
    let receipt = second.report(other).await.unwrap();
    assert!(matches!(receipt, Receipt::Opened(_)), "{receipt:?}");
}

/// Remembers which errors of other incidents a judge is told of.
#[derive(Debug, Default)]
struct Asked(Mutex<Vec<Case>>);

#[async_trait]
impl RollbackJudge for Asked {
    async fn judge(&self, case: &Case, _: &Evidence) -> Result<Verdict> {
        self.0.lock().unwrap().push(case.clone());
        Err(aegis_core::Error::internal("it only asks"))
    }
}

#[tokio::test]
async fn a_judge_is_told_of_the_errors_that_another_process_takes_care_of() {
    let bed = Bed::new();
    let (_first, other) = waiting(&bed).await;
    let asked = Arc::new(Asked::default());
    let policy = PolicyConfig::new(Autonomy::Propose);
    let second = bed.builder(policy).owner("second").judge(Arc::clone(&asked)).build().unwrap();
    let second = second.start().unwrap();
    second.report(release(&bed, "old", None)).await.unwrap();
    second.report(release(&bed, "new", Some("old"))).await.unwrap();
    let looked = async || !asked.0.lock().unwrap().is_empty();
    assert!(settle(&bed.clock, &second, Duration::from_secs(60), looked).await);
    let print = second.incident(&other).await.unwrap().case.fingerprint;
    assert_eq!(asked.0.lock().unwrap()[0].others, [print]);
}

#[tokio::test]
async fn a_hint_has_words_heard_and_incidents_claimed_before_anybody_looks() {
    let bed = Bed::new();
    let mut config = PlannerConfig::new().with_lease(Duration::from_secs(86_400));
    config.mail_every = Duration::from_secs(86_400);
    let policy = PolicyConfig::new(Autonomy::Propose);
    let first = bed.builder(policy).owner("first").config(config).build().unwrap();
    let first = first.start().unwrap();
    let id = bed.crash(&first).await;
    bed.until(&first, &id, Phase::AwaitingHuman).await;
    for n in 1..3 {
        let word = Message::Person { by: "kim".into(), said: Said::Resume };
        bed.journal.tell(&id, word).await.unwrap();
        soon("heard", async || count(&bed, &id, is_word).await == n).await;
    }
    // Opened by another process.
    let other = IncidentId::new("other");
    let (at, title) = (bed.clock.now(), mint::redacted("it broke"));
    let symptom = Symptom::new(at, "other".into(), SignalKind::Error(None), title);
    bed.journal.open(mint::incident("other", "shop", symptom)).await.unwrap();
    soon("claimed", async || count(&bed, &other, |_| true).await > 1).await;
}

#[tokio::test]
async fn a_planner_leaves_the_incidents_of_services_that_it_does_not_know_alone() {
    let bed = Bed::new();
    let policy = PolicyConfig::new(Autonomy::Propose);
    let both = bed.builder(policy).owner("both").service(ServiceConfig::new("rates"));
    let both = both.build().unwrap().start().unwrap();
    let now = aegis_core::port::Clock::now(&bed.clock);
    let signal = Signal::error("rates".into(), now, Untrusted::new(crate::bed::TRACE));
    both.report(Event::Signal(signal)).await.unwrap();
    both.shutdown().await.unwrap();
    let (shop, id) = waiting(&bed).await;
    settle(&bed.clock, &shop, Duration::from_secs(120), async || false).await;
    let free = bed.journal.claim("third", &[], Duration::from_secs(60), 10).await.unwrap();
    assert_eq!(free.len(), 1, "the shop's is driven, the other is free");
    assert_ne!(free[0].incident, id);
}
