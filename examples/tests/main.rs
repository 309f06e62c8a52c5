//! The shop and its checker, with real processes.
#![allow(clippy::unwrap_used)]

mod bad_input;
mod checker;
mod crash;
mod environment;
mod healing;
mod history;
mod hostile;
mod inventory;
mod mending;
mod operate;
mod own_model;
mod readme;
mod releases;
mod replicas;
mod service;
mod shop_bugs;
mod shop_process;
mod small;
mod support;
mod theirs;
mod unseen;
