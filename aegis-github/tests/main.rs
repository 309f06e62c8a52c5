//! Against a stand-in for GitHub over a real Git repository.
#![allow(clippy::unwrap_used)]

mod deciding;
mod deployer;
mod described;
mod fake;
mod limits;
mod pipelines;
mod reads;
mod shipping;
mod sign_in;
mod signing;
mod waiting;
mod way;
mod webhooks;
