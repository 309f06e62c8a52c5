//! Aegis sees what Prometheus sees.
//!
//! [`own`] is the other way round: Prometheus sees what Aegis does.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod own;
