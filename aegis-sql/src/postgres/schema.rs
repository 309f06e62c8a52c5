//! The schema of the tables: found, refused, applied.

use aegis_core::{Error, Result};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection as _, Row as _};

use super::PostgresConfig;
use super::error::failed;

/// Each migration leads from the version before its own to its own, 1, 2 and so on.
const MIGRATIONS: [&str; 1] = [include_str!("../../migrations/postgres/0001_journal.sql")];

/// The version that this crate reads and writes.
const CURRENT: i64 = MIGRATIONS.len() as i64;

/// What a schema holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// No table at all.
    Empty,
    /// Tables of somebody else.
    Foreign,
    /// A journal of this version.
    Version(i64),
}

/// `Ok` where the schema holds a journal of the current version.
pub(super) async fn check(options: &PgConnectOptions, config: &PostgresConfig) -> Result<()> {
    let name = &config.schema;
    let what = format!("opening the journal in the schema {name}");
    let error = |e| failed(&what, e);
    let mut conn = PgConnection::connect_with(options).await.map_err(error)?;
    let found = find(&mut conn, name).await.map_err(error)?;
    let _ = conn.close().await;
    let why = match found {
        Found::Version(CURRENT) => return Ok(()),
        Found::Version(newer) if newer > CURRENT => return Err(is_newer(name, newer)),
        Found::Version(older) => format!("has version {older} and this program needs {CURRENT}"),
        Found::Empty => "holds no journal".to_owned(),
        Found::Foreign => return Err(is_foreign(name)),
    };
    let why = format!("the schema {name} {why}: apply it with PostgresJournal::migrate");
    Err(Error::invalid(why).at("journal"))
}

/// Creates the schema where it is missing and applies what it lacks; all of it or nothing.
pub(super) async fn migrate(options: &PgConnectOptions, config: &PostgresConfig) -> Result<()> {
    let name = &config.schema;
    let what = format!("migrating the journal in the schema {name}");
    let error = |e| failed(&what, e);
    let mut conn = PgConnection::connect_with(options).await.map_err(error)?;
    let mut tx = conn.begin().await.map_err(error)?;
    // Of two that migrate at once, the second one finds it done.
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended($1, 4164))";
    sqlx::query(lock).bind(name).execute(&mut *tx).await.map_err(error)?;
    let from = match find(&mut tx, name).await.map_err(error)? {
        Found::Version(newer) if newer > CURRENT => return Err(is_newer(name, newer)),
        Found::Foreign => return Err(is_foreign(name)),
        Found::Version(version) => usize::try_from(version).unwrap_or_default(),
        Found::Empty => {
            // The name is plain; one that exists may be all that this user may use.
            let exists = "SELECT 1 FROM pg_namespace WHERE nspname = $1";
            let exists = sqlx::query(exists).bind(name).fetch_optional(&mut *tx).await;
            if exists.map_err(error)?.is_none() {
                let create = format!("CREATE SCHEMA {name}");
                sqlx::raw_sql(AssertSqlSafe(create)).execute(&mut *tx).await.map_err(error)?;
            }
            0
        }
    };
    for migration in MIGRATIONS.iter().skip(from) {
        sqlx::raw_sql(*migration).execute(&mut *tx).await.map_err(error)?;
    }
    if from < MIGRATIONS.len() {
        let set = "INSERT INTO meta (key, value) VALUES ('schema', $1)
            ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        sqlx::query(set).bind(CURRENT).execute(&mut *tx).await.map_err(error)?;
    }
    tx.commit().await.map_err(error)?;
    let _ = conn.close().await;
    Ok(())
}

async fn find(conn: &mut PgConnection, name: &str) -> sqlx::Result<Found> {
    let tables =
        "SELECT count(*), count(*) FILTER (WHERE relname IN ('meta', 'incident', 'journal'))
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm')";
    let row = sqlx::query(tables).bind(name).fetch_one(&mut *conn).await?;
    match (row.try_get::<i64, _>(0)?, row.try_get::<i64, _>(1)?) {
        (0, _) => Ok(Found::Empty),
        (_, 3) => {
            let version = "SELECT value FROM meta WHERE key = 'schema'";
            let row = sqlx::query(version).fetch_optional(conn).await?;
            row.map_or(Ok(Found::Foreign), |row| Ok(Found::Version(row.try_get(0)?)))
        }
        _ => Ok(Found::Foreign),
    }
}

fn is_newer(name: &str, version: i64) -> Error {
    let why = format!(
        "the journal in the schema {name} has version {version} and this program knows up to \
         {CURRENT}: run the version of the program that wrote it; nothing was changed"
    );
    Error::invalid(why).at("journal")
}

fn is_foreign(name: &str) -> Error {
    let why = format!(
        "the schema {name} holds tables of something else: give the journal a schema of its own; \
         nothing was changed"
    );
    Error::invalid(why).at("journal")
}
