//! The nouns, the stage traits and the planner of Aegis: software that lets production heal itself.
//!
//! Aegis watches a service, notices that something broke, finds the cause, writes a fix, proves it,
//! ships it, watches what happened, and takes it back when it made things worse. This crate holds
//! what all of that has in common and nothing that talks to the outside: no HTTP, no SQL, no Git.
//!
//! - [`stage`] holds the six traits that adapters implement, [`compose`] what wraps and joins them.
//! - [`planner`] drives incidents through the stages, over the ports in [`port`].
//! - [`machine`] says what an incident needs next, [`policy`] whether it may be done. Both are pure.
//!
//! A stage is a small type. This one knows a cause that is not in the code, so that nothing is
//! patched and a person is told where to look:
//!
//! ```
//! use aegis_core::model::{Case, Cause, Diagnosis, Hypothesis};
//! use aegis_core::stage::Diagnoser;
//! use aegis_core::{Confidence, Result, Revision};
//!
//! #[derive(Debug)]
//! struct DiskIsFull;
//!
//! #[async_trait::async_trait]
//! impl Diagnoser for DiskIsFull {
//!     async fn diagnose(&self, case: &Case) -> Result<Diagnosis> {
//!         let base = case.deployed.clone().unwrap_or_else(|| Revision::new("unknown"));
//!         let full = case.symptoms.iter().any(|s| s.detail.as_str().contains("No space left"));
//!         let cause = || Cause::Environment("the disk of the database".into());
//!         let blame = || Hypothesis::new(cause(), "no space is left", Confidence::from_percent(95));
//!         Ok(Diagnosis::new(base, "disk", full.then(blame).into_iter().collect()))
//!     }
//! }
//!
//! // How far a host lets Aegis go is a value; it has no default.
//! use aegis_core::policy::{Autonomy, AutonomyRules, PolicyConfig};
//! let rules = AutonomyRules::new(Autonomy::Auto).with_service("billing", Autonomy::Observe);
//! let policy = PolicyConfig::new(Autonomy::Observe).with_autonomy(rules);
//! let planner = aegis_core::planner::Planner::builder(policy).diagnoser(DiskIsFull);
//! # let _ = planner;
//! ```
//!
//! The other five stages are set in the same way; a planner with one missing does not compile.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod bits;
pub mod ci;
pub mod compose;
pub mod detect;
pub mod error;
pub mod id;
pub mod judge;
pub mod machine;
pub mod model;
pub mod patch;
pub mod planner;
pub mod policy;
pub mod port;
pub mod redact;
pub mod stage;
#[cfg(any(test, feature = "testkit"))]
pub mod testkit;
pub mod trace;
pub mod trailer;

pub use error::{Error, ErrorKind, Result, Retry};
pub use id::{
    Confidence, Digest, EffectKey, EffectKind, Fingerprint, IncidentId, Revision, ServiceName,
    Timestamp,
};
