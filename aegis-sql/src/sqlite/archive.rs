//! History: exported, checked, thinned out.

use aegis_core::port::refused;
use aegis_core::{IncidentId, Result, Timestamp};
use async_trait::async_trait;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqlitePool};

use super::SqliteJournal;
use super::error::failed;
use super::writer::{Done, Write, release};
use crate::archive::Archive;
use crate::chain::{self, Link, hex};
use crate::row::links;

const OLD: &str = "SAVEPOINT op;
    SELECT id FROM incident WHERE closed = 1 AND updated_at < ?1 ORDER BY updated_at, id LIMIT ?2";

const REMOVE: &str = "DELETE FROM letter WHERE incident = ?1;
    DELETE FROM effect WHERE incident = ?1;
    DELETE FROM journal WHERE incident = ?1;
    DELETE FROM counter WHERE counter IN
        ('submit/incident/' || ?1, 'merge/incident/' || ?1, 'revert/incident/' || ?1);
    DELETE FROM incident WHERE id = ?1";

/// Its seal and its records.
async fn read(pool: &SqlitePool, id: &IncidentId) -> Result<(Vec<u8>, Vec<Link>)> {
    let error = |e| failed(&format!("reading the history of incident {id}"), e);
    let mut tx = pool.begin().await.map_err(error)?;
    let seal = sqlx::query("SELECT seal FROM incident WHERE id = ?1").bind(id.as_str());
    let Some(row) = seal.fetch_optional(&mut *tx).await.map_err(error)? else {
        return Err(refused::missing(id));
    };
    let records = "SELECT seq, at, body, digest FROM journal WHERE incident = ?1 ORDER BY seq";
    let rows = sqlx::query(records).bind(id.as_str()).fetch_all(&mut *tx).await.map_err(error)?;
    Ok((row.try_get(0).map_err(error)?, links(id, &rows)?))
}

pub(super) async fn prune(
    conn: &mut SqliteConnection,
    before: Timestamp,
    limit: i64,
) -> Result<u64> {
    let error = |e| failed("removing closed incidents", e);
    let old = sqlx::query(OLD).bind(before.as_ms()).bind(limit).fetch_all(&mut *conn).await;
    let old = old.map_err(error)?;
    for row in &old {
        let id: String = row.try_get(0).map_err(error)?;
        sqlx::query(REMOVE).bind(id).execute(&mut *conn).await.map_err(error)?;
    }
    release(conn).await?;
    Ok(old.len() as u64)
}

#[async_trait]
impl Archive for SqliteJournal {
    async fn export(&self, id: &IncidentId) -> Result<String> {
        chain::export(id, &read(self.readers(), id).await?.1)
    }

    async fn check(&self, id: &IncidentId) -> Result<String> {
        let (seal, links) = read(self.readers(), id).await?;
        chain::holds(id, &links, &seal)?;
        Ok(hex(&seal))
    }

    async fn prune(&self, before: Timestamp, limit: usize) -> Result<usize> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        match self.write(Write::Prune { before, limit }).await? {
            Done::Seq(removed) => Ok(usize::try_from(removed).unwrap_or(usize::MAX)),
            other => super::journal::mismatch(&other),
        }
    }
}
