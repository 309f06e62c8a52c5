//! What PostgreSQL's errors mean to a caller.

use aegis_core::{Error, ErrorKind, Retry};

/// A key that was used for another request; raised by the statement of a commit.
pub(super) const EFFECT: &str = "AE001";

/// A turn that another incident has; raised by the statement of a commit.
pub(super) const SLOT: &str = "AE002";

/// A message that was answered before; raised by the statement of a commit.
pub(super) const LETTER: &str = "AE003";

/// The error of doing `what`, by its SQLSTATE.
pub(super) fn failed(what: &str, e: sqlx::Error) -> Error {
    let error = match &e {
        sqlx::Error::Database(inner) => by_state(what, &inner.code().unwrap_or_default()),
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
            Error::internal(format!("{what}: a stored value has another type than was written"))
        }
        sqlx::Error::PoolTimedOut => {
            Error::unavailable(format!("{what}: no connection to the journal's database is free"))
        }
        _ => Error::unavailable(format!("{what}: the journal's database does not answer")),
    };
    error.at("journal").with_source(e)
}

/// Whether a write may have happened although its call failed: the connection was lost, or ended by the
/// server.
pub(super) fn is_unknown(e: &sqlx::Error) -> bool {
    match e {
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
        sqlx::Error::Database(inner) => {
            let code = inner.code().unwrap_or_default();
            // 08: the connection; 57P: the server shuts down or was told to end the session.
            code.starts_with("08") || code.starts_with("57P")
        }
        _ => false,
    }
}

fn by_state(what: &str, state: &str) -> Error {
    match state {
        "28000" | "28P01" | "42501" | "3D000" => Error::denied(format!(
            "{what}: the journal's database refuses this user; check the URL, and that the user may \
             use and change the tables of its schema"
        )),
        "53100" | "53200" => Error::new(
            ErrorKind::Exhausted,
            format!(
                "{what}: the database has no space left; nothing of this write was kept and nothing \
                 earlier is lost"
            ),
        )
        .with_retry(Retry::Backoff),
        "25006" => Error::unavailable(format!(
            "{what}: the database only reads, as a standby does; connect to the primary"
        )),
        "57014" => Error::timeout(format!("{what}: the journal's database took too long")),
        "42P01" | "3F000" => Error::invalid(format!(
            "{what}: the journal has no tables there: apply them with PostgresJournal::migrate"
        )),
        "22021" | "22P05" => {
            Error::invalid(format!("{what}: a text holds a character that PostgreSQL does not keep"))
        }
        // 40: serialisation and deadlocks; 53: resources; 55: locks; 57, 08: shutdowns, connections.
        s if ["40", "53", "55", "57", "08"].iter().any(|class| s.starts_with(class)) => {
            Error::unavailable(format!("{what}: the journal's database is busy or going down"))
        }
        s if s.starts_with("23") || s.starts_with("AE") => {
            Error::conflict(format!("{what}: it would break a rule of the journal"))
        }
        "XX001" | "XX002" => Error::internal(format!(
            "{what}: the journal's database is damaged; stop every process that uses it and restore \
             a backup"
        )),
        _ => Error::internal(format!("{what}: the journal's database refused")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_worth_another_try_and_what_stays_is_not() {
        for state in ["40001", "53300", "55P03", "57P01", "57P03", "08006", "25006"] {
            assert_eq!(by_state("commit", state).kind(), ErrorKind::Unavailable, "{state}");
        }
        assert_eq!(by_state("commit", "28P01").kind(), ErrorKind::Denied);
        assert_eq!(by_state("commit", "57014").kind(), ErrorKind::Timeout);
        let full = by_state("commit", "53100");
        assert_eq!((full.kind(), full.retry()), (ErrorKind::Exhausted, Retry::Backoff));
        assert_eq!(by_state("commit", "XX001").retry(), Retry::Never);
    }
}
