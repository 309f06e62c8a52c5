//! The suite of fix generators.

use std::sync::atomic::{AtomicUsize, Ordering};

use aegis_core::model::{Case, Cause, Diagnosis, Fix, FixKind, Hypothesis, Location};
use aegis_core::patch::{Edit, Patch};
use aegis_core::stage::FixGenerator;
use aegis_core::testkit::stages::{Offers, numbered};
use aegis_core::testkit::{Chaos, Mischief, conformance};
use aegis_core::{Confidence, Revision};

use super::{base, breaks, case, fixes};

fn offers() -> impl FixGenerator {
    Offers(3)
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
    let again = |case: &Case, d: &Diagnosis, mut all: Vec<Fix>| {
        let blamed = matches!(d.likely().map(|h| &h.cause), Some(Cause::Code(_)));
        if blamed && !case.attempts.is_empty() {
            all = (0..3).map(|n| numbered(n, d.base.clone())).collect();
        }
        all
    };
    caught("is not offered again", fixes(offers(), again)).await;
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
    // A type that clamps what it reads leaves nothing to catch.
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

#[tokio::test]
async fn a_fix_that_nobody_made_or_that_does_nothing_is_caught() {
    each("names its author", |fix| fix.author.clear()).await;
    let empty = |_: &Case, _: &Diagnosis, mut all: Vec<Fix>| {
        all.truncate(1);
        all.iter_mut().for_each(|fix| fix.kind = FixKind::Patch(Patch::new(base(), vec![])));
        all
    };
    caught("a patch changes something", fixes(offers(), empty)).await;
}

#[tokio::test]
async fn a_generator_of_many_minds_is_caught() {
    let calls = AtomicUsize::new(0);
    let moody = move |_: &Case, _: &Diagnosis, mut all: Vec<Fix>| {
        all.truncate(3 - calls.fetch_add(1, Ordering::SeqCst) % 2);
        all
    };
    caught("offers the same for the same case", fixes(offers(), moody)).await;
    caught("not that there is no fix", Chaos::new(offers(), Mischief::Fail, 1)).await;
}
