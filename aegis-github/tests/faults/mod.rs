//! Each fault that GitHub can have, through the deployer: where it ends, and by which calls.
//!
//! `src/deploy/faults.md` tells the same to whoever runs it.

mod bed;
mod planned;
mod states;

use aegis_core::stage::{Deployer as _, Rollout};
use aegis_core::{EffectKind, Error, ErrorKind, Result, Retry};
use aegis_github::testkit::Fault::{self, Drop, Hang, Status};

use crate::deployer::Desk;
use crate::way::Way;

const MERGE: &str = "PUT /repos/acme/shop/pulls/1/merge";
const SECONDARY: &str = "You have exceeded a secondary rate limit.";

/// What a caller sees, in a word.
fn word(seen: &Result<Option<Rollout>>) -> &'static str {
    match seen {
        Ok(None) => "absent",
        Ok(Some(rollout)) => match rollout {
            Rollout::Ready { .. } => "ready",
            Rollout::Merged { .. } => "merged",
            Rollout::Checking => "checking",
            Rollout::AwaitingPerson => "person",
            Rollout::Conflict => "conflict",
            Rollout::ClosedByPerson => "closed",
            Rollout::BaseMoved { .. } => "moved",
            Rollout::Failed(_) => "failed",
            other => panic!("{other:?}"),
        },
        Err(error) => match (error.kind(), error.retry()) {
            (ErrorKind::Unavailable, Retry::Backoff) => "again",
            (ErrorKind::Unavailable, Retry::AfterMs(_)) => "later",
            (ErrorKind::Timeout, Retry::Backoff) => "timeout",
            (ErrorKind::Denied, Retry::Never) => "denied",
            (ErrorKind::NotFound, Retry::Never) => "missing",
            (ErrorKind::Conflict, Retry::Never) => "refused",
            (ErrorKind::Conflict, Retry::Backoff) => "raced",
            (ErrorKind::Invalid, Retry::Never) => "invalid",
            other => panic!("{other:?}: {error}"),
        },
    }
}

fn told(error: &Error, says: &str) {
    let shown = error.to_string();
    assert!(shown.contains(says) && shown.contains("/repos/acme/shop/"), "{says}: {shown}");
}

fn status(status: u16, says: &'static str) -> Fault {
    Status(status, Vec::new(), says)
}

fn with(code: u16, header: (&'static str, &str), says: &'static str) -> Fault {
    Status(code, vec![(header.0, header.1.to_owned())], says)
}

/// Faults of any call, how often in a row, and what a caller sees: a word, and what an error says.
fn faults() -> Vec<(Fault, usize, &'static str, &'static str)> {
    let needs = ("x-accepted-github-permissions", "checks=read");
    let denied = "Resource not accessible by integration";
    vec![
        (status(500, "Server Error"), 3, "again", "GitHub failed (500)"),
        (status(502, "Bad Gateway"), 3, "again", "GitHub failed (502)"),
        (Hang, 3, "timeout", "no answer within"),
        (Drop, 3, "again", "can't be reached: connection closed"),
        (status(401, "Bad credentials"), 1, "denied", "a token that has not ended"),
        (with(403, needs, denied), 1, "denied", "grant checks=read"),
        (status(404, "Not Found"), 1, "missing", "these credentials may not see it"),
        (status(409, "Conflict"), 1, "refused", "(409)"),
        (status(422, "Validation Failed"), 1, "invalid", "Validation Failed"),
        (status(429, "Too Many Requests"), 1, "later", "takes calls again in"),
        (with(429, ("retry-after", "600"), ""), 1, "later", "takes calls again in"),
        (status(403, SECONDARY), 1, "later", "takes calls again in"),
        (with(403, ("retry-after", "600"), SECONDARY), 1, "later", "takes calls again in"),
    ]
}

/// What was asked, in order, without what tells one test from another.
fn asked(desk: &Desk) -> Vec<String> {
    let line = |call: aegis_github::testkit::Call| {
        let path = call.path.split('?').next().unwrap_or_default().to_owned();
        format!("{} {}", call.method, path.replace("/repos/acme/shop/", ""))
    };
    desk.fake.calls().into_iter().map(line).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_that_fails_says_why_after_its_repeats_and_asks_nothing_more() {
    for (fault, times, expected, says) in faults() {
        let way = Way::new(Desk::new().await).await;
        way.ready().await;
        asked(&way.desk);
        for _ in 0..times {
            way.desk.fake.fault("/check-runs", fault.clone());
        }
        let seen = way.desk.deployer.lookup(&way.key(EffectKind::Submit)).await;
        assert_eq!(word(&seen), expected, "{fault:?}");
        told(&seen.unwrap_err(), says);
        let calls = asked(&way.desk);
        // What never got an answer is not remembered.
        let answered = if matches!(fault, Hang) { 0 } else { times };
        assert_eq!(calls.len(), 1 + answered, "{fault:?}: {calls:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_that_passes_is_not_seen_and_costs_one_call() {
    let short = || with(429, ("retry-after", "0"), "");
    for (fault, calls) in [
        (status(500, "Server Error"), 6),
        (status(503, "No server is available"), 6),
        (Drop, 6),
        (Hang, 5),
        (short(), 6),
        (with(403, ("retry-after", "0"), SECONDARY), 6),
    ] {
        let way = Way::new(Desk::new().await).await;
        way.ready().await;
        asked(&way.desk);
        way.desk.fake.fault("/check-runs", fault.clone());
        let seen = way.desk.deployer.lookup(&way.key(EffectKind::Submit)).await;
        assert_eq!(word(&seen), "ready", "{fault:?}");
        let made = asked(&way.desk);
        assert_eq!(made.len(), calls, "{fault:?}: {made:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pull_request_that_is_refused_is_opened_by_the_next_call_from_the_same_branch() {
    for (fault, _, expected, says) in faults() {
        let way = Way::new(Desk::new().await).await;
        asked(&way.desk);
        way.desk.fake.fault("POST /repos/acme/shop/pulls", fault.clone());
        let order = way.order(false);
        let seen = way.desk.deployer.submit(&order).await.map(Some);
        assert_eq!(word(&seen), expected, "{fault:?}");
        told(&seen.unwrap_err(), says);
        // What may not happen twice is not repeated: it is looked up.
        let posts = |calls: &[String]| calls.iter().filter(|call| *call == "POST pulls").count();
        let calls = asked(&way.desk);
        let hung = usize::from(matches!(fault, Hang));
        assert_eq!(posts(&calls) + hung, 1, "{fault:?}: {calls:?}");
        if expected == "later" {
            // Nothing is asked before its time.
            let again = way.desk.deployer.lookup(&way.key(EffectKind::Submit)).await;
            assert_eq!(word(&again), "later", "{fault:?}");
            assert_eq!(asked(&way.desk), Vec::<String>::new(), "{fault:?}");
            continue;
        }
        let made = usize::from(matches!(fault, Drop));
        let found = way.desk.deployer.lookup(&way.key(EffectKind::Submit)).await;
        assert_eq!(word(&found), if made == 1 { "ready" } else { "absent" }, "{fault:?}");
        asked(&way.desk);
        assert_eq!(word(&way.desk.deployer.submit(&order).await.map(Some)), "ready", "{fault:?}");
        let calls = asked(&way.desk);
        assert_eq!(posts(&calls), 1 - made, "{fault:?}: {calls:?}");
        assert!(!calls.iter().any(|call| call.starts_with("POST git/")), "{fault:?}: {calls:?}");
        assert_eq!(way.desk.fake.inside().hub.pulls.len(), 1, "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_merge_is_asked_once_and_again_only_where_something_moved() {
    let modified = "Base branch was modified. Review and try the merge again.";
    let queue = "Changes must be made through the merge queue";
    for (faults, expected, says, merges) in [
        (vec![status(405, modified)], "merged", "", 2),
        (vec![status(405, modified); 3], "raced", "branches moved 3 times", 3),
        (vec![status(409, "Head branch was modified.")], "merged", "", 2),
        (vec![status(405, queue)], "invalid", "say `waits_on_github`", 1),
        (vec![status(405, "Squash merges are not allowed.")], "invalid", "not allowed", 1),
        (vec![status(405, "Pull Request is not mergeable")], "conflict", "", 1),
        (vec![status(422, "Required status check \"test\" is expected.")], "checking", "", 1),
        (vec![status(500, "Server Error")], "again", "GitHub failed (500)", 1),
        (vec![status(404, "Not Found")], "missing", "may not see it", 1),
        (vec![status(403, "Resource not accessible")], "denied", "not accessible", 1),
        (vec![status(403, SECONDARY)], "later", "takes calls again", 1),
        (vec![Hang], "timeout", "no answer within", 0),
        (vec![Drop], "again", "connection closed", 1),
    ] {
        let way = Way::new(Desk::new().await).await;
        let head = way.ready().await;
        let what = format!("{faults:?}");
        let lost = matches!(faults[..], [Drop]);
        for fault in faults {
            way.desk.fake.fault(MERGE, fault);
        }
        asked(&way.desk);
        let seen = way.desk.deployer.merge(&way.merge(head)).await.map(Some);
        assert_eq!(word(&seen), expected, "{what}");
        if let Err(error) = seen {
            assert!(error.to_string().contains(says), "{what}: {error}");
        }
        let calls = asked(&way.desk);
        let made = calls.iter().filter(|call| *call == "PUT pulls/1/merge").count();
        assert_eq!(made, merges, "{what}: {calls:?}");
        if lost {
            let found = way.desk.deployer.lookup(&way.key(EffectKind::Merge)).await;
            assert_eq!(word(&found), "merged", "it happened, though nobody was told");
        }
    }
}
