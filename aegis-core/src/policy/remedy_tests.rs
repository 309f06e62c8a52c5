#![allow(clippy::unwrap_used)]

use super::tests::{base, fix_of, open, proof};
use super::*;
use crate::id::Confidence;
use crate::model::{Case, Cause, Diagnosis, Fix, GateAnswer, Hypothesis, Remedy};
use crate::patch::{FileChange, Tier};
use crate::testkit::mint;

/// A case whose diagnosis offers a change of `path`, and that change as a fix.
fn offered(path: &str, protected: &ProtectedPaths) -> (Case, Fix) {
    let side = |text: &str| Some(format!("{text}\n"));
    let tier = Tier::Exact;
    let change = FileChange { path: path.into(), before: side("a"), after: side("b"), tier };
    let mut remedy = Remedy::new(base(), "Change a to b", &[change]).unwrap();
    remedy.offer(protected.may_offer(&remedy.patch));
    let fix = remedy.fix("test");
    let look = Cause::Environment(path.into());
    let told = Hypothesis::new(look, "it is a", Confidence::FULL);
    let mut case = mint::case("shop", "i1");
    case.diagnosis = Some(Diagnosis::new(base(), "test", vec![told]).with_remedy(remedy));
    (case, fix)
}

const CI: &str = ".github/workflows/ci.yml";

#[test]
fn a_workflow_is_proposed_at_most_whatever_the_rules_and_a_person_say() {
    let mut open_lists = ProtectedPaths::default();
    open_lists.folders.clear();
    open_lists.files.clear();
    for protected in [ProtectedPaths::default().proposing_workflows(), open_lists] {
        for autonomy in [Autonomy::Propose, Autonomy::Approve, Autonomy::Auto] {
            let (case, fix) = offered(CI, &protected);
            let policy = Policy::new(PolicyConfig::new(autonomy).with_protected(protected.clone()));
            for percent in [0, 100] {
                for approved in [None, Some(fix.digest())] {
                    let proof = proof(&fix, percent, GateAnswer::Pass);
                    let approved = approved.as_ref();
                    let q = Question { case: &case, fix: &fix, verification: &proof, approved };
                    let ruling = policy.decide(&q, &open()).ruling;
                    let asks = !protected.propose_workflows && percent == 0 && approved.is_none();
                    let asked = matches!(ruling, Ruling::Ask(_));
                    assert_eq!(asked, asks, "{autonomy:?} {percent} {ruling:?}");
                    assert!(
                        asked || ruling == Ruling::Propose,
                        "{autonomy:?} {percent} {ruling:?}"
                    );
                    for permit in [Permit::Submit, Permit::Merge] {
                        assert!(policy.clear(permit, &q, &open()).is_err());
                    }
                }
            }
        }
    }
}

#[test]
fn only_a_remedy_that_mends_a_workflow_is_offered_and_only_where_the_host_says_so() {
    let opted = ProtectedPaths::default().proposing_workflows();
    let answer = |path, protected: &ProtectedPaths| {
        let (case, fix) = offered(path, protected);
        protected.check(&case, &fix).answer
    };
    assert_eq!(answer(CI, &opted), GateAnswer::Cap);
    assert_eq!(answer(CI, &ProtectedPaths::default()), GateAnswer::Deny);
    for path in [
        ".github/actions/x/action.yml",
        ".github/workflows/sub/ci.yml",
        ".github/workflows/run.sh",
        ".github/workflows/.yml",
        ".github/dependabot.yml",
        "x/.github/workflows/ci.yml",
        ".gitlab-ci.yml",
        "requirements.txt",
    ] {
        assert_eq!(answer(path, &opted), GateAnswer::Deny, "{path}");
    }
    // A fix of somebody's that is not the diagnosis's remedy.
    let (case, _) = offered(CI, &opted);
    assert_eq!(opted.check(&case, &fix_of(CI)).answer, GateAnswer::Deny);
    assert_eq!(
        opted.check(&mint::case("shop", "i1"), &offered(CI, &opted).1).answer,
        GateAnswer::Deny
    );
}

#[test]
fn what_a_person_merged_of_a_workflow_is_not_taken_back_without_one() {
    let protected = ProtectedPaths::default().proposing_workflows();
    let (case, _) = offered(CI, &protected);
    let policy = Policy::new(PolicyConfig::new(Autonomy::Auto).with_protected(protected));
    assert!(policy.clear_revert(&case, &base(), None, &open()).is_err());
    let approved = Policy::revert_digest(&base());
    assert!(policy.clear_revert(&case, &base(), Some(&approved), &open()).is_ok());
}
