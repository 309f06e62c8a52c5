//! What is read.

use aegis_core::port::{Filter, Stored, Summary};
use aegis_core::{IncidentId, Result};
use sqlx::postgres::PgPool;
use sqlx::{AssertSqlSafe, Postgres};

use super::error::failed;
use crate::row::{self, SUMMARY};

/// One snapshot, so that a row and its records are of one moment.
pub(super) const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

pub(super) async fn load(pool: &PgPool, id: &IncidentId) -> Result<Option<Stored>> {
    let error = |e| failed(&format!("loading incident {id}"), e);
    let mut tx = pool.begin_with(SNAPSHOT).await.map_err(error)?;
    let sql = format!("SELECT {SUMMARY} FROM incident WHERE id = $1");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(id.as_str()).fetch_optional(&mut *tx).await;
    let Some(row) = row.map_err(error)? else { return Ok(None) };
    let records = "SELECT seq, at, body FROM journal WHERE incident = $1 ORDER BY seq";
    let rows = sqlx::query(records).bind(id.as_str()).fetch_all(&mut *tx).await.map_err(error)?;
    tx.commit().await.map_err(error)?;
    row::stored(id, &row, &rows).map(Some)
}

pub(super) async fn list(pool: &PgPool, filter: &Filter) -> Result<Vec<Summary>> {
    let mut sql = row::listed::<Postgres>(filter, ["NOT closed", "closed"]);
    let rows = sql.build().fetch_all(pool).await.map_err(|e| failed("listing incidents", e))?;
    Ok(row::summaries(&rows))
}
