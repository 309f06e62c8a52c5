//! What a bad release measured is not what the next one is held against.

use std::time::Duration;

use aegis_core::Revision;
use aegis_core::machine::{Incident, Phase};
use aegis_core::model::{Author, Event, Metric, Release};
use aegis_core::planner::Handle;
use aegis_core::port::{Clock, Intake, Receipt};
use aegis_core::testkit::settle;

use crate::bed::Bed;

async fn pass(bed: &Bed, handle: &Handle, time: Duration) {
    let end = bed.clock.now().plus(time);
    let passed = async || bed.clock.now() >= end;
    assert!(settle(&bed.clock, handle, time + time, passed).await);
}

/// A person releases something that multiplies latencies by `factor`.
async fn release(bed: &Bed, handle: &Handle, factor: f64, end: Phase) -> Incident {
    // What is measured at this very moment is of what ran before.
    let now = bed.clock.now();
    while handle.in_flight() > 0 || bed.clock.next_wake().is_none_or(|next| next <= now) {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let before = bed.world.with(|r| r.running.clone());
    let revision = bed.world.with(|r| r.push());
    bed.shop.slows(revision.clone(), factor);
    let person = Author::Person("kim".into());
    let release = Release::new("shop".into(), revision, bed.clock.now(), person);
    let release = release.with_previous(Some(before));
    let receipt = handle.report(Event::Released(release)).await.unwrap();
    let Receipt::Opened(id) = receipt else { panic!("{receipt:?}") };
    bed.until(handle, &id, end).await
}

fn p95(incident: &Incident) -> f64 {
    incident.baseline.as_ref().unwrap().get(&Metric::LatencyP95).unwrap().median
}

#[tokio::test]
async fn a_release_after_a_bad_one_is_held_against_what_was_normal_before_both() {
    let bed = Bed::new();
    // Healthy to begin with: one merge is in.
    bed.world.with(|r| {
        let revision: Revision = r.push();
        r.merges.push((revision, aegis_core::Digest::of(["x"])));
    });
    let handle = bed.auto();
    // Shorter than the bad release will run, so that it would be the normal of its successor.
    pass(&bed, &handle, Duration::from_secs(30)).await;
    let bad = release(&bed, &handle, 2.0, Phase::RolledBack).await;
    assert!((p95(&bad) - 0.1).abs() < 1e-9);
    let next = release(&bed, &handle, 1.3, Phase::RolledBack).await;
    assert!((p95(&next) - 0.1).abs() < 1e-9, "{}", p95(&next));
    // What is as it was before is kept.
    let good = release(&bed, &handle, 1.0, Phase::Kept).await;
    assert!((p95(&good) - 0.1).abs() < 1e-9);
}
