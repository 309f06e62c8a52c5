//! The journal on SQLite, for one machine.

mod archive;
mod commit;
mod config;
mod counter;
mod error;
mod journal;
mod lease;
mod letter;
mod open;
mod read;
mod schema;
mod writer;

pub use config::SqliteConfig;
pub use journal::{SqliteJournal, SqliteStats};
