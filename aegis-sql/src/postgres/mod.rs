//! The journal on PostgreSQL, for many replicas.

mod archive;
mod commit;
mod config;
mod counter;
mod error;
mod journal;
mod lease;
mod letter;
mod news;
mod open;
mod read;
mod schema;

#[cfg(feature = "testkit")]
pub(crate) use commit::APPEND;
pub use config::PostgresConfig;
pub use journal::PostgresJournal;
