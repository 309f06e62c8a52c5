//! The suite of a [`Verifier`].

use std::time::Duration;

use super::{answered, dropped, holds, in_range};
use crate::id::Confidence;
use crate::model::{Case, Fix, FixKind, GateAnswer, Verification};
use crate::patch::{Edit, Patch};
use crate::stage::Verifier;

/// When a call is dropped: at once, and in the middle of its work.
const DROPS: [Duration; 2] = [Duration::ZERO, Duration::from_millis(50)];

/// Has `stage` verify `good`, a fix of the case that deserves to pass, and `bad`, one that applies
/// and must be rejected.
///
/// # Panics
///
/// Where the stage breaks its contract, with the sentence that is broken.
pub async fn test_all(stage: &impl Verifier, case: &Case, good: &Fix, bad: &Fix) {
    let passed = verify(stage, case, good).await;
    let lets_pass = passed.answer() != GateAnswer::Deny;
    holds(lets_pass, "a fix that mends the failure and breaks nothing is not denied", &passed);
    let rejected = verify(stage, case, bad).await;
    check_denied(&rejected);
    does_not_apply(stage, case, good).await;
    for drop_after in DROPS {
        dropped(stage.verify(case, good), drop_after).await;
        dropped(stage.verify(case, bad), drop_after).await;
    }
    let (a, b) = tokio::join!(verify(stage, case, good), verify(stage, case, bad));
    for (first, again) in [(&passed, &a), (&rejected, &b)] {
        let same = answers(first) == answers(again);
        holds(same, "may be called again for the same fix, and answers the same", &(first, again));
    }
}

async fn verify(stage: &impl Verifier, case: &Case, fix: &Fix) -> Verification {
    let sentence = "`Err` means that it could not be told: a rejection is an `Ok`";
    let seen = answered(stage.verify(case, fix).await, sentence);
    check(fix, &seen);
    seen
}

fn check(fix: &Fix, seen: &Verification) {
    holds(seen.fix == fix.digest(), "the verification names the fix's digest", seen);
    if let Some(patch) = fix.patch() {
        let based = seen.base == patch.base;
        holds(based, "the verification names the base: for a patch, `Patch::base`", seen);
    }
    holds(!seen.gates.is_empty(), "gates come before the score: at least one was asked", seen);
    for gate in &seen.gates {
        let says = !gate.gate.trim().is_empty() && !gate.reason.trim().is_empty();
        holds(says, "each gate has a name and a reason", gate);
    }
    let score = &seen.score;
    let terms = [score.pass_rate, score.coverage, score.quality];
    holds(terms.into_iter().all(in_range), "each term of the score is a share", score);
    let denied = seen.answer() == GateAnswer::Deny;
    let none = seen.confidence() == Confidence::NONE;
    holds(denied == none, "there is no confidence exactly where a gate denies", seen);
    let failed = |counts: Option<crate::model::TestCounts>| counts.map_or(0, |c| c.failed);
    let broke = seen.tests.after.is_some() && failed(seen.tests.after) > failed(seen.tests.before);
    holds(!broke || denied, "a failing test denies whatever else is true", seen);
}

fn check_denied(seen: &Verification) {
    let denied = seen.answer() == GateAnswer::Deny;
    holds(denied, "a fix that must be rejected is denied", seen);
    let feedback = seen.feedback();
    holds(!feedback.trim().is_empty(), "a rejection says what the next draft can learn", seen);
}

/// What has to be the same each time; reasons may name times.
fn answers(seen: &Verification) -> (GateAnswer, Vec<(&str, GateAnswer)>) {
    (seen.answer(), seen.gates.iter().map(|g| (g.gate.as_str(), g.answer)).collect())
}

/// The good patch, searching for a line that no file has.
async fn does_not_apply(stage: &impl Verifier, case: &Case, good: &Fix) {
    let Some((patch, path)) = good.patch().and_then(|p| Some((p, *p.paths().first()?))) else {
        return;
    };
    let edit = Edit::Replace {
        path: path.to_owned(),
        search: "a line that no file of any service has, 5d41402a\n".into(),
        replace: "pass\n".into(),
    };
    let kind = FixKind::Patch(Patch::new(patch.base.clone(), vec![edit]));
    let seen = verify(stage, case, &Fix::new(kind, good.title.clone(), "conformance")).await;
    let denied = seen.answer() == GateAnswer::Deny;
    holds(denied, "a patch that does not apply to its base is denied", &seen);
    check_denied(&seen);
}
