//! A host that can go back faster than Git is asked first.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aegis_core::machine::{Incident, Phase};
use aegis_core::model::{Author, Event, Release};
use aegis_core::policy::{Autonomy, PolicyConfig};
use aegis_core::port::{Clock as _, FastRollback, Intake as _, Receipt};
use aegis_core::testkit::{World, settle};
use aegis_core::{Digest, Error, Result, Revision, ServiceName};

use crate::bed::Bed;

/// Notes what it was asked, and how many reverts there were by then.
#[derive(Debug)]
struct Platform {
    world: World,
    asked: Mutex<Vec<(Revision, usize)>>,
    works: bool,
}

#[async_trait::async_trait]
impl FastRollback for Platform {
    async fn roll_back_to(&self, _: &ServiceName, release: &Revision) -> Result<()> {
        let reverts = self.world.with(|remote| remote.reverts.len());
        self.asked.lock().unwrap().push((release.clone(), reverts));
        if self.works { Ok(()) } else { Err(Error::unavailable("no platform today")) }
    }
}

struct Seen {
    first: Revision,
    asked: Vec<(Revision, usize)>,
    reverts: Vec<Revision>,
    incident: Incident,
}

/// A person's release that does harm, on a bed whose host has a platform; `later` is deployed by
/// somebody else while it is watched.
async fn condemned(works: bool, later: bool) -> Seen {
    let bed = Bed::new();
    let first = bed.world.with(|remote| {
        let revision = remote.push();
        remote.merges.push((revision.clone(), Digest::of(["x"])));
        revision
    });
    let asked = Mutex::new(Vec::new());
    let platform = Arc::new(Platform { world: bed.world.clone(), asked, works });
    let builder = bed.builder(PolicyConfig::new(Autonomy::Auto));
    let host = Arc::clone(&platform) as Arc<dyn FastRollback>;
    let handle = builder.fast_rollback(host).build().unwrap().start().unwrap();
    let ten_minutes = Duration::from_secs(600);
    let end = bed.clock.now().plus(ten_minutes);
    assert!(settle(&bed.clock, &handle, ten_minutes, async || bed.clock.now() >= end).await);
    let release = |revision: &Revision, before: &Revision| {
        let person = Author::Person("kim".into());
        Release::new("shop".into(), revision.clone(), bed.clock.now(), person)
            .with_previous(Some(before.clone()))
    };
    let revision = bed.world.with(aegis_core::testkit::Remote::push);
    bed.shop.cursed.store(true, Ordering::SeqCst);
    let receipt = handle.report(Event::Released(release(&revision, &first))).await.unwrap();
    let Receipt::Opened(id) = receipt else { panic!("{receipt:?}") };
    if later {
        let other = bed.world.with(aegis_core::testkit::Remote::push);
        handle.report(Event::Released(release(&other, &revision))).await.unwrap();
    }
    let incident = bed.until(&handle, &id, Phase::RolledBack).await;
    let reverts = bed.world.with(|remote| remote.reverts.clone());
    let asked = platform.asked.lock().unwrap().clone();
    Seen { first, asked, reverts, incident }
}

#[tokio::test]
async fn it_is_asked_once_for_what_ran_before_and_before_anything_is_reverted() {
    let seen = condemned(true, false).await;
    assert_eq!(seen.asked, [(seen.first.clone(), 0)]);
    assert_eq!(seen.reverts.len(), 1);
    let switched = seen.incident.switched.clone().unwrap();
    assert_eq!((switched.to, switched.failed), (seen.first, None));
    let told = aegis_core::planner::notice(&seen.incident).unwrap();
    assert!(told.changed.iter().any(|line| line.contains("went back to")), "{:?}", told.changed);
}

#[tokio::test]
async fn where_it_fails_the_revert_goes_on_and_the_failure_is_told() {
    let seen = condemned(false, false).await;
    assert_eq!(seen.asked.len(), 1, "asked once");
    assert_eq!(seen.reverts.len(), 1);
    assert!(seen.incident.switched.unwrap().failed.unwrap().contains("no platform today"));
}

#[tokio::test]
async fn what_somebody_deployed_since_stays() {
    let seen = condemned(true, true).await;
    assert!(seen.incident.switched.is_none());
    // The watch of the later one may ask, and never for what was condemned, or is under watch.
    assert!(seen.asked.iter().all(|(to, _)| *to == seen.first), "{:?}", seen.asked);
}
