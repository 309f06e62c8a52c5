//! What is read, beside the writer.

use aegis_core::policy::Control;
use aegis_core::port::{Filter, Stored, Summary};
use aegis_core::{IncidentId, Result};
use sqlx::sqlite::SqlitePool;
use sqlx::{AssertSqlSafe, Row as _, Sqlite};

use super::counter;
use super::error::failed;
use crate::row::{self, SUMMARY};

pub(super) async fn load(pool: &SqlitePool, id: &IncidentId) -> Result<Option<Stored>> {
    let error = |e| failed(&format!("loading incident {id}"), e);
    // One transaction, so that the row and its records are of one moment.
    let mut tx = pool.begin().await.map_err(error)?;
    let sql = format!("SELECT {SUMMARY} FROM incident WHERE id = ?1");
    let row = sqlx::query(AssertSqlSafe(sql)).bind(id.as_str()).fetch_optional(&mut *tx).await;
    let Some(row) = row.map_err(error)? else { return Ok(None) };
    let records = "SELECT seq, at, body FROM journal WHERE incident = ?1 ORDER BY seq";
    let rows = sqlx::query(records).bind(id.as_str()).fetch_all(&mut *tx).await.map_err(error)?;
    tx.commit().await.map_err(error)?;
    row::stored(id, &row, &rows).map(Some)
}

pub(super) async fn list(pool: &SqlitePool, filter: &Filter) -> Result<Vec<Summary>> {
    // As the partial indexes have it.
    let mut sql = row::listed::<Sqlite>(filter, ["closed = 0", "closed = 1"]);
    let rows = sql.build().fetch_all(pool).await.map_err(|e| failed("listing incidents", e))?;
    Ok(row::summaries(&rows))
}

pub(super) async fn used(pool: &SqlitePool, counter: &str) -> Result<u64> {
    let error = |e| failed(&format!("reading the counter {counter}"), e);
    let row = sqlx::query(counter::SUM).bind(counter).fetch_one(pool).await.map_err(error)?;
    Ok(u64::try_from(counter::sum(&row).map_err(error)?).unwrap_or(u64::MAX))
}

pub(super) async fn control(pool: &SqlitePool) -> Result<Control> {
    let error = |e| failed("reading what is switched", e);
    let row = sqlx::query("SELECT body FROM control WHERE id = 1").fetch_optional(pool).await;
    let Some(row) = row.map_err(error)? else { return Ok(Control::new()) };
    row::control(row.try_get(0).map_err(error)?)
}
