use aegis_core::model::{Author, Fix, FixKind, Release};
use aegis_core::stage::{Deployer as _, Rollout};
use aegis_core::testkit::mint;
use aegis_core::{EffectKind, Timestamp};

use super::workshop::*;

#[tokio::test]
async fn a_revert_takes_back_the_merge_and_keeps_later_work() {
    let shop = Workshop::new();
    let deployer = shop.deployer().await;
    let commit = ship(&shop, &deployer, "i1", &shop.guard()).await;
    let later = shop.commit(&[("later.py", Some("x = 1\n"))], "Go on");
    let order = mint::revert_order(&case("i1"), 1, &commit).unwrap();
    let reverted = merged(deployer.revert(&order).await.unwrap());

    assert_eq!(shop.head(), reverted);
    assert_eq!(shop.text(&reverted, "app.py").unwrap(), APP);
    assert!(shop.text(&reverted, "later.py").is_some(), "later work stays");
    let repo = shop.raw();
    let parents: Vec<_> = repo.find_commit(id(&reverted)).unwrap().parent_ids().collect();
    assert_eq!(parents, [id(&later)]);
    assert_eq!(shop.at("refs/heads/aegis/revert-i1"), Some(reverted.clone()));
    let message = shop.message(&reverted);
    assert!(message.contains("- latency doubled\n"), "{message}");
    assert!(message.ends_with(&format!("Aegis-Key: shop/i1/1/revert\nAegis-Reverts: {commit}\n")));
    assert_eq!(std::fs::read_to_string(shop.path().join("app.py")).unwrap(), APP, "checked out");

    let again = mint::revert_order(&case("i1"), 1, &commit).unwrap();
    assert_eq!(merged(deployer.revert(&again).await.unwrap()), reverted, "reverted once");
    assert_eq!(shop.head(), reverted);
    let found = shop.deployer().await.lookup(&key("i1", EffectKind::Revert)).await.unwrap();
    assert_eq!(found, Some(Rollout::Merged { commit: reverted }));
}

#[tokio::test]
async fn a_revert_is_found_by_its_trailer_where_every_note_is_lost() {
    let shop = Workshop::new();
    let deployer = shop.deployer().await;
    let commit = ship(&shop, &deployer, "i1", &shop.guard()).await;
    let order = mint::revert_order(&case("i1"), 1, &commit).unwrap();
    let reverted = merged(deployer.revert(&order).await.unwrap());
    shop.delete("refs/aegis/reverting/aegis/revert-i1");
    shop.delete("refs/heads/aegis/revert-i1");
    let key = key("i1", EffectKind::Revert);
    assert_eq!(
        deployer.lookup(&key).await.unwrap(),
        Some(Rollout::Merged { commit: reverted.clone() })
    );
    assert_eq!(merged(deployer.revert(&order).await.unwrap()), reverted);
}

#[tokio::test]
async fn a_revert_that_was_only_prepared_when_the_process_died_counts_as_none() {
    let shop = Workshop::new();
    let deployer = shop.deployer().await;
    let commit = ship(&shop, &deployer, "i1", &shop.guard()).await;
    let loose = shop.commit_to("refs/heads/loose", &[("x.py", Some("x\n"))], "Prepared");
    shop.raw().reference("refs/aegis/reverting/aegis/revert-i1", id(&loose), true, "").unwrap();
    assert_eq!(deployer.lookup(&key("i1", EffectKind::Revert)).await.unwrap(), None);
    let order = mint::revert_order(&case("i1"), 1, &commit).unwrap();
    let reverted = merged(deployer.revert(&order).await.unwrap());
    assert_eq!(shop.text(&reverted, "app.py").unwrap(), APP);
}

#[tokio::test]
async fn a_revert_that_is_not_clean_is_a_conflict() {
    let shop = Workshop::new();
    let deployer = shop.deployer().await;
    let commit = ship(&shop, &deployer, "i1", &shop.guard()).await;
    let rewritten = APP.replace("    return total / n\n", "    return total // max(n, 1)\n");
    let head = shop.commit(&[("app.py", Some(&rewritten))], "Rewrite");
    let order = mint::revert_order(&case("i1"), 1, &commit).unwrap();
    assert_eq!(deployer.revert(&order).await.unwrap(), Rollout::Conflict);
    assert_eq!(shop.head(), head);
    assert_eq!(deployer.lookup(&key("i1", EffectKind::Revert)).await.unwrap(), None);
}

#[tokio::test]
async fn what_a_person_took_back_already_needs_no_commit() {
    let shop = Workshop::new();
    let deployer = shop.deployer().await;
    let commit = ship(&shop, &deployer, "i1", &shop.guard()).await;
    let by_hand = shop.commit(&[("app.py", Some(APP))], "Back to before");
    let order = mint::revert_order(&case("i1"), 1, &commit).unwrap();
    for _ in 0..2 {
        assert_eq!(merged(deployer.revert(&order).await.unwrap()), by_hand);
        assert_eq!(shop.head(), by_hand);
    }
    let found = deployer.lookup(&key("i1", EffectKind::Revert)).await.unwrap();
    assert_eq!(found, Some(Rollout::Merged { commit: by_hand }));
}

#[tokio::test]
async fn a_revert_that_a_person_undid_is_not_made_again() {
    let shop = Workshop::new();
    let deployer = shop.deployer().await;
    let commit = ship(&shop, &deployer, "i1", &shop.guard()).await;
    let order = mint::revert_order(&case("i1"), 1, &commit).unwrap();
    let reverted = merged(deployer.revert(&order).await.unwrap());
    let healed = shop.text(&commit, "app.py").unwrap();
    let head = shop.commit(&[("app.py", Some(&healed))], "Keep it after all");
    assert_eq!(merged(deployer.revert(&order).await.unwrap()), reverted);
    assert_eq!(shop.head(), head);
}

#[tokio::test]
async fn a_commit_that_is_not_on_the_release_branch_can_not_be_reverted() {
    let shop = Workshop::new();
    let deployer = shop.deployer().await;
    let elsewhere = shop.commit_to("refs/heads/side", &[("x.py", Some("x\n"))], "Aside");
    let order = mint::revert_order(&case("i1"), 1, &elsewhere).unwrap();
    assert_eq!(deployer.revert(&order).await.unwrap(), Rollout::Conflict);
}

#[tokio::test]
async fn a_suspected_release_is_taken_back_whole_by_a_fix() {
    let shop = Workshop::new();
    let deployer = shop.deployer().await;
    let previous = shop.head();
    shop.commit(&[("app.py", Some("raise SystemExit\n"))], "Release, first half");
    let bad = shop.commit(&[("second.py", Some("x = 1\n"))], "Release, second half");
    shop.commit(&[("later.py", Some("x = 1\n"))], "Go on");
    let release =
        Release::new("shop".into(), bad, Timestamp::from_ms(1), Author::Person("Ada".into()));
    let both = release.clone().with_previous(Some(previous));

    let fix = Fix::new(FixKind::Revert(both), "Take the release back", "test");
    let head = ready(deployer.submit(&shop.order("i1", &fix)).await.unwrap());
    assert_eq!(shop.text(&head, "app.py").unwrap(), APP);
    assert_eq!(shop.text(&head, "second.py"), None);
    assert!(shop.text(&head, "later.py").is_some());

    let fix = Fix::new(FixKind::Revert(release), "Take one commit back", "test");
    let head = ready(deployer.submit(&shop.order("i2", &fix)).await.unwrap());
    assert_eq!(shop.text(&head, "second.py"), None);
    assert_ne!(shop.text(&head, "app.py").unwrap(), APP, "its other commit is not known");
}
