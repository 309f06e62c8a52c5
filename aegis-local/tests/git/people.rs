use aegis_core::EffectKind;
use aegis_core::stage::{Deployer as _, Rollout};
use aegis_core::testkit::mint;

use super::workshop::*;

#[tokio::test]
async fn a_proposal_waits_for_a_person_whose_merge_is_seen() {
    let shop = Workshop::new();
    let deployer = shop.deployer().await;
    let (fix, base) = (shop.guard(), shop.head());
    let order = mint::order(&case("i1"), 1, &fix, &base, true).unwrap();
    assert_eq!(deployer.submit(&order).await.unwrap(), Rollout::AwaitingPerson);
    let found = shop.deployer().await.lookup(order.key()).await.unwrap();
    assert_eq!(found, Some(Rollout::AwaitingPerson), "known from the repository alone");

    shop.commit(&[("later.py", Some("x = 1\n"))], "Go on");
    let commit = shop.merge_by_hand("aegis/fix-i1");
    let found = deployer.lookup(order.key()).await.unwrap();
    assert_eq!(found, Some(Rollout::Merged { commit }));
}

#[tokio::test]
async fn a_person_may_merge_by_fast_forward() {
    let shop = Workshop::new();
    let deployer = shop.deployer().await;
    let order = mint::order(&case("i1"), 1, &shop.guard(), &shop.head(), true).unwrap();
    deployer.submit(&order).await.unwrap();
    let head = shop.at(&branch("i1")).unwrap();
    shop.raw().reference("refs/heads/main", id(&head), true, "merge: fast-forward").unwrap();
    let found = deployer.lookup(order.key()).await.unwrap();
    assert_eq!(found, Some(Rollout::Merged { commit: head }));
}

#[tokio::test]
async fn a_proposal_that_was_cleared_later_can_be_merged() {
    let shop = Workshop::new();
    let deployer = shop.deployer().await;
    let (fix, base) = (shop.guard(), shop.head());
    let proposal = mint::order(&case("i1"), 1, &fix, &base, true).unwrap();
    deployer.submit(&proposal).await.unwrap();
    let head = ready(deployer.submit(&shop.order("i1", &fix)).await.unwrap());
    let found = shop.deployer().await.lookup(proposal.key()).await.unwrap();
    assert_eq!(found, Some(Rollout::Ready { head }));
}

#[tokio::test]
async fn a_deleted_branch_was_closed_by_a_person() {
    let shop = Workshop::new();
    let deployer = shop.deployer().await;
    let (fix, base) = (shop.guard(), shop.head());
    let head = ready(deployer.submit(&shop.order("i1", &fix)).await.unwrap());
    shop.delete(&branch("i1"));

    let closed = Rollout::ClosedByPerson;
    let key = key("i1", EffectKind::Submit);
    assert_eq!(deployer.lookup(&key).await.unwrap(), Some(closed.clone()));
    let order = mint::merge_order(&case("i1"), 1, &fix, &base, head).unwrap();
    assert_eq!(deployer.merge(&order).await.unwrap(), closed);
    assert_eq!(
        deployer.submit(&shop.order("i1", &fix)).await.unwrap(),
        closed,
        "not offered again"
    );
    assert_eq!(shop.at(&branch("i1")), None);
    assert_eq!(shop.head(), base);
}

#[tokio::test]
async fn a_branch_that_a_person_pushed_onto_is_theirs() {
    let shop = Workshop::new();
    let deployer = shop.deployer().await;
    let (fix, base) = (shop.guard(), shop.head());
    let head = ready(deployer.submit(&shop.order("i1", &fix)).await.unwrap());
    let pushed = shop.commit_to(&branch("i1"), &[("app.py", Some("x = 1\n"))], "Do it my way");

    let key = key("i1", EffectKind::Submit);
    assert_eq!(deployer.lookup(&key).await.unwrap(), Some(Rollout::Conflict));
    let order = mint::merge_order(&case("i1"), 1, &fix, &base, head).unwrap();
    assert_eq!(deployer.merge(&order).await.unwrap(), Rollout::Conflict);
    assert_eq!(deployer.withdraw(&key, "expired").await.unwrap(), Rollout::Conflict);
    assert_eq!(shop.at(&branch("i1")), Some(pushed), "left alone");
    assert_eq!(shop.head(), base);
}

#[tokio::test]
async fn a_branch_name_that_somebody_took_is_left_alone() {
    let shop = Workshop::new();
    let deployer = shop.deployer().await;
    let theirs = shop.commit_to(&branch("i1"), &[("x.py", Some("x = 1\n"))], "Mine");
    let rollout = deployer.submit(&shop.order("i1", &shop.guard())).await.unwrap();
    assert_eq!(rollout, Rollout::Conflict);
    assert_eq!(shop.at(&branch("i1")), Some(theirs));
}

#[tokio::test]
async fn what_was_withdrawn_is_gone_and_stays_withdrawn() {
    let shop = Workshop::new();
    let deployer = shop.deployer().await;
    let (fix, base) = (shop.guard(), shop.head());
    let head = ready(deployer.submit(&shop.order("i1", &fix)).await.unwrap());
    let key = key("i1", EffectKind::Withdraw);
    for _ in 0..2 {
        assert_eq!(deployer.withdraw(&key, "expired\nreally").await.unwrap(), Rollout::Withdrawn);
        assert_eq!(shop.at(&branch("i1")), None);
    }
    let found = shop.deployer().await.lookup(&key).await.unwrap();
    assert_eq!(found, Some(Rollout::Withdrawn));
    let order = mint::merge_order(&case("i1"), 1, &fix, &base, head).unwrap();
    assert_eq!(deployer.merge(&order).await.unwrap(), Rollout::Withdrawn);
    assert_eq!(deployer.submit(&shop.order("i1", &fix)).await.unwrap(), Rollout::Withdrawn);
    assert_eq!(shop.head(), base);
}

#[tokio::test]
async fn a_withdrawal_that_a_crash_cut_short_is_finished() {
    let shop = Workshop::new();
    let deployer = shop.deployer().await;
    let head = ready(deployer.submit(&shop.order("i1", &shop.guard())).await.unwrap());
    shop.raw().reference("refs/aegis/withdrawn/aegis/fix-i1", id(&head), true, "").unwrap();
    let key = key("i1", EffectKind::Withdraw);
    assert_eq!(deployer.lookup(&key).await.unwrap(), Some(Rollout::Withdrawn));
    assert_eq!(deployer.withdraw(&key, "again").await.unwrap(), Rollout::Withdrawn);
    assert_eq!(shop.at(&branch("i1")), None);
}

#[tokio::test]
async fn withdrawing_comes_too_late_after_a_merge_and_does_nothing_before_a_submit() {
    let shop = Workshop::new();
    let deployer = shop.deployer().await;
    let key = key("i1", EffectKind::Withdraw);
    let before = shop.refs();
    assert_eq!(deployer.withdraw(&key, "never mind").await.unwrap(), Rollout::Withdrawn);
    assert_eq!(shop.refs(), before);
    let commit = ship(&shop, &deployer, "i1", &shop.guard()).await;
    assert_eq!(merged(deployer.withdraw(&key, "late").await.unwrap()), commit);
    assert!(shop.at(&branch("i1")).is_some());
}
