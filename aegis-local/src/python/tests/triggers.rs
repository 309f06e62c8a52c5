//! Which requests are taken for those that failed.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aegis_core::model::{Case, SignalKind};
use aegis_core::{Result, Timestamp};
use async_trait::async_trait;

use super::super::trigger::triggers;
use super::{case_of, redacted};
use crate::requests::{RequestLog, ServedRequest};

/// A log whose lines come one look after the other.
#[derive(Debug)]
struct Growing {
    /// Method and target, with the look from which on it is there.
    lines: Vec<(usize, &'static str, &'static str)>,
    looks: AtomicUsize,
}

impl Growing {
    fn new(lines: &[(usize, &'static str, &'static str)]) -> Self {
        Self { lines: lines.to_vec(), looks: AtomicUsize::new(0) }
    }

    async fn targets(&self, case: &Case) -> Vec<String> {
        let found = triggers(self, case).await.unwrap();
        found.into_iter().map(|t| format!("{} {}", t.method, t.target)).collect()
    }
}

#[async_trait]
impl RequestLog for Growing {
    async fn failures_near(
        &self,
        at: Timestamp,
        _within: Duration,
        _limit: usize,
    ) -> Result<Vec<ServedRequest>> {
        let look = self.looks.fetch_add(1, Ordering::SeqCst) + 1;
        let there = self.lines.iter().filter(|(from, ..)| *from <= look);
        Ok(there.map(|(_, method, target)| ServedRequest::new(at, *method, *target, 500)).collect())
    }
}

fn said(text: &str) -> Case {
    let mut case = case_of(SignalKind::Error(None), "crash");
    case.symptoms[0].detail = redacted(text);
    case
}

#[tokio::test(start_paused = true)]
async fn requests_of_other_failures_are_not_taken_where_the_text_names_the_path() {
    let log =
        Growing::new(&[(1, "GET", "/carts/3"), (1, "GET", "/items/7?x=1"), (1, "GET", "/items")]);
    let found = log.targets(&said("ERROR shop: unhandled error in GET /items/7\nTraceback")).await;
    assert_eq!(found, ["GET /items/7?x=1"]);
    let log = Growing::new(&[(1, "GET", "/carts/3"), (1, "POST", "/items"), (1, "GET", "/items")]);
    assert_eq!(
        log.targets(&said("Exception on /items [POST]")).await.len(),
        2,
        "either may be meant"
    );
    let log = Growing::new(&[(1, "GET", "/items"), (1, "POST", "/items")]);
    assert_eq!(log.targets(&said("error in POST /items")).await, ["POST /items"]);
}

#[tokio::test(start_paused = true)]
async fn a_line_that_comes_after_the_traceback_is_waited_for() {
    let named = said("error in GET /items/7");
    let log = Growing::new(&[(1, "GET", "/carts/3"), (3, "GET", "/items/7")]);
    assert_eq!(log.targets(&named).await, ["GET /items/7"]);
    assert_eq!(log.looks.load(Ordering::SeqCst), 3);

    let log = Growing::new(&[(2, "GET", "/carts/3")]);
    assert_eq!(log.targets(&said("Traceback")).await, ["GET /carts/3"]);
    assert_eq!(log.looks.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn a_line_that_never_comes_is_given_up_for_what_failed_near() {
    let log = Growing::new(&[(1, "GET", "/prefix/items/7")]);
    let started = tokio::time::Instant::now();
    assert_eq!(log.targets(&said("error in GET /items/7")).await, ["GET /prefix/items/7"]);
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    assert_eq!(Growing::new(&[]).targets(&said("error in GET /items/7")).await, [""; 0]);
}
