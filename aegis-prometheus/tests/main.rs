//! Against real servers, and for what those do not say against one that answers what a test says.
#![allow(clippy::unwrap_used)]

mod alerts;
mod answers;
mod bed;
mod endpoint;
mod faults;
mod gathering;
mod native;
mod one;
mod own;
mod partial;
mod sampling;
mod silences;
mod tls;
