//! How a journal on PostgreSQL is reached.

use std::time::Duration;

use aegis_core::{Error, Result};
use serde::{Deserialize, Serialize};
use sqlx::ConnectOptions as _;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

/// Bounds of a [`PostgresJournal`](crate::PostgresJournal).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct PostgresConfig {
    /// The schema that holds its tables, of small letters, digits and `_`; `aegis` unless set.
    pub schema: String,
    /// Connections at most; 8 unless set, at least 1. One more listens for news where a planner runs.
    pub connections: u32,
    /// How long a call waits for a connection, in milliseconds; 5,000 unless set.
    pub connect_ms: u64,
    /// How long one statement may take, in milliseconds; 10,000 unless set.
    pub statement_ms: u64,
    /// How long a write whose connection was lost is looked up again before the call fails, in
    /// milliseconds; 10,000 unless set.
    pub recover_ms: u64,
}

impl Default for PostgresConfig {
    fn default() -> Self {
        Self {
            schema: "aegis".into(),
            connections: 8,
            connect_ms: 5_000,
            statement_ms: 10_000,
            recover_ms: 10_000,
        }
    }
}

impl PostgresConfig {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps the tables in `schema`.
    #[must_use]
    pub fn with_schema(mut self, schema: impl Into<String>) -> Self {
        self.schema = schema.into();
        self
    }

    /// Opens at most `connections`.
    #[must_use]
    pub fn with_connections(mut self, connections: u32) -> Self {
        self.connections = connections;
        self
    }

    /// Waits for a connection for `connect`, for a statement for `statement`, and looks for the outcome
    /// of a lost write for `recover`.
    #[must_use]
    pub fn with_waits(mut self, connect: Duration, statement: Duration, recover: Duration) -> Self {
        let ms = |wait: Duration| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        self.connect_ms = ms(connect);
        self.statement_ms = ms(statement);
        self.recover_ms = ms(recover);
        self
    }

    /// How to connect to `url`.
    ///
    /// Errors: `Invalid` for another kind of URL, which is not repeated since it may hold a password,
    /// and for a schema whose name would need quotes.
    pub(super) fn options(&self, url: &str) -> Result<PgConnectOptions> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        let named = self.schema.starts_with(|c: char| c.is_ascii_lowercase());
        if !named || self.schema.len() > 63 || !self.schema.chars().all(plain) {
            let why = format!(
                "the schema {:?} is no plain name: write small letters, digits and _",
                self.schema
            );
            return Err(Error::invalid(why).at("journal"));
        }
        let unread = || {
            let why = "the journal's URL can't be read: write postgres://user@host:port/database";
            Error::invalid(why).at("journal")
        };
        if !["postgres://", "postgresql://"].iter().any(|start| url.starts_with(start)) {
            return Err(unread());
        }
        let options: PgConnectOptions = url.parse().map_err(|e| unread().with_source(e))?;
        // Statements of clients that go away end, and with them what they hold.
        Ok(options
            .application_name("aegis")
            .options([
                ("search_path", self.schema.as_str()),
                ("statement_timeout", &self.statement_ms.to_string()),
                ("idle_in_transaction_session_timeout", &self.statement_ms.to_string()),
                ("client_connection_check_interval", "1000"),
                ("synchronous_commit", "on"),
                // Every statement goes by an index, and is planned once: a plan that PostgreSQL makes
                // while a journal is empty, and keeps, would read all of it for each claim.
                ("plan_cache_mode", "force_generic_plan"),
                ("enable_seqscan", "off"),
                ("enable_bitmapscan", "off"),
            ])
            .disable_statement_logging())
    }

    pub(super) fn pool(&self) -> PgPoolOptions {
        PgPoolOptions::new()
            .max_connections(self.connections.max(1))
            .acquire_timeout(Duration::from_millis(self.connect_ms.max(100)))
            .test_before_acquire(false)
    }

    pub(super) fn recover(&self) -> Duration {
        Duration::from_millis(self.recover_ms)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_url_that_can_not_be_read_is_not_repeated() {
        for url in ["mysql://me:secret@host/db", "postgres://me:secret@host:port/db"] {
            let error = PostgresConfig::new().options(url).unwrap_err();
            assert!(error.to_string().contains("postgres://user@host"), "{error}");
            assert!(!format!("{error:?}").contains("secret"), "{error:?}");
        }
    }

    #[test]
    fn a_schema_that_would_need_quotes_is_refused() {
        let of = |name: &str| PostgresConfig::new().with_schema(name).options("postgres://a@b/c");
        assert!(of("aegis_2").is_ok());
        for name in ["", "Aegis", "a b", "a;drop", "2a", &"a".repeat(64)] {
            assert!(of(name).is_err(), "{name}");
        }
    }
}
