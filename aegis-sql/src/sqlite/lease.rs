//! Leases, in the database's own time: SQLite's clock, which every process of the machine shares.
//!
//! A wall clock that is set back prolongs leases by as much; one that is set forward ends them early,
//! and the fence keeps the earlier owner from writing.

use aegis_core::port::{Lease, refused};
use aegis_core::{Error, Result};
use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

use super::error::failed;
use super::writer::{missing_or, release as end};
use crate::claim::Claim;
use crate::known_dead;

/// The owners of leases, each found by one step through the index.
const OWNERS: &str = "WITH RECURSIVE driver (name) AS (
        SELECT min(lease_owner) FROM incident WHERE closed = 0 AND lease_until > 0
        UNION ALL
        SELECT (SELECT min(lease_owner) FROM incident
                WHERE closed = 0 AND lease_until > 0 AND lease_owner > name)
        FROM driver WHERE name IS NOT NULL
    )
    SELECT name FROM driver WHERE name IS NOT NULL AND name <> ?1";

const BURY: &str = "UPDATE incident SET lease_until = 0
    WHERE closed = 0 AND lease_until > 0 AND lease_owner = ?1";

/// First what ran out is made free, so that the free ones are a range of the index in order of id.
const EXPIRE: &str = "SAVEPOINT op;
    UPDATE incident SET lease_until = 0
    WHERE closed = 0 AND lease_until > 0
        AND lease_until <= CAST(unixepoch('subsec') * 1000 AS INTEGER)";

const CLAIM: &str = "UPDATE incident SET fence = fence + 1, lease_owner = ?1,
        lease_until = CAST(unixepoch('subsec') * 1000 AS INTEGER) + ?2
    WHERE id IN (
        SELECT id FROM incident
        WHERE closed = 0 AND lease_until = 0
            AND (?4 = '[]' OR service IN (SELECT value FROM json_each(?4)))
            AND (?5 IS NULL OR phase = ?5)
        ORDER BY id LIMIT ?3
    )
    RETURNING id, fence";

const RENEW: &str = "SAVEPOINT op;
    UPDATE incident SET lease_owner = ?3,
        lease_until = CAST(unixepoch('subsec') * 1000 AS INTEGER) + ?4
    WHERE id = ?1 AND fence = ?2 AND lease_owner IS NOT NULL
    RETURNING id";

const RELEASE: &str = "SAVEPOINT op;
    UPDATE incident SET
        lease_owner = iif(fence = ?2, NULL, lease_owner),
        lease_until = iif(fence = ?2, 0, lease_until)
    WHERE id = ?1
    RETURNING id";

/// First what is free; where there is more room, also what belongs to processes that are gone.
pub(super) async fn claim(conn: &mut SqliteConnection, wanted: &Claim) -> Result<Vec<Lease>> {
    sqlx::query(EXPIRE).execute(&mut *conn).await.map_err(error)?;
    let mut leases = Vec::new();
    take(conn, wanted, &mut leases).await?;
    if leases.len() < wanted.limit && bury(conn, wanted).await? > 0 {
        take(conn, wanted, &mut leases).await?;
    }
    leases.sort_by(|a, b| a.incident.cmp(&b.incident));
    end(conn).await?;
    Ok(leases)
}

async fn take(conn: &mut SqliteConnection, wanted: &Claim, leases: &mut Vec<Lease>) -> Result<()> {
    let claimed = sqlx::query(CLAIM)
        .bind(&wanted.owner)
        .bind(wanted.ttl_ms())
        .bind(wanted.left(leases))
        .bind(serde_json::json!(wanted.services).to_string())
        .bind(wanted.phase);
    for row in claimed.fetch_all(conn).await.map_err(error)? {
        leases.push(wanted.lease(&row).map_err(error)?);
    }
    Ok(())
}

/// Frees what belongs to processes that are gone; returns how much.
async fn bury(conn: &mut SqliteConnection, wanted: &Claim) -> Result<u64> {
    let drivers = sqlx::query(OWNERS).bind(&wanted.owner).fetch_all(&mut *conn).await;
    let mut freed = 0;
    for row in drivers.map_err(error)? {
        let driver: String = row.try_get(0).map_err(error)?;
        if known_dead(&driver) {
            let gone = sqlx::query(BURY).bind(&driver).execute(&mut *conn).await.map_err(error)?;
            let count = gone.rows_affected();
            freed += count;
            tracing::info!(owner = %driver, count, "took incidents over from a process that is gone");
        }
    }
    Ok(freed)
}

fn error(e: sqlx::Error) -> Error {
    failed("claiming incidents", e)
}

pub(super) async fn renew(conn: &mut SqliteConnection, lease: &Lease, ttl_ms: i64) -> Result<()> {
    let id = &lease.incident;
    let renewed = sqlx::query(RENEW)
        .bind(id.as_str())
        .bind(lease.fence.0.cast_signed())
        .bind(&lease.owner)
        .bind(ttl_ms)
        .fetch_all(&mut *conn)
        .await
        .map_err(|e| failed(&format!("renewing the lease of incident {id}"), e))?;
    if renewed.is_empty() {
        return Err(missing_or(conn, id, |_| refused::fenced(id)).await);
    }
    end(conn).await
}

pub(super) async fn release(conn: &mut SqliteConnection, lease: &Lease) -> Result<()> {
    let id = &lease.incident;
    let released = sqlx::query(RELEASE)
        .bind(id.as_str())
        .bind(lease.fence.0.cast_signed())
        .fetch_all(&mut *conn)
        .await
        .map_err(|e| failed(&format!("giving back the lease of incident {id}"), e))?;
    if released.is_empty() {
        return Err(refused::missing(id));
    }
    end(conn).await
}
