//! History: exported, checked, thinned out.

use aegis_core::port::refused;
use aegis_core::{IncidentId, Result, Timestamp};
use async_trait::async_trait;
use sqlx::Row as _;
use sqlx::postgres::PgPool;

use super::PostgresJournal;
use super::error::failed;
use super::read::SNAPSHOT;
use crate::archive::Archive;
use crate::chain::{self, Link, hex};
use crate::row::links;

/// What others are at is left to them.
const PRUNE: &str = "WITH old AS (
        SELECT id FROM incident WHERE closed AND updated_at < $1
        ORDER BY updated_at, id LIMIT $2 FOR UPDATE SKIP LOCKED
    ), letters AS (DELETE FROM letter USING old WHERE incident = old.id)
    , effects AS (DELETE FROM effect USING old WHERE incident = old.id)
    , records AS (DELETE FROM journal USING old WHERE incident = old.id)
    , counters AS (
        DELETE FROM counter USING old WHERE counter.counter IN
            ('submit/incident/' || old.id, 'merge/incident/' || old.id, 'revert/incident/' || old.id)
    )
    DELETE FROM incident USING old WHERE incident.id = old.id";

/// Its seal and its records.
async fn read(pool: &PgPool, id: &IncidentId) -> Result<(Vec<u8>, Vec<Link>)> {
    let error = |e| failed(&format!("reading the history of incident {id}"), e);
    let mut tx = pool.begin_with(SNAPSHOT).await.map_err(error)?;
    let seal = sqlx::query("SELECT seal FROM incident WHERE id = $1").bind(id.as_str());
    let seal = seal.fetch_optional(&mut *tx).await.map_err(error)?;
    let seal = seal.ok_or_else(|| refused::missing(id))?.try_get(0).map_err(error)?;
    let records = "SELECT seq, at, body, digest FROM journal WHERE incident = $1 ORDER BY seq";
    let rows = sqlx::query(records).bind(id.as_str()).fetch_all(&mut *tx).await.map_err(error)?;
    Ok((seal, links(id, &rows)?))
}

#[async_trait]
impl Archive for PostgresJournal {
    async fn export(&self, id: &IncidentId) -> Result<String> {
        chain::export(id, &read(self.pool(), id).await?.1)
    }

    async fn check(&self, id: &IncidentId) -> Result<String> {
        let (seal, links) = read(self.pool(), id).await?;
        chain::holds(id, &links, &seal)?;
        Ok(hex(&seal))
    }

    async fn prune(&self, before: Timestamp, limit: usize) -> Result<usize> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let done = sqlx::query(PRUNE).bind(before.as_ms()).bind(limit).execute(self.pool()).await;
        let done = done.map_err(|e| failed("removing closed incidents", e))?;
        Ok(usize::try_from(done.rows_affected()).unwrap_or(usize::MAX))
    }
}
