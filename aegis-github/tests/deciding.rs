//! What checks, refusals and deployments mean.

use std::time::Duration;

use aegis_core::model::{Author, Event};
use aegis_core::port::{EventSource as _, Running, RunningRevision};
use aegis_core::stage::{Deployer as _, Rollout};
use aegis_core::testkit::conformance::deploy::Bench as _;
use aegis_core::{EffectKind, Error, ErrorKind, Result};
use aegis_github::testkit::{Check, Fault};
use aegis_github::{GitHubChecks, GitHubDeployer, Live};
use async_trait::async_trait;

use crate::deployer::Desk;
use crate::fake::Fake;
use crate::way::Way;

fn with_checks(desk: &Desk, checks: Vec<Check>) {
    desk.fake.inside().hub.checks = checks;
}

fn check(name: &'static str, conclusion: Option<&'static str>) -> Check {
    Check { of: None, name, conclusion, log: None }
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_decide_and_silence_does_not() {
    let passed = Some("success");
    for (checks, required, statuses, expected) in [
        (vec![], vec![], vec![], "waits"),
        (vec![check("a", None)], vec![], vec![], "waits"),
        (vec![check("a", passed), check("b", None)], vec![], vec![], "waits"),
        (vec![check("a", passed)], vec!["b"], vec![], "waits"),
        (vec![check("a", passed), check("b", Some("skipped"))], vec!["b"], vec![], "waits"),
        (vec![check("a", passed), check("b", Some("stale"))], vec![], vec![], "waits"),
        (vec![check("a", passed)], vec![], vec![("old", "pending")], "waits"),
        (vec![check("a", passed), check("b", Some("skipped"))], vec!["a"], vec![], "ready"),
        (vec![], vec!["old"], vec![("old", "success")], "ready"),
        (vec![check("a", passed)], vec![], vec![("old", "error")], "failed"),
        (vec![check("a", passed), check("b", Some("cancelled"))], vec![], vec![], "failed"),
        (vec![check("a", Some("startup_failure"))], vec![], vec![], "failed"),
    ] {
        let desk = Desk::new().await;
        let what = format!("{checks:?} {required:?} {statuses:?}");
        with_checks(&desk, checks);
        {
            let hub = &mut desk.fake.inside().hub;
            (hub.required, hub.statuses) = (required, statuses);
        }
        let way = Way::new(desk).await;
        let seen = match way.submitted().await {
            Rollout::Checking => "waits",
            Rollout::Ready { .. } => "ready",
            Rollout::Failed(_) => "failed",
            other => panic!("{what}: {other:?}"),
        };
        assert_eq!(seen, expected, "{what}");
        if expected != "ready" {
            // Nothing merges on somebody's memory of its checks.
            let head = way.desk.branches().await["aegis/fix-i1"].clone();
            let seen = way.desk.deployer.merge(&way.merge(head)).await.unwrap();
            assert!(!matches!(seen, Rollout::Merged { .. }), "{what}");
            assert_eq!(way.desk.head().await, way.base, "{what}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_check_says_what_failed_in_its_log() {
    const LOG: &str = "##[group]Run pytest -q\npytest -q\n##[endgroup]\n\
        =========================== short test summary info ============================\n\
        FAILED tests/test_cart.py::test_total - ZeroDivisionError: division by zero\n\
        1 failed in 0.02s\n##[error]Process completed with exit code 1.\n";
    let desk = Desk::new().await;
    let failed = Check { of: None, name: "test", conclusion: Some("failure"), log: Some(LOG) };
    with_checks(&desk, vec![failed]);
    let way = Way::new(desk).await;
    let Rollout::Failed(feedback) = way.submitted().await else { panic!("it passed") };
    assert_eq!(feedback.summary, "check test: failure");
    assert!(feedback.detail.contains("tests/test_cart.py::test_total"), "{}", feedback.detail);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_refusal_of_a_merge_means_what_it_says() {
    let says = |status, message| Fault::Status(status, vec![], message);
    let modified = "Base branch was modified. Review and try the merge again.";
    for (fault, expected) in [
        (says(405, modified), "merged"),
        (says(409, "Head branch was modified. Review and try the merge again."), "merged"),
        (says(405, "Required status check \"test\" is expected."), "checking"),
        (says(405, "At least 1 approving review is required by reviewers."), "person"),
        (says(405, "Pull Request is not mergeable"), "conflict"),
        (says(405, "Merge commits are not allowed on this repository."), "never"),
        (says(403, "Resource not accessible by personal access token"), "denied"),
        (says(404, "Not Found"), "gone"),
    ] {
        let way = Way::new(Desk::new().await).await;
        let head = way.ready().await;
        way.desk.fake.fault("PUT /repos/acme/shop/pulls/1/merge", fault.clone());
        let seen = match way.desk.deployer.merge(&way.merge(head)).await {
            Ok(Rollout::Merged { .. }) => "merged",
            Ok(Rollout::Checking) => "checking",
            Ok(Rollout::AwaitingPerson) => "person",
            Ok(Rollout::Conflict) => "conflict",
            Err(e) if e.kind() == ErrorKind::Invalid => "never",
            Err(e) if e.kind() == ErrorKind::Denied => "denied",
            Err(e) if e.kind() == ErrorKind::NotFound => "gone",
            other => panic!("{fault:?}: {other:?}"),
        };
        assert_eq!(seen, expected, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_known_yet_is_asked_again() {
    let way = Way::new(Desk::new().await).await;
    let head = way.ready().await;
    way.desk.fake.inside().hub.unknown_mergeable = 1;
    let refusal = Fault::Status(405, vec![], "Pull Request is not mergeable");
    way.desk.fake.fault("PUT /repos/acme/shop/pulls/1/merge", refusal);
    let seen = way.desk.deployer.merge(&way.merge(head)).await.unwrap();
    assert_eq!(seen, Rollout::Checking);
}

#[tokio::test(flavor = "multi_thread")]
async fn live_is_what_was_deployed_last_and_contains_the_merge() {
    let way = Way::new(Desk::new().await).await;
    let commit = way.merged().await;
    let merged = Some(Rollout::Merged { commit: commit.clone() });
    let old = way.base.to_string();
    let deployed = |all: Vec<(String, &'static str)>| {
        way.desk.fake.inside().hub.deployments = all;
    };
    let (now, later) = (commit.to_string(), way.desk.push("main", "later.py", "x = 1\n"));
    for (all, expected) in [
        (vec![], "merged"),
        (vec![(old.clone(), "success")], "merged"),
        (vec![(now.clone(), "")], "merged"),
        (vec![(now.clone(), "success")], "live"),
        (vec![(now.clone(), "success"), (later.to_string(), "success")], "live"),
        (vec![(now.clone(), "success"), (old.clone(), "success")], "merged"),
        (vec![(old.clone(), "success"), (now.clone(), "failure")], "failed"),
        (vec![(now.clone(), "failure"), (now.clone(), "success")], "live"),
    ] {
        let what = format!("{all:?}");
        deployed(all);
        let seen = way.look(EffectKind::Merge).await;
        match seen {
            Some(Rollout::Live { commit: Some(named), .. }) => {
                assert_eq!((expected, named), ("live", commit.clone()), "{what}");
            }
            Some(Rollout::Failed(_)) => assert_eq!(expected, "failed", "{what}"),
            seen => assert_eq!((expected, seen), ("merged", merged.clone()), "{what}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_work_is_said_at_the_start() {
    let fake = Fake::start().await;
    let builder = || async { GitHubDeployer::builder(fake.repository().await) };
    let (checks, live) = (GitHubChecks::all(), Live::deployments("production"));
    let no_checks = builder().await.live(live.clone()).open().await.unwrap_err();
    assert!(no_checks.to_string().contains("GitHubChecks::none()"), "{no_checks}");
    let no_live = builder().await.checks(checks.clone()).open().await.unwrap_err();
    assert!(no_live.to_string().contains("Live::deployments"), "{no_live}");
    let whole = || async { builder().await.checks(checks.clone()).live(live.clone()) };
    fake.inside().hub.methods.insert("merge", false);
    let method = whole().await.open().await.unwrap_err();
    assert!(method.to_string().contains("merged_by"), "{method}");
    fake.inside().hub.read_only = true;
    let rights = whole().await.open().await.unwrap_err();
    assert_eq!(rights.kind(), ErrorKind::Denied);
    assert!(rights.to_string().contains("pull requests"), "{rights}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_is_a_fact_whether_or_not_anybody_tells_what_runs() {
    let desk = Desk::with(|b| b.live(Live::running(Nothing))).await;
    let way = Way::new(desk).await;
    let commit = way.merged().await;
    assert_eq!(way.look(EffectKind::Merge).await, Some(Rollout::Merged { commit }));
}

/// Nobody knows what runs.
#[derive(Debug)]
struct Nothing;

#[async_trait]
impl RunningRevision for Nothing {
    async fn running(&self) -> Result<Option<Running>> {
        Err(Error::unavailable("nobody there"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_workflow_is_waited_for() {
    let wait = GitHubChecks::all().with_settle(Duration::from_secs(3_600));
    let way = Way::new(Desk::with(|b| b.checks(wait)).await).await;
    assert_eq!(way.submitted().await, Rollout::Checking);
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_s_releases_are_told_once_with_who_made_them() {
    let way = Way::new(Desk::new().await).await;
    way.desk.make_live().await;
    let mut releases = way.desk.deployer.releases("shop").every(Duration::from_millis(5));
    let mut next = async || {
        let soon = tokio::time::timeout(Duration::from_millis(300), releases.next()).await;
        match soon.ok()?.unwrap().unwrap().event {
            Event::Released(release) => Some((release.revision, release.previous, release.author)),
            other => panic!("{other:?}"),
        }
    };
    let kim = || Author::Person(String::from("Kim"));
    assert_eq!(next().await, Some((way.base.clone(), None, kim())));
    assert_eq!(next().await, None, "the same again is none");
    let commit = way.merged().await;
    way.desk.make_live().await;
    let aegis = Author::Aegis("i1".into());
    assert_eq!(next().await, Some((commit.clone(), Some(way.base.clone()), aegis)));
    let pushed = way.desk.push_by_person().await;
    way.desk.fake.inside().hub.deployments.push((pushed.to_string(), "failure"));
    assert_eq!(next().await, None, "what failed runs nowhere");
    way.desk.fake.fault("GET /repos/acme/shop/deployments", Fault::Status(404, vec![], "Gone"));
    way.desk.make_live().await;
    let mut seen = None;
    while seen.is_none() {
        let soon = tokio::time::timeout(Duration::from_secs(60), releases.next()).await.unwrap();
        seen = soon.ok().flatten();
    }
    let Event::Released(release) = seen.unwrap().event else { panic!("no release") };
    assert_eq!((release.revision, release.previous), (pushed, Some(commit)));
}
