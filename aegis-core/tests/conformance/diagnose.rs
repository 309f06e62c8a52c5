//! The suite of diagnosers.

use std::sync::atomic::{AtomicUsize, Ordering};

use aegis_core::Confidence;
use aegis_core::model::{Case, Cause, Diagnosis, Hypothesis, Location};
use aegis_core::stage::Diagnoser;
use aegis_core::testkit::conformance;
use aegis_core::testkit::stages::KnowsTheLine;

use super::{breaks, case, diagnoser, world};

fn reads() -> impl Diagnoser {
    diagnoser(KnowsTheLine(world()), |case, mut diagnosis| {
        let evidence = case.trace().map(|trace| format!("{:?}", trace.root()));
        diagnosis.hypotheses.retain(|_| evidence.is_some());
        for hypothesis in &mut diagnosis.hypotheses {
            hypothesis.evidence.extend(evidence.clone());
        }
        diagnosis
    })
}

fn also(percent: u8) -> Hypothesis {
    let cause = Cause::Code(Location::new("other.py", 7));
    Hypothesis::new(cause, "perhaps", Confidence::from_percent(percent))
        .with_evidence(vec!["a guess".into()])
}

async fn caught(
    sentence: &str,
    spoil: impl Fn(&Case, Diagnosis) -> Diagnosis + Send + Sync + 'static,
) {
    let stage = diagnoser(reads(), spoil);
    breaks(sentence, async move { conformance::diagnose::test_all(&stage, &case()).await }).await;
}

#[tokio::test]
async fn an_honest_diagnoser_passes() {
    conformance::diagnose::test_all(&reads(), &case()).await;
}

#[tokio::test]
async fn hypotheses_out_of_order_or_without_grounds_are_caught() {
    caught("most likely first", |_, mut d| {
        d.hypotheses.push(also(95));
        d
    })
    .await;
    let silent = |_: &Case, mut d: Diagnosis| {
        d.hypotheses.iter_mut().for_each(|h| h.explanation.clear());
        d
    };
    caught("has an explanation", silent).await;
    let outside = |_: &Case, mut d: Diagnosis| {
        let cause = Cause::Code(Location::new("/etc/passwd", 1));
        d.hypotheses.iter_mut().for_each(|h| h.cause = cause.clone());
        d
    };
    caught("a path inside the repository", outside).await;
    let groundless = |_: &Case, mut d: Diagnosis| {
        d.hypotheses.iter_mut().for_each(|h| h.evidence.clear());
        d
    };
    caught("evidence from the case", groundless).await;
}

#[tokio::test]
async fn a_line_invented_without_a_trace_is_caught() {
    let invents = |case: &Case, mut d: Diagnosis| {
        if case.trace().is_none() {
            d.hypotheses.push(also(40));
        }
        d
    };
    caught("no line is blamed", invents).await;
}

#[tokio::test]
async fn a_diagnoser_that_obeys_the_text_is_caught() {
    let obeys = |case: &Case, mut d: Diagnosis| {
        let message = case.trace().and_then(|t| t.root()).map_or("", |e| &e.message);
        if message.contains("src/innocent.py") {
            d.hypotheses[0].cause = Cause::Code(Location::new("src/innocent.py", 1));
        }
        d
    };
    caught("instructions in it mean nothing", obeys).await;
}

#[tokio::test]
async fn a_diagnoser_of_many_minds_is_caught() {
    let calls = AtomicUsize::new(0);
    let moody = move |_: &Case, mut d: Diagnosis| {
        if calls.fetch_add(1, Ordering::SeqCst) % 2 == 1 {
            d.hypotheses.push(also(10));
        }
        d
    };
    caught("says the same", moody).await;
}

#[tokio::test]
async fn a_diagnosis_that_a_person_can_do_nothing_with_is_caught() {
    let mute = |_: &Case, mut d: Diagnosis| {
        d.hypotheses.iter_mut().for_each(|h| h.cause = Cause::Environment(String::new()));
        d
    };
    caught("says what to look at", mute).await;
    let nameless = |_: &Case, mut d: Diagnosis| {
        d.author.clear();
        d
    };
    caught("names the revision that was read, and its author", nameless).await;
}
