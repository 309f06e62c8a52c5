//! The suite of rollback judges.

use std::sync::atomic::{AtomicUsize, Ordering};

use aegis_core::judge::Statistical;
use aegis_core::model::{Case, Evidence, Grounds, Metric, Verdict};
use aegis_core::testkit::conformance;

use super::{breaks, judge};

async fn caught(
    sentence: &str,
    spoil: impl Fn(&Case, &Evidence, Verdict) -> Verdict + Send + Sync + 'static,
) {
    let stage = judge(Statistical::default(), spoil);
    breaks(sentence, async move { conformance::judge::test_all(&stage).await }).await;
}

fn keep(verdict: &Verdict) -> Verdict {
    Verdict::Keep(verdict.grounds().clone())
}

#[tokio::test]
async fn the_statistical_judge_passes() {
    conformance::judge::test_all(&Statistical::default()).await;
}

#[tokio::test]
async fn a_release_kept_blindly_is_caught() {
    caught("without data it says `Inconclusive`", |_, e, v| match v {
        Verdict::Inconclusive(_) if e.over() => keep(&v),
        other => other,
    })
    .await;
    caught(
        "only once `evidence.over()`",
        |_, e, v| {
            if e.looks >= 25 && !e.over() { keep(&v) } else { v }
        },
    )
    .await;
}

#[tokio::test]
async fn a_judge_that_never_takes_back_is_caught() {
    caught("fails 60% of its requests is taken back", |_, e, v| match v {
        Verdict::Rollback(g) if e.over() => Verdict::Inconclusive(g),
        Verdict::Rollback(g) => Verdict::Watch(g),
        other => other,
    })
    .await;
}

#[tokio::test]
async fn a_judge_that_never_keeps_or_always_takes_back_is_caught() {
    caught("kept at the end", |_, _, v| match v {
        Verdict::Keep(g) => Verdict::Inconclusive(g),
        other => other,
    })
    .await;
    caught("does as before is not taken back", |_, _, v| match v {
        Verdict::Watch(g) => Verdict::Rollback(g),
        other => other,
    })
    .await;
}

#[tokio::test]
async fn a_judge_that_looks_at_metrics_only_is_caught() {
    let seen = |e: &Evidence| e.metrics.iter().any(|m| m.values.iter().any(Option::is_some));
    caught("own error came back", move |_, e, v| if e.over() && seen(e) { keep(&v) } else { v })
        .await;
    caught("was not used proves nothing", move |_, e, v| {
        if e.over() && seen(e) && e.exercise.recurrences == 0 { keep(&v) } else { v }
    })
    .await;
}

#[tokio::test]
async fn a_judge_that_takes_back_for_one_failure_is_caught() {
    caught("one failed request is no proof", |_, e, v| {
        let rate = e.metrics.iter().find(|m| m.metric == Metric::ErrorRate);
        let peak = rate.into_iter().flat_map(|m| &m.values).flatten().any(|v| *v > 0.2);
        if peak { Verdict::Rollback(v.grounds().clone()) } else { v }
    })
    .await;
}

#[tokio::test]
async fn a_judge_of_many_minds_or_without_reasons_is_caught() {
    let calls = AtomicUsize::new(0);
    caught("the same evidence gets the same verdict", move |_, e, v| {
        let moody = e.looks == 5 && calls.fetch_add(1, Ordering::SeqCst) > 2;
        if moody { Verdict::Inconclusive(v.grounds().clone()) } else { v }
    })
    .await;
    caught("names its reasons", |_, _, v| {
        let confidence = v.grounds().confidence;
        Verdict::Watch(Grounds::new(confidence, vec![]))
    })
    .await;
}
