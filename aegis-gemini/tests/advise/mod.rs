//! Advice on releases, beside a judge that decides without.

use std::sync::Arc;
use std::time::Duration;

use aegis_core::compose::judge::advised_by;
use aegis_core::judge::Statistical;
use aegis_core::model::{
    Baseline, Evidence, Exercise, Grounds, Metric, MetricEvidence, Summary, Verdict,
};
use aegis_core::stage::RollbackJudge;
use aegis_core::testkit::{conformance, mint};
use aegis_core::{Confidence, Result, Timestamp};
use aegis_gemini::advise::ModelAdviser;
use serde_json::{Value, json};

use crate::says::Says;

/// A release after `look` of thirty looks, whose P95 is `latency` where it was 0.1 s.
fn evidence(look: u32, latency: f64) -> Evidence {
    let start = Timestamp::from_ms(1_700_000_000_000);
    let at = |look: u32| start.plus(Duration::from_secs(u64::from(look) * 10));
    let wobble = |n: u32| 1.0 + f64::from(n % 5) / 100.0;
    let before = Summary::of((0..30).map(|n| 0.1 * wobble(n)), 3_000);
    let baseline =
        Baseline::new(start, before.into_iter().map(|s| (Metric::LatencyP95, s)).collect());
    let mut evidence = Evidence::new("4f2a9c1d00".into(), start, at(30), baseline);
    let mut seen = MetricEvidence::new(Metric::LatencyP95);
    (0..look).for_each(|n| seen.push(Some(latency * wobble(n)), 100));
    evidence.metrics = vec![seen];
    evidence.now = at(look);
    evidence.looks = look;
    let mut exercise = Exercise::new(20);
    exercise.requests = Some(u64::from(look) * 100);
    evidence.exercise = exercise;
    evidence
}

fn says(advice: &str, quote: &str, confidence: f64) -> Value {
    json!({"evidence": [quote], "reasoning": "it took longer", "advice": advice, "confidence": confidence})
}

const ROW: &str = "latency P95: baseline median 0.102000";

async fn judge(stage: &impl RollbackJudge, evidence: &Evidence) -> Result<Verdict> {
    stage.judge(&mint::case("shop", "i-1"), evidence).await
}

async fn advised(answer: Value, evidence: &Evidence) -> Result<Verdict> {
    judge(&ModelAdviser::new(Says::new([answer]).router()), evidence).await
}

#[tokio::test]
async fn a_model_is_shown_statistics_and_no_series() {
    let model = Says::new([says("keep", ROW, 0.9)]);
    judge(&ModelAdviser::new(model.router()), &evidence(30, 0.15)).await.unwrap();
    let asked = &model.asked()[0];
    let data = asked.data();
    for part in [
        "latency P95: baseline median 0.102000 spread 0.001483 n 30; since median 0.153000",
        "n 30 requests 3000; slope +0.0000",
        "watched for 300 s of 300 s, in 30 looks",
        "requests on the path that failed: 3000, needed: 20",
    ] {
        assert!(data.contains(part), "{part} is not in\n{data}");
    }
    assert!(data.len() < 2_000, "{data}");
    assert_eq!(asked.model, "gemini-3.5-flash-lite");
}

#[tokio::test]
async fn each_advice_is_a_verdict_that_names_its_author() {
    let over = evidence(30, 0.15);
    let reason = "gemini-3.5-flash-lite judgement@1: it took longer";
    let verdict = advised(says("rollback", ROW, 0.9), &over).await.unwrap();
    let Verdict::Rollback(Grounds { confidence, reasons, .. }) = verdict else {
        panic!("{verdict:?}")
    };
    assert_eq!((confidence, reasons), (Confidence::from_percent(10), vec![reason.to_owned()]));
    let kept = advised(says("keep", ROW, 0.3), &over).await.unwrap();
    let full = Grounds::new(Confidence::FULL, vec![reason.to_owned()]);
    assert_eq!(kept, Verdict::Keep(full.clone()));
    let waits = advised(says("insufficient_data", ROW, 0.9), &over).await.unwrap();
    assert_eq!(waits, Verdict::Inconclusive(full.clone()));
    let early = advised(says("keep", ROW, 0.9), &evidence(10, 0.1)).await.unwrap();
    assert_eq!(early, Verdict::Watch(full));
}

#[tokio::test]
async fn harm_that_the_numbers_do_not_show_takes_nothing_back() {
    let unharmed = evidence(30, 0.1);
    for (answer, evidence) in [
        (says("rollback", ROW, 0.99), &unharmed),
        (says("rollback", ROW, 0.4), &evidence(30, 0.15)),
        (says("rollback", "watched for 300 s", 0.99), &evidence(30, 0.15)),
    ] {
        let verdict = advised(answer.clone(), evidence).await.unwrap();
        assert!(matches!(verdict, Verdict::Inconclusive(_)), "{answer}: {verdict:?}");
    }
    let mut errors = unharmed;
    errors.new_errors = 2;
    let quote = "errors that nobody had seen before it: 2";
    let verdict = advised(says("rollback", quote, 0.9), &errors).await.unwrap();
    assert!(matches!(verdict, Verdict::Rollback(_)), "{verdict:?}");
}

#[tokio::test]
async fn advice_that_quotes_nothing_is_none() {
    let error = advised(says("rollback", "everything is down", 0.99), &evidence(30, 0.15)).await;
    assert!(error.unwrap_err().to_string().contains("rests on nothing in the data"));
}

#[tokio::test]
async fn a_window_costs_as_many_questions_as_it_has_parts() {
    let model = Says::new((0..30).map(|_| says("keep", ROW, 0.9)));
    let adviser = ModelAdviser::new(model.router());
    for look in 1..30 {
        let verdict = judge(&adviser, &evidence(look, 0.1)).await.unwrap();
        assert!(matches!(verdict, Verdict::Watch(_)), "{look}: {verdict:?}");
    }
    assert_eq!(model.asked().len(), 2, "after the first and the second third");
    let verdict = judge(&adviser, &evidence(30, 0.1)).await.unwrap();
    assert!(matches!(verdict, Verdict::Keep(_)), "{verdict:?}");
    assert_eq!(model.asked().len(), 3);
    // The same question again costs nothing.
    judge(&adviser, &evidence(30, 0.1)).await.unwrap();
    assert_eq!(model.asked().len(), 3);
}

#[tokio::test]
async fn the_floor_wins_and_goes_on_without_advice() {
    let floor = || Statistical::default();
    let (flat, bad) = (evidence(30, 0.1), evidence(30, 0.5));
    let verdict = |answers: Vec<Value>, evidence: Evidence| async move {
        let model = Says::new(answers);
        let stage = advised_by(floor(), ModelAdviser::new(model.router()));
        (judge(&stage, &evidence).await.unwrap(), model.asked().len())
    };
    let keep = || says("keep", "latency P95: baseline", 0.99);
    let (kept, _) = verdict(vec![keep()], flat.clone()).await;
    assert!(matches!(&kept, Verdict::Keep(g) if g.reasons.iter().any(|r| r.contains("advice:"))));
    // A model that wants to keep what is bad is not even asked.
    let (back, asked) = verdict(vec![keep()], bad).await;
    assert!(matches!(back, Verdict::Rollback(_)) && asked == 0, "{back:?}");
    let (more, _) = verdict(vec![says("insufficient_data", ROW, 0.9)], flat.clone()).await;
    assert!(matches!(more, Verdict::Inconclusive(_)), "{more:?}");
    // Every model is out.
    let (kept, _) = verdict(Vec::new(), flat).await;
    assert!(matches!(kept, Verdict::Keep(_)), "{kept:?}");
}

#[tokio::test]
async fn the_conformance_suite_holds_with_a_model_beside_the_floor() {
    let model = Says::new((0..500).map(|_| says("keep", "watched for", 0.99)));
    let adviser = ModelAdviser::new(model.router());
    conformance::judge::test_all(&advised_by(Statistical::default(), Arc::new(adviser))).await;
}
