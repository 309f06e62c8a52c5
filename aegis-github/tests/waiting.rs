//! Merges that GitHub makes later, and what stops them.

use std::sync::Arc;
use std::time::Duration;

use aegis_core::planner::Operator;
use aegis_core::policy::Freeze;
use aegis_core::port::{Journal, MemoryJournal};
use aegis_core::stage::{Deployer as _, Rollout};
use aegis_core::testkit::conformance::deploy::Bench as _;
use aegis_core::{EffectKind, ErrorKind, Revision, Timestamp};
use aegis_github::testkit::{Call, Check, Fault};
use aegis_github::{GitHubChecks, GitHubDeployer, Live};

use crate::deployer::Desk;
use crate::way::Way;

/// How the branch is protected.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Behind {
    /// A check is required that nobody tells of.
    Check,
    Queue,
}

pub(crate) const BOTH: [Behind; 2] = [Behind::Check, Behind::Queue];

/// A fix that GitHub is to merge later, and a person's hands on the planner's journal.
pub(crate) async fn begun(behind: Behind) -> (Way, Operator, Revision) {
    let journal = Arc::new(MemoryJournal::new());
    let desk = desk(behind, &journal).await;
    let way = Way::new(desk).await;
    let head = way.ready().await;
    let seen = way.desk.deployer.merge(&way.merge(head.clone())).await.unwrap();
    assert_eq!(seen, Rollout::Checking, "{behind:?}");
    assert!(waits(&way.desk), "{behind:?}");
    (way, Operator::new(journal), head)
}

async fn desk(behind: Behind, journal: &Arc<MemoryJournal>) -> Desk {
    let mut desk = Desk::new().await;
    {
        let hub = &mut desk.fake.inside().hub;
        match behind {
            Behind::Check => (hub.auto_merge, hub.protected) = (true, vec!["secret"]),
            Behind::Queue => hub.queue = Some(false),
        }
    }
    // Whether it may is asked as it is opened.
    desk.deployer = opened(&desk, journal).await.into();
    desk
}

async fn opened(desk: &Desk, journal: &Arc<MemoryJournal>) -> GitHubDeployer {
    let builder = GitHubDeployer::builder(desk.fake.repository().await)
        .checks(GitHubChecks::required(["test"]).with_settle(Duration::ZERO))
        .live(Live::deployments("production"))
        .waits_on_github(Arc::clone(journal) as Arc<dyn Journal>);
    builder.open().await.unwrap()
}

fn freeze() -> Freeze {
    let (from, to) = (Timestamp::from_ms(0), Timestamp::from_ms(i64::MAX));
    Freeze { from, to, why: String::from("for a test") }
}

fn waits(desk: &Desk) -> bool {
    desk.fake.inside().hub.pulls.iter().any(|pull| pull.auto.is_some() || pull.queued)
}

/// What it waits for comes.
fn passes(desk: &Desk) {
    let hub = &mut desk.fake.inside().hub;
    if hub.queue.is_some() {
        hub.queue = Some(true);
    }
    let passed = Check { of: None, name: "secret", conclusion: Some("success"), log: None };
    hub.checks.push(passed);
}

async fn until_it_waits_no_more(desk: &Desk, what: &str) {
    let over = async {
        while waits(desk) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let over = tokio::time::timeout(Duration::from_secs(60), over).await;
    assert!(over.is_ok(), "{what}: it still waits");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_merged_once_what_is_required_is_met() {
    for behind in BOTH {
        let (way, _, _) = begun(behind).await;
        assert_eq!(way.look(EffectKind::Merge).await, Some(Rollout::Checking), "{behind:?}");
        passes(&way.desk);
        let seen = way.look(EffectKind::Merge).await;
        let commit = way.desk.head().await;
        assert_eq!(seen, Some(Rollout::Merged { commit }), "{behind:?}");
        if behind == Behind::Check {
            way.desk.fake.git(&["fetch", "-q", "origin"]);
            let message = way.desk.fake.git(&["log", "-1", "--format=%B", "origin/main"]);
            assert!(message.contains("\n\nAegis-Incident: i1\nAegis-Key: "), "{message}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_merges_after_the_kill_switch_or_in_a_freeze() {
    for (behind, kills) in BOTH.into_iter().flat_map(|behind| [(behind, true), (behind, false)]) {
        let (way, operator, head) = begun(behind).await;
        match kills {
            true => operator.pause("for a test").await.unwrap(),
            false => operator.freeze(freeze()).await.unwrap(),
        }
        until_it_waits_no_more(&way.desk, "stopped").await;
        // Nor does a call that is under way begin anew.
        way.desk.deployer.merge(&way.merge(head)).await.unwrap();
        assert!(!waits(&way.desk), "{behind:?}");
        passes(&way.desk);
        let seen = way.look(EffectKind::Merge).await;
        assert!(matches!(seen, Some(Rollout::Ready { .. })), "{behind:?}: {seen:?}");
        assert_eq!(way.desk.head().await, way.base, "{behind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_moved_waits_no_more() {
    for behind in BOTH {
        let (way, _, _) = begun(behind).await;
        way.desk.push_by_person().await;
        until_it_waits_no_more(&way.desk, "the base").await;
        let (way, _, _) = begun(behind).await;
        way.desk.push("aegis/fix-i1", "extra.py", "x = 2\n");
        until_it_waits_no_more(&way.desk, "the head").await;
        assert_eq!(way.look(EffectKind::Merge).await, Some(Rollout::Conflict));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_that_moved_is_answered_when_nothing_waits_any_more() {
    for behind in BOTH {
        let (way, _, head) = begun(behind).await;
        let base = way.desk.push_by_person().await;
        let seen = way.desk.deployer.merge(&way.merge(head)).await.unwrap();
        assert_eq!(seen, Rollout::BaseMoved { base }, "{behind:?}");
        assert!(!waits(&way.desk), "{behind:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_withdrawn_is_taken_out_before_it_is_closed() {
    for behind in BOTH {
        let (way, _, _) = begun(behind).await;
        way.desk.fake.calls();
        let key = way.key(EffectKind::Withdraw);
        assert_eq!(way.desk.deployer.withdraw(&key, "a").await.unwrap(), Rollout::Withdrawn);
        let calls = way.desk.fake.calls();
        let name = if behind == Behind::Queue { "dequeue" } else { "disable" };
        let out =
            |call: &Call| call.asked.as_ref().is_some_and(|asked| asked.to_string().contains(name));
        let [out, closed] =
            [calls.iter().position(out), calls.iter().position(|c| c.method == "PATCH")];
        assert!(out.is_some() && out < closed, "{behind:?}: {calls:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_process_left_waiting_is_watched_from_the_next_look() {
    for behind in BOTH {
        let journal = Arc::new(MemoryJournal::new());
        let mut way = Way::new(desk(behind, &journal).await).await;
        way.ready().await;
        match behind {
            Behind::Check => {
                let auto = (String::from("merge"), String::from("Left"));
                way.desk.fake.inside().hub.pulls[0].auto = Some(auto);
            }
            Behind::Queue => way.desk.fake.inside().hub.pulls[0].queued = true,
        }
        way.desk.deployer = opened(&way.desk, &journal).await.into();
        Operator::new(journal).pause("for a test").await.unwrap();
        assert_eq!(way.look(EffectKind::Merge).await, Some(Rollout::Checking), "{behind:?}");
        until_it_waits_no_more(&way.desk, "left").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_write_that_begins_or_ends_it_may_be_lost() {
    let failed = Fault::Status(502, vec![], "Bad Gateway");
    for behind in BOTH {
        for fault in [Fault::Drop, failed.clone()] {
            let journal = Arc::new(MemoryJournal::new());
            let way = Way::new(desk(behind, &journal).await).await;
            let head = way.ready().await;
            way.desk.fake.inside().lose_write = Some((1, fault.clone()));
            let order = way.merge(head);
            let waits_there = |seen: &Rollout| *seen == Rollout::Checking;
            let merge = async || way.desk.deployer.merge(&order).await;
            way.insist(EffectKind::Merge, waits_there, merge).await;
            assert!(way.desk.fake.inside().lose_write.is_none());
            assert!(waits(&way.desk), "{behind:?} {fault:?}");
            way.desk.fake.inside().lose_write = Some((0, fault));
            Operator::new(journal).pause("for a test").await.unwrap();
            until_it_waits_no_more(&way.desk, "lost").await;
            assert_eq!(way.desk.head().await, way.base);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_became_mergeable_meanwhile_is_merged_at_once() {
    let journal = Arc::new(MemoryJournal::new());
    let way = Way::new(desk(Behind::Check, &journal).await).await;
    let head = way.ready().await;
    passes(&way.desk);
    let refusal = Fault::Status(405, vec![], "Required status check \"secret\" is expected.");
    way.desk.fake.fault("PUT /repos/acme/shop/pulls/1/merge", refusal);
    let seen = way.desk.deployer.merge(&way.merge(head)).await.unwrap();
    assert!(matches!(seen, Rollout::Merged { .. }), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_merge_queue_needs_to_be_said() {
    let way = Way::new(Desk::new().await).await;
    way.desk.fake.inside().hub.queue = Some(false);
    let head = way.ready().await;
    let refused = way.desk.deployer.merge(&way.merge(head)).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    assert!(refused.to_string().contains("waits_on_github"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revert_goes_the_same_way_and_a_freeze_does_not_stop_it() {
    for behind in BOTH {
        let (way, operator, _) = begun(behind).await;
        passes(&way.desk);
        let Some(Rollout::Merged { commit }) = way.look(EffectKind::Merge).await else { panic!() };
        {
            let hub = &mut way.desk.fake.inside().hub;
            hub.queue = hub.queue.map(|_| false);
            hub.checks.retain(|check| check.name != "secret");
        }
        operator.freeze(freeze()).await.unwrap();
        let order = way.revert(&commit);
        assert_eq!(
            way.desk.deployer.revert(&order).await.unwrap(),
            Rollout::Checking,
            "{behind:?}"
        );
        // It keeps what comes later, so it goes on waiting when something does.
        way.desk.push_by_person().await;
        way.desk.fake.calls();
        let looked = async {
            let mut looks = 0;
            while looks < 2 {
                tokio::time::sleep(Duration::from_millis(20)).await;
                let calls = way.desk.fake.calls();
                looks += calls.iter().filter(|call| call.path.ends_with("/pulls/2")).count();
            }
        };
        tokio::time::timeout(Duration::from_secs(60), looked).await.unwrap();
        assert!(waits(&way.desk), "{behind:?}");
        passes(&way.desk);
        let seen = way.look(EffectKind::Revert).await;
        assert!(matches!(seen, Some(Rollout::Merged { .. })), "{behind:?}: {seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_not_asked_about_at_each_look() {
    let (way, _, _) = begun(Behind::Queue).await;
    way.desk.fake.calls();
    for _ in 0..20 {
        assert_eq!(way.look(EffectKind::Merge).await, Some(Rollout::Checking));
    }
    let calls = way.desk.fake.calls();
    let asked = calls.iter().filter(|call| call.path == "/graphql").count();
    assert!(asked < 20, "{asked}");
}
