//! Every adapter against the suite of its stage.

mod deploy;
mod diagnose;
mod metrics;
mod verify;
