//! What the journal on SQLite promises, shown on real files and real processes.
#![allow(clippy::unwrap_used)]

mod child;
mod conformance;
mod corruption;
mod dead_owner;
mod durability;
mod full_disk;
mod grouping;
mod migration;
mod shop;
mod unreachable_file;
