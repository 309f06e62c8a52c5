//! Where numbers come from.

use async_trait::async_trait;

use crate::error::Result;
use crate::model::{Query, Samples};

/// Reads the metrics of a service.
///
/// # Contract
///
/// Answers one entry for each metric asked, in the order of the query. A series is either values or
/// [`Missing`](crate::model::Missing) with the reason: a source never makes up a zero, and never
/// leaves a metric out. Values are finite and in the metric's unit. The adapter owns the mapping from
/// a metric to its source.
///
/// # Idempotency
///
/// Reads only; may be called any number of times.
///
/// # Cancellation
///
/// May be dropped at any await.
///
/// # Errors
///
/// `Err` means that nothing at all could be read; one series that failed is `Missing::Failed`.
///
/// # Example
///
/// ```
/// use aegis_core::model::{Missing, Query, Readings, Samples};
/// use aegis_core::{Result, stage::MetricSource};
///
/// #[derive(Debug)]
/// struct Nothing;
///
/// #[async_trait::async_trait]
/// impl MetricSource for Nothing {
///     async fn sample(&self, query: &Query) -> Result<Samples> {
///         let missing = |m| (m, Readings::Missing(Missing::Unsupported));
///         Ok(Samples::new(query.metrics.iter().cloned().map(missing).collect()))
///     }
/// }
/// ```
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait MetricSource: std::fmt::Debug + Send + Sync + 'static {
    /// Answers `query`, one entry a metric.
    async fn sample(&self, query: &Query) -> Result<Samples>;
}

super::forward!(MetricSource {
    fn sample(&self, query: &Query) -> Result<Samples>;
});
