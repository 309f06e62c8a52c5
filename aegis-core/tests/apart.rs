//! Processes apart, on one journal: what one is told, the other that drives it hears.

use std::sync::Arc;
use std::time::Duration;

use aegis_core::machine::{Phase, Record, Said};
use aegis_core::model::{Event, Signal};
use aegis_core::planner::{Handle, Operator, ServiceConfig};
use aegis_core::policy::{Autonomy, PolicyConfig};
use aegis_core::port::{Intake, Journal, Message, Receipt};
use aegis_core::redact::Untrusted;
use aegis_core::testkit::settle;
use aegis_core::{ErrorKind, IncidentId};

use crate::bed::Bed;

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
