//! What is read.

use aegis_core::port::{Filter, Stored, Summary};
use aegis_core::{IncidentId, Result};
use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{AssertSqlSafe, Connection as _, Postgres, Row as _};

use super::error::failed;
use crate::row::{self, SUMMARY};

/// One snapshot, so that a row and its records are of one moment.
pub(super) const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// Records are only added, so that those up to the row's last are what it is of: no transaction is
/// needed, which is half the way to the server. What does not fit was thinned out meanwhile, or is
/// damaged: a snapshot tells.
pub(super) async fn load(pool: &PgPool, id: &IncidentId) -> Result<Option<Stored>> {
    let error = |e| failed(&format!("loading incident {id}"), e);
    let mut conn = pool.acquire().await.map_err(error)?;
    if let Ok(stored) = read(&mut conn, id).await.map_err(error)? {
        return Ok(stored);
    }
    let mut tx = conn.begin_with(SNAPSHOT).await.map_err(error)?;
    let stored = read(&mut tx, id).await.map_err(error)?;
    tx.commit().await.map_err(error)?;
    stored
}

async fn read(conn: &mut PgConnection, id: &IncidentId) -> sqlx::Result<Result<Option<Stored>>> {
    let sql = format!("SELECT {SUMMARY} FROM incident WHERE id = $1");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(id.as_str()).fetch_optional(&mut *conn).await?;
    let Some(row) = row else { return Ok(Ok(None)) };
    let seq: i64 = row.try_get("seq")?;
    let records =
        "SELECT seq, at, body FROM journal WHERE incident = $1 AND seq <= $2 ORDER BY seq";
    let rows = sqlx::query(records).bind(id.as_str()).bind(seq).fetch_all(conn).await?;
    Ok(row::stored(id, &row, &rows).map(Some))
}

pub(super) async fn list(pool: &PgPool, filter: &Filter) -> Result<Vec<Summary>> {
    let mut sql = row::listed::<Postgres>(filter, ["NOT closed", "closed"]);
    let rows = sql.build().fetch_all(pool).await.map_err(|e| failed("listing incidents", e))?;
    Ok(row::summaries(&rows))
}
