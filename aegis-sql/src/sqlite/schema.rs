//! The schema of the file: found, refused, applied.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use aegis_core::{Error, ErrorKind, IncidentId, Result, Timestamp};
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection as _, Row as _};

use super::SqliteConfig;
use super::error::failed;
use crate::chain;

/// Each migration leads from the version before its own to its own, 1, 2 and so on.
const MIGRATIONS: [&str; 2] = [
    include_str!("../../migrations/sqlite/0001_journal.sql"),
    include_str!("../../migrations/sqlite/0002_letters_and_seals.sql"),
];

/// Marks the file as a journal: "Aegi" in ASCII.
const APPLICATION: i64 = 0x4165_6769;

/// The version that this crate reads and writes.
const CURRENT: i64 = MIGRATIONS.len() as i64;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// No table at all.
    Empty,
    /// Tables of somebody else.
    Foreign,
    /// A journal of this version.
    Version(i64),
}

/// The absolute path: SQLite gives some relative names a meaning of their own.
pub(super) fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|e| Error::invalid("the journal has no path").with_source(e))
}

/// `Ok` where the file holds a journal of the current version.
pub(super) async fn check(path: &Path, config: &SqliteConfig) -> Result<()> {
    let shown = path.display();
    if !exists(path)? {
        let why = format!(
            "there is no journal at {shown}: create it with SqliteJournal::migrate, or use \
             SqliteJournal::create_or_open"
        );
        return Err(Error::not_found(why).at("journal"));
    }
    let what = format!("opening the journal {shown}");
    let options = config.reader(path);
    let mut conn = SqliteConnection::connect_with(&options).await.map_err(|e| failed(&what, e))?;
    let found = find(&mut conn).await.map_err(|e| failed(&what, e))?;
    let _ = conn.close().await;
    match found {
        Found::Version(CURRENT) => Ok(()),
        Found::Version(newer) if newer > CURRENT => Err(is_newer(path, newer)),
        Found::Version(older) => Err(Error::invalid(format!(
            "the journal {shown} has schema {older} and this program needs {CURRENT}: apply it with \
             SqliteJournal::migrate"
        ))
        .at("journal")),
        Found::Empty => Err(Error::invalid(format!(
            "the journal {shown} has no schema: apply it with SqliteJournal::migrate"
        ))
        .at("journal")),
        Found::Foreign => Err(is_foreign(path)),
    }
}

/// Creates the file where it is missing and applies what it lacks.
pub(super) async fn migrate(path: &Path, config: &SqliteConfig) -> Result<()> {
    let shown = path.display();
    let existed = exists(path)?;
    let what = format!("migrating the journal {shown}");
    let reader = config.reader(path);
    if existed && std::fs::metadata(path)?.len() > 0 {
        // Looked at before anything is written: another program's file stays as it is.
        let mut conn =
            SqliteConnection::connect_with(&reader).await.map_err(|e| failed(&what, e))?;
        let found = find(&mut conn).await.map_err(|e| failed(&what, e))?;
        let _ = conn.close().await;
        match found {
            Found::Version(CURRENT) => return Ok(()),
            Found::Version(newer) if newer > CURRENT => return Err(is_newer(path, newer)),
            Found::Foreign => return Err(is_foreign(path)),
            Found::Version(_) | Found::Empty => {}
        }
    }
    let mut conn = writer(path, config, &what).await?;
    let applied = apply(&mut conn).await;
    let closed = conn.close().await;
    applied.map_err(|e| failed(&what, e))?;
    closed.map_err(|e| failed(&what, e))?;
    if !existed {
        sync_folder(path)?;
    }
    Ok(())
}

/// Two processes that turn a file into WAL at once get no wait from SQLite, so they wait here.
async fn writer(path: &Path, config: &SqliteConfig, what: &str) -> Result<SqliteConnection> {
    let options = config.writer(path).create_if_missing(true);
    let since = Instant::now();
    loop {
        match SqliteConnection::connect_with(&options).await {
            Ok(conn) => return Ok(conn),
            Err(e) => {
                let busy = e.as_database_error().and_then(|e| e.code()).is_some_and(|c| c == "5");
                if !busy || since.elapsed() > config.busy() {
                    return Err(failed(what, e));
                }
            }
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

async fn apply(conn: &mut SqliteConnection) -> sqlx::Result<()> {
    // IMMEDIATE: of two that migrate at once, the second one finds it done.
    let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
    let from = match find(&mut tx).await? {
        Found::Version(version) => usize::try_from(version).unwrap_or(MIGRATIONS.len()),
        Found::Empty => 0,
        Found::Foreign => MIGRATIONS.len(),
    };
    for migration in MIGRATIONS.iter().skip(from) {
        sqlx::raw_sql(*migration).execute(&mut *tx).await?;
    }
    if from == 1 {
        seal(&mut tx).await?;
    }
    if from < MIGRATIONS.len() {
        let pragma = format!("PRAGMA application_id = {APPLICATION}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(pragma)).execute(&mut *tx).await?;
        sqlx::query("INSERT OR REPLACE INTO meta (key, value) VALUES ('schema', ?1)")
            .bind(CURRENT)
            .execute(&mut *tx)
            .await?;
    }
    tx.commit().await
}

/// Seals what was written before there were seals.
async fn seal(conn: &mut SqliteConnection) -> sqlx::Result<()> {
    // The records stay as they are: what is added is beside them.
    let trigger = "DROP TRIGGER journal_is_append_only";
    sqlx::query(trigger).execute(&mut *conn).await?;
    for row in sqlx::query("SELECT id FROM incident").fetch_all(&mut *conn).await? {
        let id = IncidentId::new(row.try_get::<String, _>(0)?);
        let records = "SELECT seq, at, body FROM journal WHERE incident = ?1 ORDER BY seq";
        let mut seal = chain::first(&id);
        for row in sqlx::query(records).bind(id.as_str()).fetch_all(&mut *conn).await? {
            let (seq, at): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
            let body: String = row.try_get(2)?;
            let digest = chain::digest(seq.cast_unsigned(), Timestamp::from_ms(at), &body);
            seal = chain::next(&seal, &digest);
            let put = "UPDATE journal SET digest = ?3 WHERE incident = ?1 AND seq = ?2";
            let put = sqlx::query(put).bind(id.as_str()).bind(seq).bind(&digest[..]);
            put.execute(&mut *conn).await?;
        }
        let put = sqlx::query("UPDATE incident SET seal = ?2 WHERE id = ?1").bind(id.as_str());
        put.bind(&seal[..]).execute(&mut *conn).await?;
    }
    sqlx::raw_sql(
        "CREATE TRIGGER journal_is_append_only BEFORE UPDATE ON journal
         BEGIN
             SELECT RAISE(ABORT, 'the journal is append-only');
         END;",
    )
    .execute(conn)
    .await
    .map(drop)
}

async fn find(conn: &mut SqliteConnection) -> sqlx::Result<Found> {
    let application: i64 =
        sqlx::query("PRAGMA application_id").fetch_one(&mut *conn).await?.try_get(0)?;
    if application != APPLICATION {
        let tables: i64 =
            sqlx::query("SELECT count(*) FROM sqlite_master").fetch_one(conn).await?.try_get(0)?;
        let empty = tables == 0 && application == 0;
        return Ok(if empty { Found::Empty } else { Found::Foreign });
    }
    let version = "SELECT value FROM meta WHERE key = 'schema'";
    Ok(Found::Version(sqlx::query(version).fetch_one(conn).await?.try_get(0)?))
}

/// Whether there is a file, with an error that says what is in its way.
fn exists(path: &Path) -> Result<bool> {
    let shown = path.display();
    match std::fs::metadata(path) {
        Ok(found) if found.is_file() => Ok(true),
        Ok(_) => {
            let why = format!("{shown} is not a file: give the path of the journal's file");
            Err(Error::invalid(why).at("journal"))
        }
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let folder = path.parent().unwrap_or(path);
            if folder.is_dir() {
                return Ok(false);
            }
            let folder = folder.display();
            let why = format!("the journal {shown} needs the folder {folder}: create it");
            Err(Error::not_found(why).at("journal"))
        }
        Err(e) => {
            let kind = match e.kind() {
                io::ErrorKind::PermissionDenied => ErrorKind::Denied,
                _ => ErrorKind::Unavailable,
            };
            let why =
                format!("the journal {shown} can't be reached: check its path and its rights");
            Err(Error::new(kind, why).at("journal").with_source(e))
        }
    }
}

/// A file that was just created survives a power loss once its folder is on the disk.
fn sync_folder(path: &Path) -> Result<()> {
    match path.parent() {
        Some(folder) if cfg!(unix) => Ok(std::fs::File::open(folder)?.sync_all()?),
        _ => Ok(()),
    }
}

fn is_newer(path: &Path, version: i64) -> Error {
    let why = format!(
        "the journal {} has schema {version} and this program knows up to {CURRENT}: run the version \
         of the program that wrote it; nothing was changed",
        path.display()
    );
    Error::invalid(why).at("journal")
}

fn is_foreign(path: &Path) -> Error {
    let why = format!(
        "{} is a SQLite database of something else: give the journal a file of its own; nothing was \
         changed",
        path.display()
    );
    Error::invalid(why).at("journal")
}
