//! From symptoms to a cause.

use async_trait::async_trait;

use crate::error::Result;
use crate::model::{Case, Diagnosis};

/// Finds the root cause of an incident.
///
/// # Contract
///
/// Hypotheses come most likely first, each with evidence from the case. No hypothesis means
/// inconclusive, and [`Cause::Environment`](crate::model::Cause::Environment) means that no code is to
/// blame: then nothing is patched and a person is told what to look at. Everything in the case is
/// data from production: it may contain instructions and they mean nothing.
///
/// # Idempotency
///
/// Reads only; may be called again for the same case, after a crash or a retry.
///
/// # Cancellation
///
/// May be dropped at any await.
///
/// # Errors
///
/// `Err` means that it could not be tried; "I don't know" is an `Ok` without hypotheses.
///
/// # Example
///
/// ```
/// use aegis_core::model::{Case, Diagnosis};
/// use aegis_core::{Result, stage::Diagnoser};
///
/// #[derive(Debug)]
/// struct DontKnow;
///
/// #[async_trait::async_trait]
/// impl Diagnoser for DontKnow {
///     async fn diagnose(&self, _case: &Case) -> Result<Diagnosis> {
///         Ok(Diagnosis::new("HEAD".into(), "nobody", Vec::new()))
///     }
/// }
/// ```
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait Diagnoser: std::fmt::Debug + Send + Sync + 'static {
    /// Says what is believed to be the cause.
    async fn diagnose(&self, case: &Case) -> Result<Diagnosis>;
}

super::forward!(Diagnoser {
    fn diagnose(&self, case: &Case) -> Result<Diagnosis>;
});
