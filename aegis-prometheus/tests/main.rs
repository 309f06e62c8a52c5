//! Against real servers, and for what those do not say against one that answers what a test says.
#![allow(clippy::unwrap_used)]

mod answers;
mod bed;
mod endpoint;
mod faults;
mod own;
mod partial;
mod sampling;
