//! From evidence about a release to a verdict.

use async_trait::async_trait;

use crate::error::Result;
use crate::model::{Case, Evidence, Verdict};

/// Judges a release that is being watched.
///
/// # Contract
///
/// A function of the evidence: the same evidence gets the same verdict (a model behind it may only
/// make it stricter). May say `Rollback` at any look and `Keep` only once `evidence.over()`. Without
/// data it says `Inconclusive`, never `Keep`.
///
/// # Idempotency
///
/// Reads only.
///
/// # Cancellation
///
/// May be dropped at any await.
///
/// # Errors
///
/// `Err` means that it could not judge; the planner looks again, and hands over to a person when the
/// window ends without a verdict.
///
/// # Example
///
/// ```
/// use aegis_core::model::{Case, Evidence, Grounds, Verdict};
/// use aegis_core::{Confidence, Result, stage::RollbackJudge};
///
/// #[derive(Debug)]
/// struct Unsure;
///
/// #[async_trait::async_trait]
/// impl RollbackJudge for Unsure {
///     async fn judge(&self, _case: &Case, evidence: &Evidence) -> Result<Verdict> {
///         let grounds = Grounds::new(Confidence::from_percent(50), vec!["no opinion".into()]);
///         Ok(if evidence.over() { Verdict::Inconclusive(grounds) } else { Verdict::Watch(grounds) })
///     }
/// }
/// ```
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait RollbackJudge: std::fmt::Debug + Send + Sync + 'static {
    /// Judges what is known so far.
    async fn judge(&self, case: &Case, evidence: &Evidence) -> Result<Verdict>;
}

super::forward!(RollbackJudge {
    fn judge(&self, case: &Case, evidence: &Evidence) -> Result<Verdict>;
});
