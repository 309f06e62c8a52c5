//! The shop and its checker, with real processes.
#![allow(clippy::unwrap_used)]

mod checker;
mod environment;
mod healing;
mod history;
mod readme;
mod shop_bugs;
mod shop_process;
mod small;
mod support;
mod theirs;
mod unseen;
