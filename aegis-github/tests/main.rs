//! Against a stand-in for GitHub over a real Git repository.
#![allow(clippy::unwrap_used)]

mod deciding;
mod deployer;
mod described;
mod emulator;
mod fake;
mod faults;
mod limits;
mod pipelines;
mod proving;
mod reads;
mod rights;
mod shipping;
mod sign_in;
mod signing;
mod waiting;
mod way;
mod webhooks;
