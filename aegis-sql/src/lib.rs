//! The journal of Aegis in SQL: incidents, effects, leases and budgets that survive a crash.
//!
//! [`SqliteJournal`] keeps them in one SQLite file, for all processes of one machine. A commit is on
//! the disk when it returns; commits that arrive together share one sync of the disk.
//!
//! With the feature `postgres`, `PostgresJournal` keeps them in a PostgreSQL database that many replicas
//! share: what a replica was at when it died, another takes over.
//!
//! A schema is applied by an explicit call, [`SqliteJournal::migrate`], and never by surprise:
//! [`SqliteJournal::connect`] refuses a file that has none, or one that a later version wrote. A host
//! that owns its file does both with [`SqliteJournal::create_or_open`].
//!
//! ```
//! use std::time::Duration;
//! use aegis_core::port::{Filter, Journal};
//! use aegis_sql::{SqliteJournal, owner};
//!
//! # #[tokio::main]
//! # async fn main() -> aegis_core::Result<()> {
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("aegis.db");
//! let journal = SqliteJournal::create_or_open(&path).await?;
//! let mine = journal.claim(&owner(), &[], Duration::from_secs(30), 16).await?;
//! assert!(mine.is_empty());
//! assert!(journal.list(&Filter::new().open(true)).await?.is_empty());
//! journal.close().await;
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod archive;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod chain;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod claim;
mod owner;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod row;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(feature = "testkit")]
pub mod testkit;

pub use archive::Archive;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use chain::check_export;
pub use owner::{known_dead, owner};
#[cfg(feature = "postgres")]
pub use postgres::{PostgresConfig, PostgresJournal};
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteConfig, SqliteJournal, SqliteStats};
