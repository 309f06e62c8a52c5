//! Aegis sees what Prometheus sees.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
