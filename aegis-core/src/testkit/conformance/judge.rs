//! The suite of a [`RollbackJudge`].

use std::time::Duration;

use super::{answered, dropped, holds, in_range};
use crate::id::{Revision, Timestamp};
use crate::model::{Baseline, Case, Evidence, Exercise, Metric, MetricEvidence, Summary, Verdict};
use crate::stage::RollbackJudge;
use crate::testkit::mint;

/// Looks in the window: one every 10 s for five minutes.
const LOOKS: usize = 30;

/// Looks after which a flagrant regression must have been taken back.
const SOON: usize = 20;

/// Requests on the failed path that are needed before silence means anything.
const NEEDED: u64 = 20;

/// Has `stage` judge releases whose fate is beyond doubt: flat, broken, silent, unused.
///
/// The windows are five minutes with a look every 10 s, and the evidence is what the planner would
/// have gathered. A judge that a model advises is tested over recorded answers.
///
/// # Panics
///
/// Where the stage breaks its contract, with the sentence that is broken.
pub async fn test_all(stage: &impl RollbackJudge) {
    let case = mint::case("shop", "conformance-judge");
    without_data(stage, &case).await;
    kept_only_when_over(stage, &case).await;
    regression(stage, &case).await;
    recurrences(stage, &case).await;
    not_exercised(stage, &case).await;
    one_failure(stage, &case).await;
    repeats(stage, &case).await;
}

/// A release that does as before, until a suite says otherwise.
struct Release {
    /// Failures among the requests of a look before the release, by its number.
    before: fn(usize) -> u64,
    /// The same since the release.
    failures: fn(usize) -> u64,
    requests: u64,
    measured: bool,
    exercise: Exercise,
}

impl Release {
    fn flat() -> Self {
        let mut exercise = Exercise::new(NEEDED);
        exercise.requests = Some(10 * NEEDED);
        Self { before: as_before, failures: as_before, requests: 200, measured: true, exercise }
    }

    /// What the planner knows after `looks` looks.
    fn after(&self, looks: usize) -> Evidence {
        let at = |look: usize| Timestamp::from_ms(1_700_000_000_000 + 10_000 * look as i64);
        let rate = |failed: u64| failed as f64 / self.requests as f64;
        let mut before = vec![];
        let mut after = vec![];
        let mut add = |metric: Metric, events: u64, value: &dyn Fn(usize, bool) -> f64| {
            let old = Summary::of((0..LOOKS).map(|i| value(i, true)), events * LOOKS as u64);
            before.extend(old.map(|summary| (metric.clone(), summary)));
            let mut seen = MetricEvidence::new(metric);
            (0..looks).for_each(|i| seen.push(self.measured.then(|| value(i, false)), events));
            after.push(seen);
        };
        let failed = |i, old| if old { (self.before)(i) } else { (self.failures)(i) };
        add(Metric::ErrorRate, self.requests, &|i, old| rate(failed(i, old)));
        add(Metric::LatencyP95, self.requests, &|i, _| 0.1 * wobble(i));
        add(Metric::LatencyP99, self.requests, &|i, _| 0.2 * wobble(i + 1));
        add(Metric::RequestRate, 0, &|i, _| self.requests as f64 / 10.0 * wobble(i + 2));
        add(Metric::Cpu, 0, &|i, _| 0.3 * wobble(i + 3));
        add(Metric::Memory, 0, &|_, _| 0.4);
        add(Metric::Health, 0, &|_, _| 1.0);
        let baseline = Baseline::new(at(0), before);
        let live = Revision::new("4f2a9c1d00000000000000000000000000000000");
        let mut evidence = Evidence::new(live, at(0), at(LOOKS), baseline);
        evidence.now = at(looks);
        evidence.looks = looks as u32;
        evidence.metrics = after;
        evidence.exercise = self.exercise;
        if looks < LOOKS {
            // The exercise grows with the looks, so that nothing is known too early.
            let share = |n: u64| n * looks as u64 / LOOKS as u64;
            evidence.exercise.requests = self.exercise.requests.map(share);
        }
        evidence
    }
}

/// One failure in a hundred requests, now a few more and now a few less.
fn as_before(look: usize) -> u64 {
    [2, 1, 3, 2, 2][look % 5]
}

/// Around 1, as any metric is.
fn wobble(look: usize) -> f64 {
    1.0 + [0.02, -0.03, 0.01, 0.03, -0.02, -0.01, 0.0][look % 7]
}

async fn judge(stage: &impl RollbackJudge, case: &Case, evidence: &Evidence) -> Verdict {
    let sentence = "`Err` means that it could not judge; too little data is an `Ok`";
    let verdict = answered(stage.judge(case, evidence).await, sentence);
    let grounds = verdict.grounds();
    let says = grounds.reasons.first().is_some_and(|r| !r.trim().is_empty());
    holds(says, "a verdict names its reasons", &verdict);
    holds(in_range(grounds.confidence), "a confidence is at most 100%", &verdict);
    let early = matches!(verdict, Verdict::Keep(_)) && !evidence.over();
    holds(!early, "may say `Keep` only once `evidence.over()`", &verdict);
    verdict
}

async fn at_the_end(stage: &impl RollbackJudge, case: &Case, release: &Release) -> Verdict {
    judge(stage, case, &release.after(LOOKS)).await
}

async fn without_data(stage: &impl RollbackJudge, case: &Case) {
    let mut silent = Release { measured: false, ..Release::flat() };
    silent.exercise.requests = None;
    let empty = {
        let mut evidence = silent.after(LOOKS);
        evidence.metrics.clear();
        evidence.baseline.metrics.clear();
        evidence.exercise = Exercise::new(0);
        evidence
    };
    for evidence in [silent.after(LOOKS), empty] {
        let verdict = judge(stage, case, &evidence).await;
        let unsure = matches!(verdict, Verdict::Inconclusive(_));
        holds(unsure, "without data it says `Inconclusive`, never `Keep`", &verdict);
    }
    judge(stage, case, &silent.after(1)).await;
}

async fn kept_only_when_over(stage: &impl RollbackJudge, case: &Case) {
    let flat = Release::flat();
    for looks in 0..LOOKS {
        let verdict = judge(stage, case, &flat.after(looks)).await;
        let back = matches!(verdict, Verdict::Rollback(_));
        holds(!back, "a release that does as before is not taken back", &verdict);
    }
    let verdict = at_the_end(stage, case, &flat).await;
    let kept = matches!(verdict, Verdict::Keep(_));
    holds(kept, "a release that was used and does as before is kept at the end", &verdict);
}

async fn regression(stage: &impl RollbackJudge, case: &Case) {
    let broken = Release { failures: |_| 120, ..Release::flat() };
    for looks in 1..=SOON {
        if let Verdict::Rollback(_) = judge(stage, case, &broken.after(looks)).await {
            return;
        }
    }
    let verdict = judge(stage, case, &broken.after(SOON)).await;
    holds(false, "a release that fails 60% of its requests is taken back", &verdict);
}

async fn recurrences(stage: &impl RollbackJudge, case: &Case) {
    for times in [1, 2, 50] {
        let mut futile = Release::flat();
        futile.exercise.recurrences = times;
        let verdict = at_the_end(stage, case, &futile).await;
        let kept = matches!(verdict, Verdict::Keep(_));
        holds(!kept, "a fix whose own error came back is not kept", &verdict);
    }
}

async fn not_exercised(stage: &impl RollbackJudge, case: &Case) {
    for requests in [None, Some(0), Some(NEEDED - 1)] {
        let mut unused = Release::flat();
        unused.exercise.requests = requests;
        let verdict = at_the_end(stage, case, &unused).await;
        let kept = matches!(verdict, Verdict::Keep(_));
        holds(!kept, "silence on a path that was not used proves nothing", &verdict);
    }
}

async fn one_failure(stage: &impl RollbackJudge, case: &Case) {
    let failures = |look| u64::from(look == 3);
    let quiet = Release { before: |_| 0, failures, requests: 2, ..Release::flat() };
    for looks in 1..=LOOKS {
        let verdict = judge(stage, case, &quiet.after(looks)).await;
        let back = matches!(verdict, Verdict::Rollback(_));
        holds(!back, "one failed request is no proof against a release", &verdict);
    }
}

async fn repeats(stage: &impl RollbackJudge, case: &Case) {
    let broken = Release { failures: |_| 120, ..Release::flat() };
    let flat = Release::flat();
    let asked = [flat.after(LOOKS), broken.after(SOON), flat.after(5)];
    let mut first = Vec::new();
    for evidence in &asked {
        first.push(judge(stage, case, evidence).await);
        dropped(stage.judge(case, evidence), Duration::ZERO).await;
    }
    let kind = std::mem::discriminant::<Verdict>;
    for (evidence, first) in asked.iter().zip(&first).rev() {
        let (a, b) = tokio::join!(judge(stage, case, evidence), judge(stage, case, evidence));
        let same = kind(first) == kind(&a) && kind(first) == kind(&b);
        holds(same, "the same evidence gets the same verdict", &(first, a, b));
    }
}
