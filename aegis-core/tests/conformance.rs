//! The suites that adapters run: honest stages pass, and each sentence can be broken.

mod deploy;

use std::fmt;
use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aegis_core::judge::Statistical;
use aegis_core::model::{
    Case, Cause, Diagnosis, Evidence, Fix, FixKind, GateAnswer, GateReport, Hypothesis, Location,
    Metric, Missing, Point, Query, Readings, Samples, SignalKind, Verdict, Verification,
};
use aegis_core::patch::{Edit, Patch};
use aegis_core::stage::{Diagnoser, FixGenerator, MetricSource, RollbackJudge, Verifier};
use aegis_core::testkit::stages::{KnowsTheLine, Offers, Passes, Shop, numbered};
use aegis_core::testkit::{Chaos, ManualClock, Mischief, World, conformance, mint};
use aegis_core::trace::{Exception, Frame, Language, Trace};
use aegis_core::{Confidence, Error, Result, Revision, Timestamp};
use async_trait::async_trait;

const NOW: Timestamp = Timestamp::from_ms(1_700_000_000_000);

/// A stage whose answers are changed.
struct Spoilt<S, F>(S, F);

impl<S: fmt::Debug, F> fmt::Debug for Spoilt<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Spoilt").field(&self.0).finish()
    }
}

macro_rules! spoilt {
    ($name:ident: $trait:ident.$method:ident($($arg:ident: $type:ty),+) -> $out:ty) => {
        fn $name<S: $trait, F>(stage: S, spoil: F) -> Spoilt<S, F>
        where
            F: Fn($(&$type,)+ $out) -> $out + Send + Sync + 'static,
        {
            Spoilt(stage, spoil)
        }

        #[async_trait]
        impl<S: $trait, F> $trait for Spoilt<S, F>
        where
            F: Fn($(&$type,)+ $out) -> $out + Send + Sync + 'static,
        {
            async fn $method(&self, $($arg: &$type),+) -> Result<$out> {
                let out = self.0.$method($($arg),+).await?;
                Ok((self.1)($($arg,)+ out))
            }
        }
    };
}

spoilt!(metrics: MetricSource.sample(query: Query) -> Samples);
spoilt!(diagnoser: Diagnoser.diagnose(case: Case) -> Diagnosis);
spoilt!(fixes: FixGenerator.generate(case: Case, diagnosis: Diagnosis) -> Vec<Fix>);
spoilt!(verifier: Verifier.verify(case: Case, fix: Fix) -> Verification);
spoilt!(judge: RollbackJudge.judge(case: Case, evidence: Evidence) -> Verdict);

/// Runs a suite that has to fail with this sentence of the contract.
async fn breaks(sentence: &str, suite: impl Future<Output = ()> + Send + 'static) {
    let Err(failed) = tokio::spawn(suite).await else {
        panic!("the suite passed a stage that breaks: {sentence}");
    };
    let panic = failed.into_panic();
    let text = panic.downcast_ref::<String>().expect("a suite panics with a message");
    assert!(text.starts_with("the contract is broken: "), "{text}");
    assert!(text.lines().next().is_some_and(|line| line.contains(sentence)), "{sentence}: {text}");
}

fn base() -> Revision {
    Revision::new("0".repeat(40))
}

fn world() -> World {
    World::new(std::sync::Arc::new(ManualClock::new(NOW)), base())
}

/// A case whose trace ends on the line that [`KnowsTheLine`] blames.
fn case() -> Case {
    let mut case = mint::case("shop", "conformance");
    let frame = Frame::new("mean.py", Some(2), "mean");
    let exception = Exception::new("ZeroDivisionError", "division by zero", vec![frame]);
    case.symptoms[0].kind = SignalKind::Error(Some(Trace::new(Language::Python, vec![exception])));
    case
}

mod of_metrics {
    use super::*;

    fn query() -> Query {
        let metrics = vec![Metric::ErrorRate, Metric::LatencyP95, Metric::RequestRate];
        let query = Query::new("shop".into(), NOW, Duration::from_secs(60), metrics);
        query.with_step(Duration::from_secs(10))
    }

    fn shop() -> impl MetricSource {
        metrics(Shop::new(world()), |_, samples| {
            each(samples, |metric, readings| match metric {
                Metric::Custom(..) => Readings::Missing(Missing::Unsupported),
                _ => readings,
            })
        })
    }

    fn each(samples: Samples, change: impl Fn(&Metric, Readings) -> Readings) -> Samples {
        let changed = samples.series.into_iter().map(|(metric, readings)| {
            let readings = change(&metric, readings);
            (metric, readings)
        });
        Samples::new(changed.collect())
    }

    /// Answers these points for every metric that has any.
    fn answers(points: Vec<Point>) -> impl MetricSource {
        metrics(shop(), move |_, samples| {
            each(samples, |_, readings| match readings {
                Readings::Values(_) => Readings::Values(points.clone()),
                missing => missing,
            })
        })
    }

    async fn caught(sentence: &str, source: impl MetricSource) {
        breaks(sentence, async move { conformance::metrics::test_all(&source, &query()).await })
            .await;
    }

    #[tokio::test]
    async fn an_honest_source_passes() {
        conformance::metrics::test_all(&shop(), &query()).await;
    }

    #[tokio::test]
    async fn a_metric_left_out_added_or_out_of_order_is_caught() {
        let sentence = "one entry for each metric asked";
        caught(
            sentence,
            metrics(shop(), |_, mut s| {
                s.series.pop();
                s
            }),
        )
        .await;
        caught(
            sentence,
            metrics(shop(), |_, mut s| {
                s.series.sort_by(|a, b| a.0.to_string().cmp(&b.0.to_string()));
                s
            }),
        )
        .await;
        let health = (Metric::Health, Readings::Missing(Missing::NoData));
        let added = move |_: &Query, mut samples: Samples| {
            samples.series.push(health.clone());
            samples
        };
        caught(sentence, metrics(shop(), added)).await;
    }

    #[tokio::test]
    async fn a_zero_made_up_for_an_unknown_metric_is_caught() {
        let zero = |_: &Query, samples| {
            each(samples, |_, readings| match readings {
                Readings::Missing(_) => Readings::Values(vec![Point::new(NOW, 0.0)]),
                values => values,
            })
        };
        caught("never makes up a zero", metrics(shop(), zero)).await;
        caught("never makes up a zero", Shop::new(world())).await;
    }

    #[tokio::test]
    async fn values_that_are_no_values_are_caught() {
        let at = |s: u64| NOW.minus(Duration::from_secs(s));
        caught("either values or missing", answers(vec![])).await;
        caught("values are finite", answers(vec![Point::new(NOW, f64::NAN)])).await;
        caught("in the metric's unit", answers(vec![Point::new(NOW, 5.0)])).await;
        let turned = vec![Point::new(at(1), 0.1), Point::new(at(9), 0.1)];
        caught("oldest first", answers(turned)).await;
        caught("inside the window", answers(vec![Point::new(at(75), 0.1)])).await;
        let later = NOW.plus(Duration::from_secs(60));
        caught("inside the window", answers(vec![Point::new(later, 0.1)])).await;
    }

    #[tokio::test]
    async fn a_source_that_fails_as_a_whole_is_caught() {
        caught("nothing at all could be read", Chaos::new(shop(), Mischief::Fail, 1)).await;
        let calls = AtomicUsize::new(0);
        let tired = metrics(shop(), move |_, mut samples| {
            if calls.fetch_add(1, Ordering::SeqCst) > 12 {
                samples.series.clear();
            }
            samples
        });
        caught("one entry for each metric asked", tired).await;
    }
}

mod of_diagnosers {
    use super::*;

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
        breaks(sentence, async move { conformance::diagnose::test_all(&stage, &case()).await })
            .await;
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
        let stage = KnowsTheLine(world());
        let suite = async move { conformance::diagnose::test_all(&stage, &case()).await };
        breaks("evidence from the case", suite).await;
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
}

mod of_generators {
    use super::*;

    fn offers() -> impl FixGenerator {
        fixes(Offers(3), |case, diagnosis, mut all| {
            let code = diagnosis.likely().is_some_and(|h| matches!(h.cause, Cause::Code(_)));
            all.retain(|fix| code && !case.tried(&fix.digest()));
            all
        })
    }

    fn diagnosis() -> Diagnosis {
        let cause = Cause::Code(Location::new("mean.py", 2));
        let sure = Confidence::from_percent(90);
        Diagnosis::new(base(), "test", vec![Hypothesis::new(cause, "may be empty", sure)])
    }

    async fn caught(sentence: &str, stage: impl FixGenerator) {
        let suite = async move { conformance::fix::test_all(&stage, &case(), &diagnosis()).await };
        breaks(sentence, suite).await;
    }

    async fn each(sentence: &str, change: impl Fn(&mut Fix) + Send + Sync + 'static) {
        let spoil = move |_: &Case, _: &Diagnosis, mut all: Vec<Fix>| {
            all.iter_mut().for_each(&change);
            all
        };
        caught(sentence, fixes(offers(), spoil)).await;
    }

    #[tokio::test]
    async fn an_honest_generator_passes() {
        conformance::fix::test_all(&offers(), &case(), &diagnosis()).await;
    }

    #[tokio::test]
    async fn a_fix_offered_twice_is_caught() {
        let twice = |_: &Case, _: &Diagnosis, mut all: Vec<Fix>| {
            all.extend(all.first().cloned());
            all
        };
        caught("no candidate is offered twice", fixes(offers(), twice)).await;
        caught("is not offered again", Offers(3)).await;
    }

    #[tokio::test]
    async fn a_patch_of_something_else_is_caught() {
        let rebase = |fix: &mut Fix| {
            if let FixKind::Patch(patch) = &mut fix.kind {
                patch.base = Revision::new("f".repeat(40));
            }
        };
        each("the revision that was diagnosed", rebase).await;
        let climb = |fix: &mut Fix| {
            let (path, text) = (String::from("../outside.py"), fix.title.clone());
            fix.kind = FixKind::Patch(Patch::new(base(), vec![Edit::Create { path, text }]));
        };
        each("stays inside the repository", climb).await;
    }

    #[tokio::test]
    async fn a_title_that_is_no_subject_is_caught() {
        each("one line that is not empty", |fix| fix.title.clear()).await;
        each("one line that is not empty", |fix| fix.title.push_str("\nand more")).await;
        each("at most 72 characters", |fix| fix.title = "very ".repeat(20)).await;
    }

    #[tokio::test]
    async fn a_claim_beyond_certainty_is_caught() {
        let beyond: Confidence = serde_json::from_str("20000").unwrap();
        if beyond > Confidence::FULL {
            each("at most 100%", move |fix| fix.claimed = beyond).await;
        }
    }

    #[tokio::test]
    async fn patching_what_is_no_bug_is_caught() {
        let always = |case: &Case, diagnosis: &Diagnosis, all: Vec<Fix>| {
            let one = numbered(7, diagnosis.base.clone());
            if all.is_empty() && !case.tried(&one.digest()) { vec![one] } else { all }
        };
        caught("nothing is patched", fixes(offers(), always)).await;
    }
}

mod of_verifiers {
    use super::*;

    fn good() -> Fix {
        numbered(0, base())
    }

    fn proves() -> impl Verifier {
        verifier(Passes(95), |_, fix, seen| {
            if fix.digest() == good().digest() {
                return seen;
            }
            let gate = GateReport::new("tests", GateAnswer::Deny, "1 of 12 fails");
            seen.with_gates(vec![gate])
        })
    }

    async fn caught(sentence: &str, stage: impl Verifier) {
        let bad = numbered(1, base());
        let suite = conformance_of(stage, bad);
        breaks(sentence, suite).await;
    }

    async fn conformance_of(stage: impl Verifier, bad: Fix) {
        conformance::verify::test_all(&stage, &case(), &good(), &bad).await;
    }

    async fn each(
        sentence: &str,
        change: impl Fn(Verification) -> Verification + Send + Sync + 'static,
    ) {
        caught(sentence, verifier(proves(), move |_, _, seen| change(seen))).await;
    }

    #[tokio::test]
    async fn an_honest_verifier_passes() {
        conformance_of(proves(), numbered(1, base())).await;
    }

    #[tokio::test]
    async fn a_verifier_that_passes_everything_or_nothing_is_caught() {
        caught("must be rejected is denied", Passes(95)).await;
        let deny = GateReport::new("always", GateAnswer::Deny, "nothing is good enough");
        each("breaks nothing is not denied", move |seen| seen.with_gates(vec![deny.clone()])).await;
        each("at least one was asked", |seen| seen.with_gates(vec![])).await;
    }

    #[tokio::test]
    async fn a_patch_that_does_not_apply_and_passes_is_caught() {
        let lenient = |_: &Case, fix: &Fix, seen: Verification| {
            if fix.digest() == numbered(1, base()).digest() {
                seen
            } else {
                mint::verified(fix, &base())
            }
        };
        caught("does not apply", verifier(proves(), lenient)).await;
    }

    #[tokio::test]
    async fn a_verification_of_something_else_is_caught() {
        each("names the fix's digest", |mut seen| {
            seen.fix = "abc".into();
            seen
        })
        .await;
        each("names the base", |mut seen| {
            seen.base = "main".into();
            seen
        })
        .await;
    }

    #[tokio::test]
    async fn a_rejection_without_a_reason_or_as_an_error_is_caught() {
        let mute = |mut seen: Verification| {
            seen.gates.iter_mut().for_each(|g| g.reason.clear());
            seen
        };
        each("a name and a reason", mute).await;
        caught("a rejection is an `Ok`", Chaos::new(proves(), Mischief::Fail, 1)).await;
    }

    #[tokio::test]
    async fn a_failing_test_outvoted_by_a_score_is_caught() {
        let outvoted = |seen: Verification| {
            use aegis_core::model::{TestCounts, Tests};
            seen.with_tests(Tests::new(Some(TestCounts::new(12, 0)), Some(TestCounts::new(11, 1))))
        };
        each("a failing test denies", outvoted).await;
    }

    #[tokio::test]
    async fn a_verifier_that_a_dropped_call_breaks_is_caught() {
        /// Holds its workspace until a call has come to its end.
        #[derive(Debug)]
        struct Stuck<V>(V, AtomicUsize);

        #[async_trait]
        impl<V: Verifier> Verifier for Stuck<V> {
            async fn verify(&self, case: &Case, fix: &Fix) -> Result<Verification> {
                if self.1.fetch_add(1, Ordering::SeqCst) > 0 {
                    return Err(Error::unavailable("the workspace is in use"));
                }
                tokio::task::yield_now().await;
                self.1.store(0, Ordering::SeqCst);
                self.0.verify(case, fix).await
            }
        }
        caught("`Err` means that it could not be told", Stuck(proves(), AtomicUsize::new(0))).await;
    }
}

mod of_judges {
    use super::*;
    use aegis_core::model::Grounds;

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
        caught("only once `evidence.over()`", |_, e, v| {
            if e.looks >= 25 && !e.over() { keep(&v) } else { v }
        })
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
        caught(
            "own error came back",
            move |_, e, v| {
                if e.over() && seen(e) { keep(&v) } else { v }
            },
        )
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
            let again = calls.fetch_add(1, Ordering::SeqCst) > 100;
            if again && e.looks == 5 { Verdict::Inconclusive(v.grounds().clone()) } else { v }
        })
        .await;
        caught("names its reasons", |_, _, v| {
            let confidence = v.grounds().confidence;
            Verdict::Watch(Grounds::new(confidence, vec![]))
        })
        .await;
    }
}
