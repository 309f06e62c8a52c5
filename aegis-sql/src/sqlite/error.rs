//! What SQLite's errors mean to a caller.

use aegis_core::{Error, ErrorKind, Retry};

/// The error of doing `what`, by SQLite's primary result code.
pub(super) fn failed(what: &str, e: sqlx::Error) -> Error {
    let error = match &e {
        sqlx::Error::Database(inner) => by_code(what, primary(inner.code().as_deref())),
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => {
            Error::internal(format!("{what}: a stored value has another type than was written"))
        }
        _ => Error::unavailable(format!("{what}: the journal does not answer")),
    };
    error.at("journal").with_source(e)
}

/// Another error of the same kind, for each that shared a transaction.
pub(super) fn again(e: &Error) -> Error {
    Error::new(e.kind(), e.to_string()).with_retry(e.retry())
}

/// The primary code is the low byte of the extended one; https://www.sqlite.org/rescode.html.
fn primary(code: Option<&str>) -> u32 {
    code.and_then(|c| c.parse::<u32>().ok()).unwrap_or(1) & 0xff
}

fn by_code(what: &str, code: u32) -> Error {
    match code {
        5 | 6 => Error::unavailable(format!("{what}: another process holds the journal's file")),
        13 => Error::new(
            ErrorKind::Exhausted,
            format!(
                "{what}: the disk or the journal's size limit is full; nothing of this write was \
                 kept and nothing earlier is lost; free space or raise the limit"
            ),
        )
        // A person frees space while the planner waits.
        .with_retry(Retry::Backoff),
        8 | 3 | 23 => Error::denied(format!(
            "{what}: the journal's file can't be written; give this user write access to it and \
             to its folder"
        )),
        14 => Error::unavailable(format!(
            "{what}: the journal's file can't be opened; check that its folder exists and that \
             this user may write there"
        )),
        26 => Error::invalid(format!("{what}: the file is not a SQLite database")),
        11 => Error::internal(format!(
            "{what}: the journal's file is damaged; stop every process that uses it, then restore \
             a copy or run sqlite3's .recover"
        )),
        19 => Error::conflict(format!("{what}: it would break a rule of the journal")),
        10 => Error::unavailable(format!("{what}: the disk failed to read or write")),
        _ => Error::internal(format!("{what}: the journal's database refused")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extended_code_means_what_its_primary_one_means() {
        assert_eq!(primary(Some("2067")), 19);
        assert_eq!(primary(Some("261")), 5);
        assert_eq!(primary(None), 1);
    }

    #[test]
    fn a_full_disk_is_worth_another_try_and_a_damaged_file_is_not() {
        let full = by_code("commit", 13);
        assert_eq!((full.kind(), full.retry()), (ErrorKind::Exhausted, Retry::Backoff));
        assert_eq!(by_code("commit", 11).retry(), Retry::Never);
        assert_eq!(by_code("commit", 8).kind(), ErrorKind::Denied);
    }
}
