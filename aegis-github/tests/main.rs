//! Against a stand-in for GitHub over a real Git repository.
#![allow(clippy::unwrap_used)]

mod fake;
mod limits;
mod reads;
mod sign_in;
mod webhooks;
