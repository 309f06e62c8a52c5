//! From a cause to candidates.

use async_trait::async_trait;

use crate::error::Result;
use crate::model::{Case, Diagnosis, Fix};

/// Writes fixes.
///
/// # Contract
///
/// Candidates come best first. An empty list means "not mine": another generator may try. A fix whose
/// digest is in `case.attempts` is not offered again (the planner drops it anyway); the attempts'
/// feedback says why they failed. `Patch::base` is the revision the fix was made against.
///
/// # Idempotency
///
/// Reads only; may be called again with more attempts in the case.
///
/// # Cancellation
///
/// May be dropped at any await.
///
/// # Errors
///
/// `Err` means that it could not be tried, not that there is no fix.
///
/// # Example
///
/// ```
/// use aegis_core::model::{Case, Diagnosis, Fix};
/// use aegis_core::{Result, stage::FixGenerator};
///
/// #[derive(Debug)]
/// struct NotMine;
///
/// #[async_trait::async_trait]
/// impl FixGenerator for NotMine {
///     async fn generate(&self, _case: &Case, _diagnosis: &Diagnosis) -> Result<Vec<Fix>> {
///         Ok(Vec::new())
///     }
/// }
/// ```
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait FixGenerator: std::fmt::Debug + Send + Sync + 'static {
    /// Offers candidates, best first.
    async fn generate(&self, case: &Case, diagnosis: &Diagnosis) -> Result<Vec<Fix>>;
}

super::forward!(FixGenerator {
    fn generate(&self, case: &Case, diagnosis: &Diagnosis) -> Result<Vec<Fix>>;
});
