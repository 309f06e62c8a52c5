//! What people and the repository's own rules make of a pull request that waits.

use aegis_core::stage::{Deployer as _, Rollout};
use aegis_core::testkit::conformance::deploy::Bench as _;
use aegis_core::testkit::mint;
use aegis_core::{EffectKind, ErrorKind};
use aegis_github::testkit::{self, Check};

use super::{asked, status, word};
use crate::deployer::Desk;
use crate::way::Way;

fn check(name: &'static str, conclusion: Option<&'static str>) -> Check {
    Check { of: None, name, conclusion, log: None }
}

/// Looks at the pull request that was found, and at nothing of its checks.
const FOUND: [&str; 1] = ["GET pulls"];
/// And at its checks, which are not all there or do not all pass.
const LOOKED: [&str; 5] = [
    "GET pulls",
    "GET commits/HEAD/check-runs",
    "GET commits/HEAD/status",
    "GET rules/branches/main",
    "GET branches/main",
];

/// What happened, what it is answered with, and what is asked for that.
type State = (&'static str, fn(&Desk), &'static str, &'static [&'static str]);

fn states() -> Vec<State> {
    vec![
        ("no check came", |d| d.fake.inside().hub.checks.clear(), "checking", &LOOKED),
        ("one runs", |d| d.fake.inside().hub.checks.push(check("b", None)), "checking", &LOOKED),
        (
            "one is stale",
            |d| d.fake.inside().hub.checks = vec![check("test", Some("stale"))],
            "checking",
            &LOOKED,
        ),
        (
            "a required one is missing",
            |d| d.fake.inside().hub.required = vec!["b"],
            "checking",
            &LOOKED,
        ),
        (
            "a required one was skipped",
            |d| {
                let hub = &mut d.fake.inside().hub;
                (hub.required, hub.checks) = (vec!["b"], vec![check("b", Some("skipped"))]);
            },
            "checking",
            &LOOKED,
        ),
        (
            "one was skipped",
            |d| d.fake.inside().hub.checks.push(check("b", Some("skipped"))),
            "ready",
            &LOOKED,
        ),
        // What is required does not matter where one failed.
        (
            "one failed",
            |d| d.fake.inside().hub.checks.push(check("b", Some("failure"))),
            "failed",
            &LOOKED[..3],
        ),
        (
            "the branch is deleted",
            |d| assert!(testkit::remove(&mut d.fake.inside(), "aegis/fix-i1")),
            "closed",
            &FOUND,
        ),
        ("it is closed", |d| d.fake.inside().hub.pulls[0].open = false, "closed", &FOUND),
        (
            "the release branch is renamed",
            |d| testkit::rename(&mut d.fake.inside(), "main", "trunk"),
            "conflict",
            &FOUND,
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn each_state_of_a_pull_request_is_told_by_as_few_calls_as_it_takes() {
    for (what, change, expected, calls) in states() {
        let way = Way::new(Desk::new().await).await;
        let head = way.ready().await;
        change(&way.desk);
        asked(&way.desk);
        let seen = way.desk.deployer.lookup(&way.key(EffectKind::Submit)).await;
        assert_eq!(word(&seen), expected, "{what}");
        let made: Vec<String> =
            asked(&way.desk).iter().map(|call| call.replace(head.as_str(), "HEAD")).collect();
        assert_eq!(made, calls, "{what}");
        if expected == "ready" {
            continue;
        }
        // Nor is it merged on somebody's memory of it, and nothing is written.
        let before = way.desk.branches().await;
        let seen = way.desk.deployer.merge(&way.merge(head)).await.map(Some);
        assert_eq!(word(&seen), expected, "{what}");
        assert!(!asked(&way.desk).iter().any(|call| !call.starts_with("GET ")), "{what}");
        assert_eq!(way.desk.branches().await, before, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fix_that_conflicts_with_what_came_later_is_not_merged() {
    let way = Way::new(Desk::new().await).await;
    let head = way.ready().await;
    let later = way.desk.push("main", "app.py", "print('another shop')\n");
    asked(&way.desk);
    let seen = way.desk.deployer.merge(&way.merge(head)).await.map(Some);
    assert_eq!(word(&seen), "moved");
    assert_eq!(asked(&way.desk), ["GET pulls", "GET git/ref/heads/main"]);
    assert_eq!(way.desk.head().await, later);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_branch_that_is_gone_takes_nothing_and_is_named() {
    let way = Way::new(Desk::new().await).await;
    testkit::rename(&mut way.desk.fake.inside(), "main", "trunk");
    asked(&way.desk);
    let error = way.desk.deployer.submit(&way.order(false)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains("acme/shop has no branch main; was it renamed"), "{error}");
    assert!(!asked(&way.desk).iter().any(|call| !call.starts_with("GET ")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_archived_repository_is_denied_by_its_own_words_and_written_to_once() {
    let way = Way::new(Desk::new().await).await;
    way.desk.fake.inside().archived = true;
    asked(&way.desk);
    let error = way.desk.deployer.submit(&way.order(false)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.to_string().contains("archived"), "{error}");
    let writes = asked(&way.desk).into_iter().filter(|call| !call.starts_with("GET "));
    assert_eq!(writes.collect::<Vec<_>>(), ["POST git/trees"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_that_never_comes_out_stays_merged() {
    let way = Way::new(Desk::new().await).await;
    way.desk.make_live().await;
    way.merged().await;
    asked(&way.desk);
    let seen = way.desk.deployer.lookup(&way.key(EffectKind::Merge)).await;
    assert_eq!(word(&seen), "merged");
    // What runs is older than the merge.
    let calls = asked(&way.desk);
    assert_eq!(calls[..3], ["GET pulls", "GET deployments", "GET deployments/0/statuses"]);
    assert_eq!(calls.len(), 4, "{calls:?}");
    assert!(calls[3].starts_with("GET compare/"), "{calls:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_fix_calls_itself_keeps_no_workflow_from_running() {
    let way = Way::new(Desk::new().await).await;
    let mut fix = way.desk.fix(0, &way.base);
    (fix.title, fix.meaning) = ("Mend it [skip ci]".into(), "It is so.\n\n[no ci]".into());
    let order = mint::order(&way.case, 1, &fix, &way.base, false).unwrap();
    let Rollout::Ready { head } = way.desk.deployer.submit(&order).await.unwrap() else { panic!() };
    let order = mint::merge_order(&way.case, 1, &fix, &way.base, head).unwrap();
    way.desk.deployer.merge(&order).await.unwrap();
    way.desk.fake.git(&["fetch", "-q", "origin"]);
    let log = way.desk.fake.git(&["log", "-2", "--format=%B", "origin/main"]);
    assert!(log.contains("Mend it (skip ci]") && log.contains("(no ci]"), "{log}");
    assert!(!log.contains("[skip ci]") && !log.contains("[no ci]"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whether_it_merges_may_be_known_late() {
    let way = Way::new(Desk::new().await).await;
    let head = way.ready().await;
    way.desk.fake.inside().hub.unknown_mergeable = 1;
    for expected in ["checking", "conflict"] {
        way.desk.fake.fault(super::MERGE, status(405, "Pull Request is not mergeable"));
        asked(&way.desk);
        let seen = way.desk.deployer.merge(&way.merge(head.clone())).await.map(Some);
        assert_eq!(word(&seen), expected);
        let calls = asked(&way.desk);
        assert_eq!(calls.last().map(String::as_str), Some("GET pulls/1"), "{calls:?}");
        assert_eq!(calls.iter().filter(|call| call.starts_with("PUT")).count(), 1, "{calls:?}");
    }
}
