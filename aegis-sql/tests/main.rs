//! What the journals promise, shown on real files, real processes and a real server.
#![allow(clippy::unwrap_used)]

mod archive;
mod child;
mod conformance;
mod corruption;
mod dead_owner;
mod durability;
mod full_disk;
mod grouping;
mod migration;
mod postgres;
mod shop;
mod unreachable_file;
