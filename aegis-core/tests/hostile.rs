//! A stage that panics, hangs or blocks costs its incident and nothing else.

use std::sync::Arc;
use std::time::Duration;

use aegis_core::Confidence;
use aegis_core::machine::{Phase, Why};
use aegis_core::model::{Case, Cause, Diagnosis, Hypothesis};
use aegis_core::policy::{Autonomy, PolicyConfig};
use aegis_core::stage::Diagnoser;
use aegis_core::testkit::stages::{KnowsTheLine, Passes};
use aegis_core::testkit::{Chaos, Mischief};

use crate::bed::Bed;

#[tokio::test]
async fn a_panic_costs_its_own_incident() {
    let bed = Bed::new();
    let stage = Chaos::new(Passes(95), Mischief::Panic, 1);
    let builder = bed.builder(PolicyConfig::new(Autonomy::Auto)).verifier(stage);
    let handle = builder.build().unwrap().start().unwrap();
    let id = bed.crash(&handle).await;
    let incident = bed.until(&handle, &id, Phase::AwaitingHuman).await;
    let Some(Why::StageFailed { stage, error }) = incident.why else {
        panic!("{:?}", incident.why)
    };
    assert_eq!(stage, "verify");
    assert!(error.contains("mischief"), "{error}");
    handle.resume(&id, "kim").await.unwrap();
    bed.until(&handle, &id, Phase::Healed).await;
}

#[tokio::test]
async fn failures_that_can_be_retried_are() {
    let bed = Bed::new();
    let stage = Chaos::new(KnowsTheLine(bed.world.clone()), Mischief::Fail, 3);
    let builder = bed.builder(PolicyConfig::new(Autonomy::Auto)).diagnoser(stage);
    let handle = builder.build().unwrap().start().unwrap();
    let id = bed.crash(&handle).await;
    bed.until(&handle, &id, Phase::Healed).await;
}

#[tokio::test]
async fn a_hang_ends_at_the_deadline_and_is_retried() {
    let bed = Bed::new();
    let stage = Arc::new(Chaos::new(KnowsTheLine(bed.world.clone()), Mischief::Hang, 1));
    let builder = bed.builder(PolicyConfig::new(Autonomy::Auto)).diagnoser(Arc::clone(&stage));
    let handle = builder.build().unwrap().start().unwrap();
    let id = bed.crash(&handle).await;
    // The planner is busy with the call, so the test moves the clock past its deadline, once that is
    // what somebody sleeps until.
    let deadline = aegis_core::port::Clock::now(&bed.clock).plus(Duration::from_secs(60));
    while stage.left() > 0 || !bed.clock.sleeps_until(deadline) {
        tokio::task::yield_now().await;
    }
    bed.clock.set(deadline);
    bed.until(&handle, &id, Phase::Healed).await;
}

#[tokio::test]
async fn a_blocked_thread_is_given_up_and_others_go_on() {
    let bed = Bed::new();
    let stage = Chaos::new(Passes(95), Mischief::Block(Duration::from_millis(1_500)), 1);
    let builder = bed.builder(PolicyConfig::new(Autonomy::Auto)).verifier(stage);
    let handle = builder.build().unwrap().start().unwrap();
    let id = bed.crash(&handle).await;
    bed.until(&handle, &id, Phase::Healed).await;
}

/// Quotes a secret in every text of its diagnosis.
#[derive(Debug)]
struct Leaks;

#[async_trait::async_trait]
impl Diagnoser for Leaks {
    async fn diagnose(&self, _case: &Case) -> aegis_core::Result<Diagnosis> {
        let text = || format!("password=hunter2 {}", "x".repeat(5_000));
        let hypothesis =
            Hypothesis::new(Cause::Environment(text()), text(), Confidence::from_percent(90))
                .with_evidence(vec![text(); 100]);
        Ok(Diagnosis::new("head".into(), "leaks", vec![hypothesis]))
    }
}

#[tokio::test]
async fn what_a_diagnosis_quotes_is_redacted_and_cut_before_it_is_kept() {
    let bed = Bed::new();
    let builder = bed.builder(PolicyConfig::new(Autonomy::Auto)).diagnoser(Leaks);
    let handle = builder.build().unwrap().start().unwrap();
    let id = bed.crash(&handle).await;
    let incident = bed.until(&handle, &id, Phase::AwaitingHuman).await;
    let kept = incident.case.diagnosis.unwrap();
    let text = format!("{kept:?}");
    assert!(!text.contains("hunter2") && text.contains("[redacted:"), "{text}");
    assert_eq!(kept.hypotheses[0].evidence.len(), 32);
    assert!(kept.hypotheses[0].explanation.len() <= 2_000);
}
