use aegis_core::model::{Author, Event, Release};
use aegis_core::port::{Delivery, EventSource as _};
use aegis_core::stage::Deployer as _;
use aegis_core::testkit::mint;

use super::service::{Stage, next, runs, silent};
use crate::git::workshop::{case, merged, ship, until};

fn release(delivery: Delivery) -> Release {
    let Event::Released(release) = delivery.event else { panic!("{delivery:?}") };
    if let Some(ack) = delivery.ack {
        ack();
    }
    release
}

#[tokio::test]
async fn every_release_is_told_with_its_author_but_not_the_first_start() {
    let stage = Stage::new();
    let supervisor = stage.supervisor().await;
    let mut releases = supervisor.releases();
    assert_eq!(releases.name(), "releases:shop");
    assert!(silent(&mut releases).await, "what ran when we came is no release");

    let first = stage.shop.head();
    let second = stage.shop.commit(&[("new.txt", Some("x\n"))], "Go on");
    let told = release(next(&mut releases).await);
    assert_eq!(told.revision, second);
    assert_eq!(told.previous, Some(first));
    assert_eq!(told.author, Author::Person("Ada".into()));
    assert_eq!(Some(told.at), runs(&supervisor, &second).await.since);

    let deployer = stage.shop.deployer().await;
    let commit = ship(&stage.shop, &deployer, "i1", &stage.shop.guard()).await;
    let told = release(next(&mut releases).await);
    assert_eq!((told.revision, told.author), (commit.clone(), Author::Aegis("i1".into())));

    let order = mint::revert_order(&case("i2"), 1, &commit).unwrap();
    let reverted = merged(deployer.revert(&order).await.unwrap());
    let told = release(next(&mut releases).await);
    assert_eq!((told.revision, told.author), (reverted, Author::Aegis("i2".into())));
    supervisor.shutdown(true).await.unwrap();
    assert!(releases.next().await.unwrap().is_none(), "it has ended");
}

#[tokio::test]
async fn a_proposal_that_a_person_merged_is_released_on_behalf_of_its_incident() {
    let stage = Stage::new();
    let supervisor = stage.supervisor().await;
    let deployer = stage.shop.deployer().await;
    let order = mint::order(&case("i1"), 1, &stage.shop.guard(), &stage.shop.head(), true).unwrap();
    deployer.submit(&order).await.unwrap();
    stage.shop.merge_by_hand("aegis/fix-i1");
    let told = release(next(&mut supervisor.releases()).await);
    assert_eq!(told.author, Author::Aegis("i1".into()));
    supervisor.shutdown(true).await.unwrap();
}

#[tokio::test]
async fn going_back_after_a_failed_start_is_no_release() {
    let stage = Stage::new();
    let good = stage.shop.head();
    let supervisor = stage.supervisor().await;
    stage.break_it();
    until("it is refused", async || supervisor.status().refused).await;
    runs(&supervisor, &good).await;
    assert!(silent(&mut supervisor.releases()).await);
    supervisor.shutdown(true).await.unwrap();
}

#[tokio::test]
async fn a_release_that_nobody_took_over_is_told_again_after_a_restart() {
    let stage = Stage::new();
    let supervisor = stage.supervisor().await;
    let second = stage.shop.commit(&[("new.txt", Some("x\n"))], "Go on");
    let lost = next(&mut supervisor.releases()).await;
    drop(lost);
    drop(supervisor);

    let supervisor = stage.supervisor().await;
    let told = release(next(&mut supervisor.releases()).await);
    assert_eq!(told.revision, second);
    drop(supervisor);

    let supervisor = stage.supervisor().await;
    assert!(silent(&mut supervisor.releases()).await, "it was taken over");
    supervisor.shutdown(true).await.unwrap();
}
