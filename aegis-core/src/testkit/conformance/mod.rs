//! Suites that show whether an adapter keeps its contract.
//!
//! One suite a stage, run by every adapter of this repository and meant for yours: call `test_all`
//! from a test of your own, with the stage and what it should be asked. A sentence of the contract
//! that is broken makes it panic with that sentence and what was seen instead. A suite asks only
//! what any adapter must keep; what yours promises beyond that needs tests of its own.
//!
//! ```
//! use std::time::Duration;
//!
//! use aegis_core::model::{Metric, Missing, Point, Query, Readings, Samples};
//! use aegis_core::testkit::conformance;
//! use aegis_core::{Result, Timestamp, stage::MetricSource};
//!
//! /// Knows how many requests there were, and nothing else.
//! #[derive(Debug)]
//! struct Requests;
//!
//! #[async_trait::async_trait]
//! impl MetricSource for Requests {
//!     async fn sample(&self, query: &Query) -> Result<Samples> {
//!         let read = |metric: &Metric| match metric {
//!             Metric::RequestRate => Readings::Values(vec![Point::new(query.now, 12.5)]),
//!             _ => Readings::Missing(Missing::Unsupported),
//!         };
//!         Ok(Samples::new(query.metrics.iter().map(|m| (m.clone(), read(m))).collect()))
//!     }
//! }
//!
//! // In a test of yours: #[tokio::test]
//! # #[tokio::main(flavor = "current_thread")]
//! async fn requests_keep_the_contract_of_a_metric_source() {
//!     let metrics = vec![Metric::RequestRate, Metric::ErrorRate];
//!     let now = Timestamp::from_ms(1_700_000_000_000);
//!     let query = Query::new("shop".into(), now, Duration::from_secs(60), metrics);
//!     conformance::metrics::test_all(&Requests, &query).await;
//! }
//! # requests_keep_the_contract_of_a_metric_source();
//! ```
//!
//! The suite of a deployer needs a remote that it may break: see [`deploy::Bench`]. That of a journal,
//! a port and no stage, is [`mod@journal`].

pub mod deploy;
pub mod diagnose;
pub mod fix;
pub mod journal;
pub mod judge;
pub mod metrics;
pub mod verify;

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use crate::error::Result;
use crate::id::Confidence;

/// Panics with the sentence of the contract that is broken, and what was seen instead.
#[track_caller]
fn holds(kept: bool, sentence: &str, seen: &dyn Debug) {
    assert!(kept, "the contract is broken: {sentence}\nseen: {seen:?}");
}

/// The answer; panics where there is none.
#[track_caller]
fn answered<T>(answer: Result<T>, sentence: &str) -> T {
    answer.unwrap_or_else(|e| panic!("the contract is broken: {sentence}\nseen: {e:?}"))
}

/// A confidence that was read from outside may lie beyond certainty.
fn in_range(confidence: Confidence) -> bool {
    confidence <= Confidence::FULL
}

/// Starts `call` and drops it after `time`, or after its first poll where that is zero.
async fn dropped<T>(call: impl Future<Output = T>, time: Duration) {
    let _ = tokio::time::timeout(time, call).await;
}
