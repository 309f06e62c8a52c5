//! Where an incident ends that meets a fault of GitHub on its way.

use aegis_core::machine::Phase;
use aegis_core::testkit::conformance::deploy::Bench as _;
use aegis_github::testkit::Fault;
use aegis_github::testkit::{self, Check};

use super::bed::Bed;
use super::{MERGE, status};

fn checks(bed: &Bed, conclusion: Option<&'static str>) {
    let check = Check { of: None, name: "test", conclusion, log: None };
    bed.desk.fake.inside().hub.checks = vec![check];
}

fn writes(bed: &Bed, line: &str) -> usize {
    let calls = bed.desk.fake.calls();
    calls.iter().filter(|call| format!("{} {}", call.method, call.path) == line).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_fault_it_is_merged_and_goes_live() {
    let bed = Bed::new().await;
    bed.until(Phase::GoingLive).await;
    bed.desk.make_live().await;
    bed.until(Phase::Watching).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_that_fails_for_a_while_is_made_once_it_can_be() {
    let modified = "Base branch was modified. Review and try the merge again.";
    for fault in [
        status(500, "Server Error"),
        status(502, "Bad Gateway"),
        status(405, modified),
        status(409, "Head branch was modified."),
        Fault::Drop,
        Fault::Hang,
    ] {
        let bed = Bed::new().await;
        bed.desk.fake.fault(MERGE, fault.clone());
        bed.until(Phase::GoingLive).await;
        let merged = bed.desk.fake.inside().hub.pulls.iter().filter(|p| p.merged.is_some()).count();
        assert_eq!(merged, 1, "{fault:?}");
        assert_ne!(bed.desk.head().await, bed.branch().await.unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_that_can_not_be_asks_a_person_at_once() {
    let queue = "Changes must be made through the merge queue";
    for (fault, says) in [
        (status(403, "Resource not accessible by integration"), "not accessible"),
        (status(405, queue), "say `waits_on_github`"),
        (status(405, "Merge commits are not allowed on this repository."), "not allowed"),
        (status(405, "At least 1 approving review is required."), "a person merges it"),
        (status(405, "Pull Request is not mergeable"), "somebody changed"),
    ] {
        let bed = Bed::new().await;
        bed.desk.fake.fault(MERGE, fault.clone());
        let why = bed.parked().await;
        assert!(why.contains(says), "{fault:?}: {why}");
        assert_eq!(writes(&bed, MERGE), 1, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_for_good_asks_a_person_with_the_reason() {
    for (fault, says) in [
        (status(401, "Bad credentials"), "a token that has not ended"),
        (status(403, "Resource not accessible by integration"), "not accessible"),
        (status(422, "Validation Failed"), "Validation Failed"),
    ] {
        let bed = Bed::new().await;
        bed.desk.fake.fault("POST /repos/acme/shop/pulls", fault.clone());
        let why = bed.parked().await;
        assert!(why.contains(says), "{fault:?}: {why}");
        assert_eq!(writes(&bed, "POST /repos/acme/shop/pulls"), 1, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_never_succeeds_is_tried_five_times() {
    let bed = Bed::new().await;
    for _ in 0..99 {
        bed.desk.fake.fault("POST /repos/acme/shop/pulls", status(502, "Bad Gateway"));
    }
    let why = bed.parked().await;
    assert!(why.contains("GitHub failed (502)"), "{why}");
    assert_eq!(writes(&bed, "POST /repos/acme/shop/pulls"), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_waited_for_and_then_it_goes_on() {
    let bed = Bed::new().await;
    let short = vec![("retry-after", String::from("0"))];
    let limit = Fault::Status(403, short, super::SECONDARY);
    for _ in 0..3 {
        bed.desk.fake.fault("POST /repos/acme/shop/pulls", limit.clone());
    }
    bed.until(Phase::GoingLive).await;
    assert_eq!(bed.desk.fake.inside().hub.pulls.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_that_never_pass_expire_and_leave_nothing_behind() {
    for (conclusion, required) in [
        (None, vec![]),
        (Some("stale"), vec![]),
        (Some("success"), vec!["never"]),
        (Some("skipped"), vec!["test"]),
    ] {
        let bed = Bed::new().await;
        checks(&bed, conclusion);
        bed.desk.fake.inside().hub.required = required.clone();
        let why = bed.parked().await;
        assert_eq!(why, aegis_core::machine::Why::Expired.to_string(), "{conclusion:?}");
        assert_eq!(bed.branch().await, None, "{conclusion:?} {required:?}");
        assert!(!bed.desk.fake.inside().hub.pulls[0].open, "{conclusion:?} {required:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn checks_that_fail_take_it_back_and_the_next_draft_is_asked_for() {
    let bed = Bed::new().await;
    checks(&bed, Some("failure"));
    // There is no other one here.
    let why = bed.parked().await;
    assert!(why.starts_with("nothing left to try"), "{why}");
    let attempts = bed.until(Phase::AwaitingHuman).await.case.attempts;
    assert!(attempts[0].feedback.starts_with("check test: failure"), "{attempts:?}");
    assert_eq!(bed.branch().await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_does_to_it_meanwhile_is_left_as_it_is() {
    type Change = (&'static str, fn(&Bed), &'static str);
    let changes: [Change; 4] = [
        ("closed", |bed| bed.desk.fake.inside().hub.pulls[0].open = false, "a person closed it"),
        (
            "branch deleted",
            |bed| {
                let mut inside = bed.desk.fake.inside();
                let head = inside.hub.pulls[0].head.clone();
                assert!(testkit::remove(&mut inside, &head));
            },
            "a person closed it",
        ),
        (
            "release branch renamed",
            |bed| testkit::rename(&mut bed.desk.fake.inside(), "main", "trunk"),
            "somebody changed",
        ),
        ("archived", |bed| bed.desk.fake.inside().archived = true, "archived"),
    ];
    for (what, change, says) in changes {
        let bed = Bed::new().await;
        checks(&bed, None);
        bed.until(Phase::Submitting).await;
        aegis_core::testkit::soon("opened", async || !bed.desk.fake.inside().hub.pulls.is_empty())
            .await;
        change(&bed);
        checks(&bed, Some("success"));
        let why = bed.parked().await;
        assert!(why.contains(says), "{what}: {why}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_merged_and_never_runs_asks_a_person_in_its_time() {
    let bed = Bed::new().await;
    let why = bed.parked().await;
    assert_eq!(why, aegis_core::machine::Why::Blind.to_string());
    assert_eq!(writes(&bed, MERGE), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_that_fails_takes_the_merge_back() {
    let bed = Bed::new().await;
    bed.until(Phase::GoingLive).await;
    let head = bed.desk.head().await;
    bed.desk.fake.inside().hub.deployments.push((head.to_string(), "failure"));
    bed.until(Phase::Reverting).await;
    aegis_core::testkit::soon("reverted", async || bed.desk.head().await != head).await;
    let fix = bed.desk.fix(0, &head);
    assert!(!bed.desk.carries(&fix).await);
}
