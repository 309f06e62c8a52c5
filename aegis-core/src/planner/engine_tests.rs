#![allow(clippy::unwrap_used)]

use tokio::sync::mpsc;

use super::*;
use crate::judge::Statistical;
use crate::policy::{Autonomy, PolicyConfig};
use crate::port::{Fence, MemoryJournal, Message, Silent};
use crate::testkit::stages::{KnowsTheLine, Offers, Passes, Shop};
use crate::testkit::{ManualClock, World, mint};

fn engine() -> Engine {
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::new(Timestamp::from_ms(1_000)));
    let world = World::new(Arc::clone(&clock), Revision::new("0"));
    let stages = Stages {
        metrics: Arc::new(Shop::new(world.clone())),
        diagnoser: Arc::new(KnowsTheLine(world.clone())),
        fixes: Arc::new(Offers(1)),
        verifier: Arc::new(Passes(95)),
        deployer: Arc::new(world),
        judge: Arc::new(Statistical::default()),
    };
    let parts = Parts {
        stages,
        policy: Policy::new(PolicyConfig::new(Autonomy::Observe)),
        config: PlannerConfig::default(),
        services: vec![ServiceConfig::new("shop")],
        journal: Arc::new(MemoryJournal::new()),
        clock,
        notifiers: Vec::new(),
        fast_rollback: None,
        telemetry: Arc::new(Silent),
        redactor: Redactor::standard(),
        owner: String::from("test"),
    };
    Engine::new(parts, tokio::runtime::Handle::current())
}

fn incident() -> Incident {
    let case = mint::case("shop", "i1");
    let (id, first) = (case.incident.clone(), case.symptoms[0].clone());
    let opened = crate::machine::Opened::new(
        id,
        case.service,
        case.kind,
        first,
        crate::machine::Settings::default(),
    );
    let record = crate::machine::Record::Opened(Box::new(opened));
    let entry = crate::machine::Entry { seq: 1, at: Timestamp::from_ms(500), record };
    Incident::begin(&entry).unwrap()
}

fn lease(fence: u64) -> Lease {
    let ttl = std::time::Duration::from_secs(30);
    let (incident, owner) = (IncidentId::new("i1"), String::from("test"));
    Lease { incident, owner, fence: Fence(fence), ttl }
}

#[tokio::test]
async fn a_driver_that_ends_leaves_its_successor_alone() {
    let engine = engine();
    let (first, _one) = mpsc::channel(1);
    let (second, _two) = mpsc::channel(1);
    engine.entered(&lease(1), first, false);
    engine.entered(&lease(2), second, false);
    engine.changed(&incident(), None);
    engine.left(&lease(1));
    assert!(engine.driver_of(&IncidentId::new("i1")).is_some());
    assert_eq!(engine.known_of(&"shop".into()).len(), 1);
}

#[tokio::test]
async fn what_is_not_driven_here_is_the_journal_s_to_know() {
    let engine = engine();
    let (commands, _receiver) = mpsc::channel(1);
    engine.entered(&lease(1), commands, false);
    engine.changed(&incident(), None);
    engine.left(&lease(1));
    assert!(engine.driver_of(&IncidentId::new("i1")).is_none());
    assert!(engine.known_of(&"shop".into()).is_empty());
}

#[tokio::test]
async fn a_source_does_not_wait_for_a_driver_that_is_busy() {
    let engine = engine();
    let (commands, _receiver) = mpsc::channel(1);
    engine.entered(&lease(1), commands, false);
    let id = IncidentId::new("i1");
    engine.try_send(&id, Message::Resolved.into()).unwrap();
    let full = engine.try_send(&id, Message::Resolved.into()).unwrap_err();
    assert_eq!(full.kind(), crate::error::ErrorKind::Exhausted);
}
