//! From a candidate to proof.

use async_trait::async_trait;

use crate::error::Result;
use crate::model::{Case, Fix, Verification};

/// Proves or rejects a fix, without touching production.
///
/// # Contract
///
/// Runs the fix on a copy, isolated as `Verification::isolation` says. Gates come before the score:
/// a failing test denies whatever else is true. The verification names the fix's digest and the base
/// it was proven on; for a patch that base is `Patch::base`.
///
/// # Idempotency
///
/// Leaves nothing behind; may be called again for the same fix, on the same base or a later one.
///
/// # Cancellation
///
/// A dropped call kills the whole tree of processes that it started.
///
/// # Errors
///
/// `Err` means that it could not be told (no isolation, no interpreter): a rejection is an `Ok`
/// whose gates deny.
///
/// # Example
///
/// ```
/// use aegis_core::model::{Case, Fix, GateAnswer, GateReport, Isolation, Verification};
/// use aegis_core::{Result, stage::Verifier};
///
/// #[derive(Debug)]
/// struct Refuses;
///
/// #[async_trait::async_trait]
/// impl Verifier for Refuses {
///     async fn verify(&self, _: &Case, fix: &Fix) -> Result<Verification> {
///         let gate = GateReport::new("always", GateAnswer::Deny, "nothing is good enough");
///         Ok(Verification::new(fix.digest(), "HEAD".into(), Isolation::None).with_gates(vec![gate]))
///     }
/// }
/// ```
#[cfg_attr(any(test, feature = "mock"), mockall::automock)]
#[async_trait]
pub trait Verifier: std::fmt::Debug + Send + Sync + 'static {
    /// Says what could be proven about `fix`.
    async fn verify(&self, case: &Case, fix: &Fix) -> Result<Verification>;
}

super::forward!(Verifier {
    fn verify(&self, case: &Case, fix: &Fix) -> Result<Verification>;
});
