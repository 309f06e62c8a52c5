//! What the journal on SQLite promises.
#![allow(clippy::unwrap_used, unreachable_pub)]

mod conformance;
