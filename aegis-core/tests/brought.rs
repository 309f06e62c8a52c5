//! Errors that somebody's release brought belong to its watch, whenever they are told.

use std::time::Duration;

use aegis_core::machine::Phase;
use aegis_core::model::{Author, Event, IncidentKind, Release, Signal};
use aegis_core::planner::Handle;
use aegis_core::port::{Clock, Filter, Intake, Receipt, Summary};
use aegis_core::redact::Untrusted;
use aegis_core::testkit::settle;
use aegis_core::{IncidentId, Revision};

use crate::bed::{Bed, TRACE};

fn release(bed: &Bed, revision: &str, previous: Option<&str>) -> Event {
    let now = Clock::now(&bed.clock);
    let release =
        Release::new("shop".into(), Revision::new(revision), now, Author::Person("Kim".into()));
    Event::Released(release.with_previous(previous.map(Revision::new)))
}

fn error(bed: &Bed, revision: &str) -> Event {
    let now = Clock::now(&bed.clock);
    let signal = Signal::error("shop".into(), now, Untrusted::new(TRACE));
    Event::Signal(signal.with_revision(Revision::new(revision)))
}

async fn open(bed: &Bed) -> Vec<Summary> {
    use aegis_core::port::Journal as _;
    bed.journal.list(&Filter::new().open(true)).await.unwrap()
}

async fn opened(handle: &Handle, event: Event) -> IncidentId {
    match handle.report(event).await.unwrap() {
        Receipt::Opened(id) => id,
        other => panic!("{other:?}"),
    }
}

/// Until the watch knows the error.
async fn known(bed: &Bed, handle: &Handle, watch: &IncidentId) -> bool {
    settle(&bed.clock, handle, Duration::from_secs(5), async || {
        handle.incident(watch).await.unwrap().case.symptoms.len() == 2 && open(bed).await.len() == 1
    })
    .await
}

#[tokio::test]
async fn an_error_that_is_told_before_its_release_is_folded_into_the_watch() {
    let bed = Bed::new();
    let handle = bed.auto();
    handle.report(release(&bed, "old", None)).await.unwrap();
    let error_s = opened(&handle, error(&bed, "new")).await;
    let watch = opened(&handle, release(&bed, "new", Some("old"))).await;
    assert!(known(&bed, &handle, &watch).await);
    assert_eq!(handle.incident(&error_s).await.unwrap().phase, Phase::Folded);
    assert_eq!(open(&bed).await[0].kind, IncidentKind::Release);
    handle.shutdown().await.unwrap();
}

#[tokio::test]
async fn an_error_that_is_told_right_after_its_release_opens_nothing() {
    let bed = Bed::new();
    let handle = bed.auto();
    handle.report(release(&bed, "old", None)).await.unwrap();
    let watch = opened(&handle, release(&bed, "new", Some("old"))).await;
    for _ in 0..20 {
        let receipt = handle.report(error(&bed, "new")).await.unwrap();
        assert!(!matches!(receipt, Receipt::Opened(_)), "{receipt:?}");
        tokio::task::yield_now().await;
    }
    assert_eq!(open(&bed).await.len(), 1);
    assert_eq!(open(&bed).await[0].id, watch);
    handle.shutdown().await.unwrap();
}

#[tokio::test]
async fn an_error_of_the_release_before_is_not_folded() {
    let bed = Bed::new();
    let handle = bed.auto();
    handle.report(release(&bed, "old", None)).await.unwrap();
    let error_s = opened(&handle, error(&bed, "old")).await;
    opened(&handle, release(&bed, "new", Some("old"))).await;
    let folded = settle(&bed.clock, &handle, Duration::from_secs(2), async || {
        handle.incident(&error_s).await.unwrap().phase == Phase::Folded
    });
    assert!(!folded.await);
    handle.shutdown().await.unwrap();
}

#[tokio::test]
async fn an_error_of_a_release_that_runs_no_more_opens_nothing() {
    let bed = Bed::new();
    let handle = bed.auto();
    handle.report(release(&bed, "old", None)).await.unwrap();
    opened(&handle, release(&bed, "new", Some("old"))).await;
    let receipt = handle.report(error(&bed, "old")).await.unwrap();
    assert!(matches!(receipt, Receipt::Noted(_)), "{receipt:?}");
    assert_eq!(open(&bed).await.len(), 1);
    handle.shutdown().await.unwrap();
}
