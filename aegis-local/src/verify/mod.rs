//! Proving a fix on a Python service: isolated, against its own tests and its own failure.
//!
//! [`PythonVerifier`] exports the base, asks its guardrails ([`standard_guardrails`]), then runs in namespaces of their own
//! ([`isolation`]): the suite on the base (cached) and on the patched tree with coverage, and the
//! failure itself, by the request that failed or by a small call of the function that raised, on the
//! base and then several times on the patched tree. Gates come first; what passes is scored.
//!
//! A revert of a release is proven in the same way on the tree that the deployer ships: what has to
//! hold for new code is not asked of it, a clean merge is.
//!
//! What it does not promise: the code under test shares an interpreter with the test runner, so that
//! code written to deceive the runner can; and a patch that passes everything may still be wrong.

mod cache;
mod canary;
pub mod capture;
mod config;
mod deep;
pub mod environment;
mod gates;
mod guard;
mod harness;
mod hunks;
pub mod isolation;
pub mod junit;
mod mutate;
mod probe;
mod prove;
mod pytest;
mod renamed;
mod reproduce;
mod revert;
mod runner;
mod score;
mod source;
mod suite;
mod verifier;
mod wanted;
pub mod workspace;

pub use config::PythonVerifierConfig;
pub use gates::GATES;
pub use guard::{DangerousCode, NewImports, standard_guardrails};
pub use suite::BaseSuite;
pub use verifier::PythonVerifier;
