//! The embedded default, on real repositories and real processes.
#![allow(clippy::unwrap_used)]

mod git;
mod supervise;
