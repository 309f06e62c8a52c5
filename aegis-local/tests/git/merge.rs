use aegis_core::stage::{Deployer as _, Feedback, Rollout};
use aegis_core::testkit::mint;
use aegis_core::{EffectKind, Timestamp};
use aegis_local::git::{Refusal, Running};

use super::workshop::*;

#[tokio::test]
async fn the_verified_head_is_merged_and_the_checkout_follows() {
    let shop = Workshop::new();
    let deployer = shop.deployer().await;
    let (fix, base) = (shop.guard(), shop.head());
    let head = ready(deployer.submit(&shop.order("i1", &fix)).await.unwrap());
    let order = mint::merge_order(&case("i1"), 1, &fix, &base, head.clone()).unwrap();
    let commit = merged(deployer.merge(&order).await.unwrap());

    assert_eq!(shop.head(), commit);
    let repo = shop.raw();
    let parents: Vec<_> = repo.find_commit(id(&commit)).unwrap().parent_ids().collect();
    assert_eq!(parents, [id(&base), id(&head)]);
    let message = shop.message(&commit);
    assert!(
        message.starts_with("Merge aegis/fix-i1: Change app.py\n\nAegis-Incident: i1\n"),
        "{message}"
    );
    assert!(message.contains("\nAegis-Key: shop/i1/1/merge\n"), "{message}");
    let there = std::fs::read_to_string(shop.path().join("app.py")).unwrap();
    assert!(there.contains("if n == 0"), "{there}");
    assert!(repo.statuses(None).unwrap().is_empty(), "the checkout is clean");

    let again = mint::merge_order(&case("i1"), 1, &fix, &base, head).unwrap();
    assert_eq!(merged(deployer.merge(&again).await.unwrap()), commit, "merged once");
    assert_eq!(shop.head(), commit);
}

#[tokio::test]
async fn every_key_of_the_attempt_finds_the_merge_after_a_crash_and_after_later_work() {
    let shop = Workshop::new();
    let commit = ship(&shop, &shop.deployer().await, "i1", &shop.guard()).await;
    shop.commit(&[("later.py", Some("x = 1\n"))], "Go on");
    shop.delete(&branch("i1"));
    let deployer = shop.deployer().await;
    for kind in [EffectKind::Submit, EffectKind::Merge, EffectKind::Withdraw] {
        let found = deployer.lookup(&key("i1", kind)).await.unwrap();
        assert_eq!(found, Some(Rollout::Merged { commit: commit.clone() }), "{kind:?}");
    }
    assert_eq!(deployer.lookup(&key("i2", EffectKind::Merge)).await.unwrap(), None);
}

#[tokio::test]
async fn another_head_than_the_verified_one_is_never_merged() {
    let shop = Workshop::new();
    let deployer = shop.deployer().await;
    let (fix, base) = (shop.guard(), shop.head());
    ready(deployer.submit(&shop.order("i1", &fix)).await.unwrap());
    let order = mint::merge_order(&case("i1"), 1, &fix, &base, base.clone()).unwrap();
    assert_eq!(deployer.merge(&order).await.unwrap(), Rollout::Conflict);
    assert_eq!(shop.head(), base);
}

#[tokio::test]
async fn a_merge_on_a_moved_base_is_refused() {
    let shop = Workshop::new();
    let deployer = shop.deployer().await;
    let (fix, base) = (shop.guard(), shop.head());
    let head = ready(deployer.submit(&shop.order("i1", &fix)).await.unwrap());
    let moved = shop.commit(&[("later.py", Some("x = 1\n"))], "Go on");
    let order = mint::merge_order(&case("i1"), 1, &fix, &base, head).unwrap();
    let rollout = deployer.merge(&order).await.unwrap();
    assert_eq!(rollout, Rollout::BaseMoved { base: moved.clone() });
    assert_eq!(shop.head(), moved);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_merges_at_once_one_wins_and_the_other_is_told() {
    let shop = Workshop::new();
    let (a, b) = (shop.deployer().await, shop.deployer().await);
    let base = shop.head();
    let (one, two) = (shop.guard(), shop.replace("app.py", "    return 1\n", "    return 2\n"));
    let first = ready(a.submit(&shop.order("i1", &one)).await.unwrap());
    let second = ready(b.submit(&shop.order("i2", &two)).await.unwrap());
    let first = mint::merge_order(&case("i1"), 1, &one, &base, first).unwrap();
    let second = mint::merge_order(&case("i2"), 1, &two, &base, second).unwrap();
    let (x, y) = tokio::join!(a.merge(&first), b.merge(&second));
    let mut ends = [x.unwrap(), y.unwrap()];
    ends.sort_by_key(|r| matches!(r, Rollout::BaseMoved { .. }));
    let [won, lost] = ends;
    let commit = merged(won);
    assert_eq!(shop.head(), commit);
    assert_eq!(lost, Rollout::BaseMoved { base: commit });
}

#[tokio::test]
async fn live_is_what_is_reported_running_and_never_the_merge_itself() {
    let shop = Workshop::new();
    let runner = std::sync::Arc::new(Runner::default());
    let deployer = shop.deployer_beside(runner.clone()).await;
    let base = shop.head();
    *runner.running.lock().unwrap() = Some(Running::new(base.clone(), Timestamp::from_ms(1)));
    let commit = ship(&shop, &deployer, "i1", &shop.guard()).await;
    let key = key("i1", EffectKind::Merge);

    let why = Feedback::new("not healthy within 30 s", "log");
    *runner.refused.lock().unwrap() = Some(Refusal::new(commit.clone(), why.clone()));
    assert_eq!(deployer.lookup(&key).await.unwrap(), Some(Rollout::Failed(why)));

    let (later, at) =
        (shop.commit(&[("later.py", Some("x = 1\n"))], "Go on"), Timestamp::from_ms(7));
    *runner.running.lock().unwrap() = Some(Running::new(later.clone(), at));
    let live = Rollout::Live { release: later, at, commit: Some(commit.clone()) };
    assert_eq!(deployer.lookup(&key).await.unwrap(), Some(live.clone()));
    assert_eq!(deployer.withdraw(&key, "too late").await.unwrap(), live);

    *runner.refused.lock().unwrap() = None;
    *runner.running.lock().unwrap() = Some(Running::new("f".repeat(40), at));
    assert_eq!(deployer.lookup(&key).await.unwrap(), Some(Rollout::Merged { commit }));
}
