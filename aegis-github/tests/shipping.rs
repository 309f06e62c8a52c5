//! What becomes of a fix on GitHub when answers are lost and people take part.

use aegis_core::model::{Fix, FixKind};
use aegis_core::patch::{Edit, Patch};
use aegis_core::stage::{Deployer as _, Rollout};
use aegis_core::testkit::conformance::deploy::Bench as _;
use aegis_core::testkit::mint;
use aegis_core::{EffectKind, ErrorKind, Revision};
use aegis_github::testkit::{self, Fault};

use crate::deployer::Desk;
use crate::way::Way;

/// Loses each write in turn, before and after it is done.
async fn each_write_lost(desk: impl AsyncFn() -> Desk, expected: usize) {
    let way = Way::new(desk().await).await;
    let writes = way.all().await;
    way.is_once("nothing lost").await;
    assert_eq!(writes, expected);
    let failed = Fault::Status(502, vec![], "Bad Gateway");
    for (name, fault) in [("acted, then lost", Fault::Drop), ("never arrived", failed)] {
        for n in 0..writes {
            let way = Way::new(desk().await).await;
            way.desk.fake.inside().lose_write = Some((n, fault.clone()));
            way.all().await;
            let hit = way.desk.fake.inside().lose_write.is_none();
            assert!(hit, "write {n} was never made");
            way.is_once(&format!("write {n} {name}")).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_done_twice_whichever_write_s_answer_is_lost() {
    each_write_lost(Desk::new, 12).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_done_twice_where_github_makes_the_commits() {
    each_write_lost(Desk::signing, 14).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heal_takes_few_calls() {
    for (how, desk) in [("Git's objects", Desk::new().await), ("GitHub", Desk::signing().await)] {
        let way = Way::new(desk).await;
        way.desk.fake.calls();
        way.merged().await;
        way.desk.make_live().await;
        let seen = way.look(EffectKind::Merge).await;
        assert!(matches!(seen, Some(Rollout::Live { .. })), "{seen:?}");
        way.desk.deployer.amend(&way.key(EffectKind::Submit), "It is kept.").await.unwrap();
        let calls = way.desk.fake.calls();
        println!("{} calls for one heal, its commit made by {how}", calls.len());
        assert!(calls.len() < 40, "{calls:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_of_a_fix_is_said_where_it_is_shown_and_once() {
    let way = Way::new(Desk::new().await).await;
    way.merged().await;
    let body = || way.desk.fake.inside().hub.pulls[0].body.clone();
    let note = body().lines().next().unwrap().to_owned();
    let key = way.key(EffectKind::Submit);
    let other = mint::key(&way.case, 2, EffectKind::Submit);
    way.desk.deployer.amend(&other, "Of another attempt.").await.unwrap();
    assert!(body().ends_with("\nFor a test."), "{}", body());
    for _ in 0..2 {
        way.desk.deployer.amend(&key, "It is kept.").await.unwrap();
        assert_eq!(body(), format!("{note}\nIt is kept."));
    }
    let calls = way.desk.fake.calls();
    let amended = calls.iter().filter(|call| call.method == "PATCH").count();
    assert_eq!(amended, 1, "{calls:#?}");
    assert!(matches!(way.look(EffectKind::Merge).await, Some(Rollout::Merged { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pull_request_says_what_it_is_and_the_commit_whose() {
    let way = Way::new(Desk::new().await).await;
    way.desk.deployer.submit(&way.order(true)).await.unwrap();
    let pull = way.desk.fake.inside().hub.pulls[0].clone();
    assert_eq!((pull.title.as_str(), pull.base.as_str()), ("Change app.py", "main"));
    assert_eq!(pull.labels, ["aegis"]);
    assert!(pull.body.starts_with("<!-- aegis {"), "{}", pull.body);
    assert!(pull.body.ends_with("\nFor a test."), "{}", pull.body);
    way.desk.fake.git(&["fetch", "-q", "origin"]);
    let message = way.desk.fake.git(&["log", "-1", "--format=%B", "origin/aegis/fix-i1"]);
    let mut lines = message.lines();
    assert_eq!(lines.next(), Some("Change app.py"));
    assert!(message.contains("\n\nAegis-Incident: i1\nAegis-Key: shop/i1/1/submit\n"), "{message}");
    assert_eq!(way.look(EffectKind::Submit).await, Some(Rollout::AwaitingPerson));
    // On a person's word the same fix is cleared, and stays what it is.
    assert!(matches!(way.submitted().await, Rollout::Ready { .. }));
    assert_eq!(way.desk.fake.inside().hub.pulls.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_for_one_request() {
    let way = Way::new(Desk::new().await).await;
    way.submitted().await;
    let other = way.desk.fix(1, &way.base);
    let order = mint::order(&way.case, 1, &other, &way.base, false).unwrap();
    let refused = way.desk.deployer.submit(&order).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Invalid);
    assert!(refused.to_string().contains("another request"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_takes_part_is_left_alone() {
    type Change = (&'static str, fn(&Desk));
    let changes: [Change; 4] = [
        ("takes the branch's name", |desk| {
            desk.fake.git(&["push", "-q", "origin", "main:aegis/fix-i1"]);
        }),
        ("pushes to it", |desk| drop(desk.push("aegis/fix-i1", "extra.py", "x = 2\n"))),
        ("rewrites what it says", |desk| {
            desk.fake.inside().hub.pulls[0].body = String::from("Mine now.");
        }),
        ("points it at another branch", |desk| {
            desk.fake.inside().hub.pulls[0].base = String::from("aegis/fix-i1");
        }),
    ];
    for (n, (what, change)) in changes.into_iter().enumerate() {
        let way = Way::new(Desk::new().await).await;
        if n > 0 {
            way.submitted().await;
        }
        change(&way.desk);
        let before = way.desk.branches().await;
        let seen = way.look(EffectKind::Submit).await;
        assert_eq!(seen, Some(Rollout::Conflict), "{what}");
        assert_eq!(way.submitted().await, Rollout::Conflict, "{what}");
        let key = way.key(EffectKind::Withdraw);
        let seen = way.desk.deployer.withdraw(&key, "tidying").await.unwrap();
        assert_eq!(seen, Rollout::Conflict, "{what}");
        assert_eq!(way.desk.branches().await, before, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_withdrawn_and_a_person_opens_again_is_the_person_s() {
    let way = Way::new(Desk::new().await).await;
    way.submitted().await;
    let head = way.desk.branches().await["aegis/fix-i1"].clone();
    let key = way.key(EffectKind::Withdraw);
    assert_eq!(way.desk.deployer.withdraw(&key, "tidying").await.unwrap(), Rollout::Withdrawn);
    way.desk.fake.git(&["fetch", "-q", "../shop.git", head.as_str()]);
    way.desk.fake.git(&["push", "-q", "origin", &format!("{head}:refs/heads/aegis/fix-i1")]);
    way.desk.fake.inside().hub.pulls[0].open = true;
    assert_eq!(way.look(EffectKind::Submit).await, Some(Rollout::Conflict));
    let seen = way.desk.deployer.merge(&way.merge(head)).await.unwrap();
    assert_eq!(seen, Rollout::Conflict);
    assert_eq!(way.desk.head().await, way.base);
}

#[tokio::test(flavor = "multi_thread")]
async fn later_work_on_the_same_file_is_not_reverted_over() {
    let way = Way::new(Desk::new().await).await;
    let commit = way.merged().await;
    way.desk.push("main", "app.py", "print('the shop')\nprint('open')\n");
    let seen = way.desk.deployer.revert(&way.revert(&commit)).await.unwrap();
    assert_eq!(seen, Rollout::Conflict);
    assert_eq!(way.desk.fake.inside().hub.pulls.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revert_that_somebody_made_already_is_found_again() {
    let way = Way::new(Desk::new().await).await;
    let commit = way.merged().await;
    let by_hand = way.desk.push("main", "app.py", "print('shop')\n");
    let merged = Rollout::Merged { commit: by_hand };
    for _ in 0..2 {
        let seen = way.desk.deployer.revert(&way.revert(&commit)).await.unwrap();
        assert_eq!(seen, merged);
        assert_eq!(way.look(EffectKind::Revert).await, Some(merged.clone()));
    }
    assert_eq!(way.desk.fake.inside().hub.pulls.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_executable_file_stays_one_and_what_was_made_is_gone_after_the_revert() {
    for desk in [Desk::new().await, Desk::signing().await] {
        an_executable_file(desk).await;
    }
}

async fn an_executable_file(desk: Desk) {
    let way = Way::new(desk).await;
    way.desk.fake.write("run.sh", b"#!/bin/sh\nold\n");
    let runs = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(way.desk.fake.work().join("run.sh"), runs).unwrap();
    let base = Revision::new(way.desk.fake.push("Add", &[]));
    let edits = vec![
        Edit::Replace { path: "run.sh".into(), search: "old\n".into(), replace: "new\n".into() },
        Edit::Create { path: "new/file.py".into(), text: "y = 1\n".into() },
    ];
    let fix = Fix::new(FixKind::Patch(Patch::new(base.clone(), edits)), "Change two", "test");
    let order = mint::order(&way.case, 1, &fix, &base, false).unwrap();
    let Rollout::Ready { head } = way.desk.deployer.submit(&order).await.unwrap() else {
        panic!("not ready")
    };
    let text = |path| testkit::text(&way.desk.fake.inside(), "main", path);
    let order = mint::merge_order(&way.case, 1, &fix, &base, head).unwrap();
    let merged = way.desk.deployer.merge(&order).await.unwrap();
    assert_eq!(text("run.sh"), Some((String::from("#!/bin/sh\nnew\n"), 1)));
    assert_eq!(text("new/file.py"), Some((String::from("y = 1\n"), 0)));
    let Rollout::Merged { commit } = merged else { panic!("{merged:?}") };
    way.desk.deployer.revert(&way.revert(&commit)).await.unwrap();
    assert_eq!(text("run.sh"), Some((String::from("#!/bin/sh\nold\n"), 1)));
    assert_eq!(text("new/file.py"), None);
    assert!(text("app.py").is_some());
}
