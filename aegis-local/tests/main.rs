//! The adapters with real parts: servers, files, processes.
#![allow(clippy::unwrap_used)]

mod sources;
