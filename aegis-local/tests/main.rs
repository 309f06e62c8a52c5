//! The embedded default with real parts: repositories, servers, files, processes, namespaces.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod conformance;
mod git;
mod local;
mod sources;
mod supervise;
mod verify;
