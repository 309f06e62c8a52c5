#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use super::*;
use crate::id::{Confidence, Digest, Revision, Timestamp};
use crate::model::{Case, Fix, FixKind, GateAnswer, GateReport, Isolation, Score, Verification};
use crate::patch::{Edit, Patch};
use crate::testkit::mint;

pub(super) fn base() -> Revision {
    Revision::new("b".repeat(40))
}

pub(super) fn fix_of(path: &str) -> Fix {
    let edit = Edit::Replace { path: path.into(), search: "a\n".into(), replace: "b\n".into() };
    Fix::new(FixKind::Patch(Patch::new(base(), vec![edit])), "Change a to b", "test")
}

pub(super) fn proof(fix: &Fix, percent: u8, answer: GateAnswer) -> Verification {
    let share = Confidence::from_percent(percent);
    mint::verified(fix, &base())
        .with_gates(vec![GateReport::new("tests", answer, "said so")])
        .with_score(Score::new(share, share, share))
}

pub(super) fn open() -> Standing {
    Standing::new(Timestamp::from_ms(0), Some(Control::new()))
}

fn rules(autonomy: Autonomy) -> Policy {
    Policy::new(PolicyConfig::new(autonomy))
}

fn ruling(policy: &Policy, fix: &Fix, proof: &Verification, approved: Option<&Digest>) -> Ruling {
    let case = mint::case("shop", "i1");
    let q = Question { case: &case, fix, verification: proof, approved };
    policy.decide(&q, &open()).ruling
}

#[test]
fn tiers_pick_submit_strict_watch_or_a_person() {
    let fix = fix_of("shop/pricing.py");
    let policy = rules(Autonomy::Auto);
    let case = mint::case("shop", "i1");
    for (percent, strict, go) in [
        (95, false, true),
        (80, false, true),
        (79, true, true),
        (60, true, true),
        (59, true, false),
    ] {
        let proof = proof(&fix, percent, GateAnswer::Pass);
        let q = Question { case: &case, fix: &fix, verification: &proof, approved: None };
        let decision = policy.decide(&q, &open());
        assert_eq!(decision.strict, strict, "{percent}");
        assert_eq!(decision.ruling == Ruling::Go, go, "{percent}: {:?}", decision.ruling);
    }
}

#[test]
fn gates_come_before_any_score_and_approval_lifts_all_but_a_deny() {
    let fix = fix_of("shop/pricing.py");
    let digest = fix.digest();
    let auto = rules(Autonomy::Auto);
    let full = |answer| proof(&fix, 100, answer);
    for approved in [None, Some(&digest)] {
        let denied = ruling(&auto, &fix, &full(GateAnswer::Deny), approved);
        assert!(matches!(denied, Ruling::Deny(_)));
    }
    assert_eq!(ruling(&auto, &fix, &full(GateAnswer::Cap), None), Ruling::Propose);
    assert_eq!(ruling(&auto, &fix, &full(GateAnswer::Cap), Some(&digest)), Ruling::Go);
    assert!(matches!(ruling(&auto, &fix, &full(GateAnswer::Hold), None), Ruling::Ask(_)));
    assert_eq!(ruling(&auto, &fix, &full(GateAnswer::Hold), Some(&digest)), Ruling::Go);
    let other = Digest::of(["another fix"]);
    assert!(matches!(ruling(&auto, &fix, &full(GateAnswer::Hold), Some(&other)), Ruling::Ask(_)));
}

#[test]
fn each_level_of_autonomy_goes_as_far_as_it_says() {
    let fix = fix_of("shop/pricing.py");
    let digest = fix.digest();
    let good = proof(&fix, 95, GateAnswer::Pass);
    let at = |autonomy, approved| ruling(&rules(autonomy), &fix, &good, approved);
    assert_eq!(at(Autonomy::Observe, Some(&digest)), Ruling::Observe);
    assert_eq!(at(Autonomy::Propose, None), Ruling::Propose);
    assert!(matches!(at(Autonomy::Approve, None), Ruling::Ask(_)));
    assert_eq!(at(Autonomy::Approve, Some(&digest)), Ruling::Go);
    assert_eq!(at(Autonomy::Auto, None), Ruling::Go);
}

#[test]
fn sensitive_paths_are_never_merged_without_a_person() {
    for (path, ruled) in [
        ("app/migrations/0001.py", Ruling::Propose),
        ("app/auth.py", Ruling::Propose),
        ("payments/card.py", Ruling::Propose),
        ("app/author.py", Ruling::Go),
    ] {
        let fix = fix_of(path);
        let proof = proof(&fix, 95, GateAnswer::Pass);
        assert_eq!(ruling(&rules(Autonomy::Auto), &fix, &proof, None), ruled, "{path}");
    }
}

#[test]
fn services_and_error_classes_have_their_own_ceiling() {
    let autonomy = AutonomyRules::new(Autonomy::Auto)
        .with_service("billing", Autonomy::Observe)
        .with_error("KeyError", Autonomy::Approve);
    let fix = fix_of("app/x.py");
    assert_eq!(autonomy.of_fix(&mint::case("billing", "i"), &fix), Autonomy::Observe);
    assert_eq!(autonomy.of_fix(&mint::case("shop", "i"), &fix), Autonomy::Auto);
    let mut case = mint::case("shop", "i");
    let error = crate::trace::Exception::new("KeyError", "'x'", Vec::new());
    let trace = crate::trace::Trace::new(crate::trace::Language::Python, vec![error]);
    case.symptoms[0].kind = crate::model::SignalKind::Error(Some(trace));
    assert_eq!(autonomy.of_fix(&case, &fix), Autonomy::Approve);
}

#[test]
fn protected_paths_are_denied_whoever_approves() {
    for path in [
        "tests/test_x.py",
        "pkg/tests/helper.py",
        "test_x.py",
        "x_test.py",
        "conftest.py",
        "pytest.ini",
        "pyproject.toml",
        "requirements-dev.txt",
        ".github/workflows/ci.yml",
        "poetry.lock",
        "../outside.py",
        ".git/hooks/pre-commit",
        "-x.py",
    ] {
        let fix = fix_of(path);
        let proof = proof(&fix, 100, GateAnswer::Pass);
        let ruled = ruling(&rules(Autonomy::Auto), &fix, &proof, Some(&fix.digest()));
        assert!(matches!(ruled, Ruling::Deny(_)), "{path}: {ruled:?}");
    }
}

#[test]
fn a_patch_at_the_size_limit_passes_and_one_line_more_is_denied() {
    let of_lines = |n: usize| {
        let edit = Edit::Create { path: "a.py".into(), text: "x\n".repeat(n) };
        Fix::new(FixKind::Patch(Patch::new(base(), vec![edit])), "Grow", "test")
    };
    for (lines, denied) in [(60, false), (61, true)] {
        let fix = of_lines(lines);
        let proof = proof(&fix, 95, GateAnswer::Pass);
        let ruled = ruling(&rules(Autonomy::Auto), &fix, &proof, None);
        assert_eq!(matches!(ruled, Ruling::Deny(_)), denied, "{lines}");
    }
}

#[test]
fn a_verification_of_something_else_clears_nothing() {
    let fix = fix_of("a.py");
    let auto = rules(Autonomy::Auto);
    let case: Case = mint::case("shop", "i1");
    let good = proof(&fix, 95, GateAnswer::Pass);
    let other = proof(&fix_of("b.py"), 95, GateAnswer::Pass);
    let mut moved = good.clone();
    moved.base = Revision::new("c".repeat(40));
    let mut bare = good.clone();
    bare.isolation = Isolation::None;
    let unasked = good.clone().with_gates(Vec::new());
    for bad in [&other, &moved, &bare, &unasked] {
        let q = Question { case: &case, fix: &fix, verification: bad, approved: None };
        assert!(auto.clear(Permit::Merge, &q, &open()).is_err(), "{bad:?}");
    }
    let q = Question { case: &case, fix: &fix, verification: &good, approved: None };
    let clearance = auto.clear(Permit::Merge, &q, &open()).unwrap();
    assert_eq!((clearance.fix(), clearance.base()), (&fix.digest(), &base()));
}

#[test]
fn code_that_filters_alone_held_is_proposed_at_most() {
    let fix = fix_of("a.py");
    let mut proof = proof(&fix, 95, GateAnswer::Pass);
    proof.isolation = Isolation::Strong;
    let auto = rules(Autonomy::Auto);
    assert_eq!(ruling(&auto, &fix, &proof, None), Ruling::Go);
    proof.isolation = Isolation::Reduced;
    assert_eq!(ruling(&auto, &fix, &proof, None), Ruling::Propose);
}

#[test]
fn the_ledger_denies_and_futility_holds() {
    let fix = fix_of("a.py");
    let good = proof(&fix, 95, GateAnswer::Pass);
    let case = mint::case("shop", "i1");
    let q = Question { case: &case, fix: &fix, verification: &good, approved: None };
    let auto = rules(Autonomy::Auto);
    let ruled = |reverted, futile| auto.decide(&q, &open().with_ledger(reverted, futile)).ruling;
    assert_eq!(ruled(false, 1), Ruling::Go);
    assert!(matches!(ruled(false, 2), Ruling::Ask(_)));
    assert!(matches!(ruled(true, 0), Ruling::Deny(_)));
}

#[test]
fn what_can_not_be_read_counts_as_thrown() {
    let fix = fix_of("a.py");
    let good = proof(&fix, 95, GateAnswer::Pass);
    let case = mint::case("shop", "i1");
    let q = Question { case: &case, fix: &fix, verification: &good, approved: None };
    let blind = Standing::new(Timestamp::from_ms(0), None);
    let refused = rules(Autonomy::Auto).clear(Permit::Submit, &q, &blind);
    assert!(matches!(refused, Err(Refusal::Held { .. })));
    let reverted = rules(Autonomy::Auto).clear_revert(&case, &base(), None, &blind);
    assert!(matches!(reverted, Err(Refusal::Held { .. })));
}

#[test]
fn a_freeze_stops_merges_and_lets_reverts_through() {
    let fix = fix_of("a.py");
    let good = proof(&fix, 95, GateAnswer::Pass);
    let case = mint::case("shop", "i1");
    let q = Question { case: &case, fix: &fix, verification: &good, approved: None };
    let (from, to) = (Timestamp::from_ms(0), Timestamp::from_ms(1_000));
    let control = Control::new().with_freeze(Freeze { from, to, why: "launch".into() });
    let frozen = Standing::new(Timestamp::from_ms(10), Some(control));
    let auto = rules(Autonomy::Auto);
    assert!(auto.clear(Permit::Submit, &q, &frozen).is_ok());
    let held = auto.clear(Permit::Merge, &q, &frozen).unwrap_err();
    assert_eq!(held, Refusal::Held { why: "merges are frozen: launch".into(), until: Some(to) });
    assert!(auto.clear_revert(&case, &base(), None, &frozen).is_ok());
}

#[test]
fn a_revert_below_auto_needs_exactly_its_digest_approved() {
    let case = mint::case("shop", "i1");
    let propose = rules(Autonomy::Propose);
    assert!(propose.clear_revert(&case, &base(), None, &open()).is_err());
    let digest = Policy::revert_digest(&base());
    let clearance = propose.clear_revert(&case, &base(), Some(&digest), &open()).unwrap();
    assert_eq!(clearance.permit(), Permit::Revert);
}

#[test]
fn a_guardrail_of_the_host_s_is_asked_and_changes_the_policy_s_digest() {
    #[derive(Debug)]
    struct NoFridays;
    impl Guardrail for NoFridays {
        fn check(&self, _case: &Case, _fix: &Fix) -> GateReport {
            GateReport::new("fridays", GateAnswer::Hold, "it is Friday")
        }
    }
    let plain = rules(Autonomy::Auto);
    let strict = plain.clone().with_guardrail(Arc::new(NoFridays));
    assert_ne!(plain.digest(), strict.digest());
    let fix = fix_of("a.py");
    let good = proof(&fix, 95, GateAnswer::Pass);
    let asked = Ruling::Ask("fridays: it is Friday".into());
    assert_eq!(ruling(&strict, &fix, &good, None), asked);
}

#[test]
fn configuration_refuses_unknown_fields_and_needs_an_autonomy() {
    let ok = r#"{"autonomy": {"default": "auto"}}"#;
    let config: PolicyConfig = serde_json::from_str(ok).unwrap();
    assert_eq!(config, PolicyConfig::new(Autonomy::Auto));
    for bad in [
        r"{}",
        r#"{"autonomy": {}}"#,
        r#"{"autonomy": {"default": "auto"}, "budgte": {}}"#,
        r#"{"autonomy": {"default": "auto", "path": {}}}"#,
    ] {
        assert!(serde_json::from_str::<PolicyConfig>(bad).is_err(), "{bad}");
    }
}

#[test]
fn under_observe_no_approval_takes_anything_back() {
    let case = mint::case("shop", "i1");
    let digest = Policy::revert_digest(&base());
    let refusal = rules(Autonomy::Observe).clear_revert(&case, &base(), Some(&digest), &open());
    assert!(matches!(refusal, Err(Refusal::Held { .. })));
}

#[test]
fn an_order_covers_exactly_the_commit_and_the_base_that_were_cleared() {
    use crate::id::EffectKind;
    use crate::stage::{Order, RevertOrder};
    let case = mint::case("shop", "i1");
    let policy = rules(Autonomy::Auto);
    let clear = || policy.clear_revert(&case, &base(), None, &open()).unwrap();
    let key = mint::key(&case, 1, EffectKind::Revert);
    let other = Revision::new("another");
    assert!(RevertOrder::new(clear(), key.clone(), other.clone(), Vec::new()).is_err());
    assert!(RevertOrder::new(clear(), key, base(), Vec::new()).is_ok());
    let fix = fix_of("shop/pricing.py");
    let proof = proof(&fix, 95, GateAnswer::Pass);
    let q = Question { case: &case, fix: &fix, verification: &proof, approved: None };
    let clearance = policy.clear(Permit::Submit, &q, &open()).unwrap();
    let FixKind::Patch(mut patch) = fix.kind.clone() else { panic!("a patch") };
    patch.base = other;
    let moved = Fix::new(FixKind::Patch(patch), "Change a to b", "test");
    assert_eq!(moved.digest(), fix.digest());
    let key = mint::key(&case, 1, EffectKind::Submit);
    assert!(Order::new(clearance, key, moved, "").is_err());
}

#[test]
fn in_a_storm_nothing_is_shipped_whoever_approves_and_everything_may_be_taken_back() {
    let (case, fix) = (mint::case("shop", "i1"), fix_of("shop/pricing.py"));
    let proof = proof(&fix, 95, GateAnswer::Pass);
    let digest = fix.digest();
    let q = Question { case: &case, fix: &fix, verification: &proof, approved: Some(&digest) };
    let storm = open().with_storm(Some("umbrella".into()));
    let policy = rules(Autonomy::Auto);
    for permit in [Permit::Propose, Permit::Submit, Permit::Merge] {
        let Err(Refusal::Held { why, .. }) = policy.clear(permit, &q, &storm) else {
            panic!("{permit:?} is cleared")
        };
        assert_eq!(why, "a storm of errors is open: umbrella");
    }
    assert!(policy.may_ship(&storm).is_err() && policy.may_ship(&open()).is_ok());
    assert!(policy.may_write(&storm).is_ok(), "a withdrawal");
    assert!(policy.clear_revert(&case, &base(), None, &storm).is_ok());
}
