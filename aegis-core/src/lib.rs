//! The nouns, the stage traits and the planner of Aegis: software that lets production heal itself.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod bits;
pub mod error;
pub mod id;
pub mod machine;
pub mod model;
pub mod patch;
pub mod policy;
pub mod port;
pub mod redact;
pub mod stage;
#[cfg(any(test, feature = "testkit"))]
pub mod testkit;
pub mod trace;

pub use error::{Error, ErrorKind, Result, Retry};
pub use id::{
    Confidence, Digest, EffectKey, EffectKind, Fingerprint, IncidentId, Revision, ServiceName,
    Timestamp,
};
