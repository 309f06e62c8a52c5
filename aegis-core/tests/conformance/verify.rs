//! The suite of verifiers.

use std::sync::atomic::{AtomicUsize, Ordering};

use aegis_core::model::{
    Case, Fix, GateAnswer, GateReport, Score, TestCounts, Tests, Verification,
};
use aegis_core::stage::Verifier;
use aegis_core::testkit::stages::{Passes, numbered};
use aegis_core::testkit::{Chaos, Mischief, conformance, mint};
use aegis_core::{Error, Result};
use async_trait::async_trait;

use super::{base, breaks, case, verifier};

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

#[tokio::test]
async fn a_pass_without_any_confidence_or_of_many_minds_is_caught() {
    each("exactly where a gate denies", |seen| seen.with_score(Score::default())).await;
    let calls = AtomicUsize::new(0);
    let moody = move |seen: Verification| {
        let hold = GateReport::new("owner", GateAnswer::Hold, "its owner asked");
        let mut gates = seen.gates.clone();
        if calls.fetch_add(1, Ordering::SeqCst) > 2 {
            gates.push(hold);
        }
        seen.with_gates(gates)
    };
    each("answers the same", moody).await;
}
