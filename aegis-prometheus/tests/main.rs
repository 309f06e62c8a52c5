//! Aegis and Prometheus, with the real programs.
#![allow(clippy::unwrap_used)]

mod own;
