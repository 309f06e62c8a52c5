//! Proof by the repository's own checks, on branches that end with it.

mod ground;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use aegis_core::model::{Author, Fix, FixKind};
use aegis_core::model::{GateAnswer, Isolation, Release};
use aegis_core::patch::Edit;
use aegis_core::port::Clock as _;
use aegis_core::stage::Verifier as _;
use aegis_core::testkit::{conformance, soon};
use aegis_core::{Confidence, ErrorKind, Retry};
use aegis_github::testkit::{Check, Fault, Workflows};
use aegis_github::{ActionsVerifier, GitHubChecks};

use self::ground::{Ground, ended, suite};

const GOOD: &str = "print('the shop')\n";
const BAD: &str = "print('broken')\n";

#[tokio::test(flavor = "multi_thread")]
async fn it_keeps_the_contract_and_leaves_nothing_behind() {
    let ground = Ground::new(suite).await;
    let (good, bad) = (ground.fix(GOOD), ground.fix(BAD));
    conformance::verify::test_all(&ground.verifier, &ground.case, &good, &bad).await;
    ground.left_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_passes_is_one_commit_on_the_base_on_a_branch_of_its_own_for_as_long_as_it_takes() {
    let ground = Ground::new(suite).await;
    let seen = ground.verify(GOOD).await.unwrap();
    let gates: Vec<_> = seen.gates.iter().map(|gate| (gate.gate.as_str(), gate.answer)).collect();
    let pass = GateAnswer::Pass;
    assert_eq!(gates, [("protected-paths", pass), ("check test", pass)]);
    assert_eq!((seen.isolation, &seen.base), (Isolation::External, &ground.base));
    assert_eq!(seen.score.coverage, Confidence::NONE, "nobody measured it");
    assert_eq!(ground.branches(), Vec::<String>::new());
    let calls = ground.fake.inside().calls.clone();
    let asked = |path: &str| calls.iter().rev().find(|c| c.path.ends_with(path)).unwrap();
    let made = asked("/git/refs").asked.clone().unwrap();
    let name = made["ref"].as_str().unwrap();
    assert!(name.starts_with("refs/heads/aegis/verify-i1-"), "{name}");
    let commit = asked("/git/commits").asked.clone().unwrap();
    assert_eq!(commit["parents"], serde_json::json!([ground.base.to_string()]));
    // Its own words would keep the workflows from running.
    let message = commit["message"].as_str().unwrap();
    assert!(!message.contains("skip ci") && message.contains("Aegis-Incident: i1"), "{message}");
    assert_eq!(ground.writes().len(), 4, "a tree, a commit, a branch, and its end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_fails_denies_with_what_its_log_says() {
    let ground = Ground::new(suite).await;
    let seen = ground.verify(BAD).await.unwrap();
    assert_eq!((seen.answer(), seen.confidence()), (GateAnswer::Deny, Confidence::NONE));
    let said = seen.feedback();
    assert!(said.starts_with("check test: check test: failure: Run pytest -q failed"), "{said}");
    assert!(said.contains("test_total - ZeroDivisionError: division by zero"), "{said}");
    ground.left_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_comes_late_is_waited_for() {
    let begins: Workflows = |_, branch, head| ended(branch, head, None);
    let ground = Ground::with(
        begins,
        |fake, n| {
            if n == 3 {
                fake.inside().hub.checks[0].conclusion = Some("success");
            }
        },
        |builder| builder,
    );
    let ground = ground.await;
    assert_eq!(ground.verify(GOOD).await.unwrap().answer(), GateAnswer::Pass);
    assert_eq!(ground.clock.waits.load(Ordering::SeqCst), 4);
    ground.left_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_starts_no_workflow_is_an_error_that_says_how_to_start_one() {
    // They run on pull requests alone.
    let ground = Ground::new(|_, _, _| Vec::new()).await;
    let error = ground.verify(GOOD).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Invalid, Retry::Never));
    assert!(error.to_string().contains("`push: branches: ['aegis/verify-**']`"), "{error}");
    ground.left_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_that_says_nothing_of_the_fix_is_no_rejection() {
    type Case = (Workflows, ErrorKind, &'static str);
    let cases: [Case; 4] = [
        (|_, b, of| ended(b, of, Some("cancelled")), ErrorKind::Unavailable, "cancelled"),
        (|_, b, of| ended(b, of, Some("startup_failure")), ErrorKind::Invalid, "mend its file"),
        (|_, b, of| ended(b, of, Some("action_required")), ErrorKind::Invalid, "a person"),
        (|_, b, of| ended(b, of, None), ErrorKind::Timeout, "not done within 1500s: test"),
    ];
    for (workflows, kind, says) in cases {
        let ground = Ground::new(workflows).await;
        let error = ground.verify(GOOD).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(says), "{error}");
        assert_eq!(ground.branches(), Vec::<String>::new(), "{error}");
        let looks = ground.fake.calls().iter().filter(|c| c.path.contains("/check-runs")).count();
        assert!(looks < 40, "{looks} looks");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn skipped_alone_or_a_required_one_that_is_missing_proves_nothing() {
    let skipped: Workflows = |_, b, of| ended(b, of, Some("skipped"));
    let required = || GitHubChecks::required(["database"]).with_settle(Duration::ZERO);
    for (workflows, checks, says) in [
        (skipped, GitHubChecks::all(), "not done within"),
        (suite as Workflows, required(), "database"),
    ] {
        let ground = Ground::with(workflows, |_, _| {}, |builder| builder.checks(checks)).await;
        let error = ground.verify(GOOD).await.unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        ground.left_nothing().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_branch_is_removed_after_every_error() {
    let refused = |status| Fault::Status(status, vec![], "no");
    for (part, fault) in [
        ("/check-runs", refused(403)),
        ("POST /repos/acme/shop/git/refs", Fault::Drop),
        ("POST /repos/acme/shop/git/refs", refused(403)),
    ] {
        let ground = Ground::new(suite).await;
        ground.fake.fault(part, fault.clone());
        ground.verify(GOOD).await.unwrap_err();
        assert_eq!(ground.branches(), Vec::<String>::new(), "{part} {fault:?}");
    }
    // What passes is borne while there is time.
    let ground = Ground::new(suite).await;
    for _ in 0..5 {
        ground.fake.fault("/check-runs", refused(502));
    }
    assert_eq!(ground.verify(GOOD).await.unwrap().answer(), GateAnswer::Pass);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_removed_does_not_change_the_proof_and_is_said() {
    let ground = Ground::new(suite).await;
    ground.fake.fault("DELETE ", Fault::Status(403, vec![], "Resource not accessible"));
    let seen = ground.verify(GOOD).await.unwrap();
    assert_eq!(seen.answer(), GateAnswer::Pass);
    assert!(
        seen.notes.iter().any(|note| note.contains("could not be removed")),
        "{:?}",
        seen.notes
    );
    // It is tried again as the call ends.
    ground.left_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_runs_the_checks_can_not_be_changed_by_what_they_check() {
    let create = |path: &str| Edit::Create { path: path.into(), text: "on: push\n".into() };
    for (path, guarded, gate) in [
        (".github/workflows/ci.yml", true, "protected-paths"),
        (".github/workflows/ci.yml", false, "pipelines"),
        (".GitHub/actions/a/action.yml", false, "pipelines"),
        ("../ci.yml", false, "paths"),
    ] {
        let set = |builder: aegis_github::ActionsVerifierBuilder| match guarded {
            true => builder,
            false => builder.guardrails(Vec::new()),
        };
        let ground = Ground::with(suite, |_, _| {}, set).await;
        let fix = ground.edits(create(path));
        let seen = ground.verifier.verify(&ground.case, &fix).await.unwrap();
        let denied = seen.gates.iter().find(|gate| gate.answer == GateAnswer::Deny).unwrap();
        assert_eq!(denied.gate, gate, "{path}");
        assert_eq!(ground.writes(), Vec::<String>::new(), "{path}");
    }
    // Nor by taking a release back that changed them.
    let ground = Ground::new(suite).await;
    let bad = ground.fake.push("Change CI", &[(".github/workflows/ci.yml", "on: push\n")]);
    let author = Author::Person("kim".into());
    let release = Release::new("shop".into(), bad.into(), ground.clock.now(), author);
    let fix = Fix::new(FixKind::Revert(release), "Take it back", "test");
    let seen = ground.verifier.verify(&ground.case, &fix).await.unwrap();
    assert!(seen.feedback().starts_with("pipelines: "), "{}", seen.feedback());
    assert_eq!(ground.writes(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_dropped_takes_its_branch_with_it() {
    let ground = Ground::with(
        |_, branch, head| ended(branch, head, None),
        |fake, _| fake.fault("/check-runs", Fault::Hang),
        |builder| builder,
    )
    .await;
    let fix = ground.fix(GOOD);
    tokio::select! {
        seen = ground.verifier.verify(&ground.case, &fix) => panic!("{seen:?}"),
        () = soon("pushed", async || !ground.branches().is_empty()) => {}
    }
    ground.left_nothing().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_left_is_removed_at_the_next_start_once_its_time_is_over() {
    let ground = Ground::new(|_, branch, head| ended(branch, head, None)).await;
    ground.fake.git(&["push", "-q", "origin", "main:aegis/verify-by-a-person"]);
    let fix = ground.fix(GOOD);
    // Its end is never heard of.
    for _ in 0..9 {
        ground.fake.fault("DELETE ", Fault::Status(403, vec![], "Resource not accessible"));
    }
    ground.verifier.verify(&ground.case, &fix).await.unwrap_err();
    soon("tried", async || ground.fake.inside().faults.len() == 7).await;
    ground.fake.inside().faults.clear();
    assert_eq!(ground.branches().len(), 2);
    let open = async || {
        let builder = ActionsVerifier::builder(ground.fake.repository().await);
        let clock = Arc::clone(&ground.clock);
        builder.clock(clock).open().await.unwrap()
    };
    // Another process may still be at it.
    open().await;
    assert_eq!(ground.branches().len(), 2);
    ground.clock.clock.advance(Duration::from_secs(3_600));
    open().await;
    assert_eq!(ground.branches(), ["aegis/verify-by-a-person"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_pushed_to_it_stays() {
    let ground = Ground::with(
        |_, branch, head| ended(branch, head, None),
        |fake, n| {
            if n == 0 {
                let git = git2::Repository::open_bare(&fake.inside().git).unwrap();
                let main = git.refname_to_id("refs/heads/main").unwrap();
                let found = git.references_glob("refs/heads/aegis/verify-*").unwrap();
                found.into_iter().for_each(|branch| {
                    branch.unwrap().set_target(main, "a person's").unwrap();
                });
                let passes =
                    Check { conclusion: Some("success"), ..fake.inside().hub.checks[0].clone() };
                fake.inside().hub.checks = vec![passes];
            }
        },
        |builder| builder,
    )
    .await;
    ground.verify(GOOD).await.unwrap();
    assert_eq!(ground.branches().len(), 1);
}

#[tokio::test]
async fn nothing_to_be_asked_is_refused_at_the_start() {
    let fake = crate::fake::Fake::start().await;
    let builder = ActionsVerifier::builder(fake.repository().await).checks(GitHubChecks::none());
    let error = builder.open().await.unwrap_err();
    assert!(error.to_string().contains("proves nothing"), "{error}");
}
