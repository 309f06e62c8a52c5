//! Leases, in the database's own time: SQLite's clock, which every process of the machine shares.
//!
//! A wall clock that is set back prolongs leases by as much; one that is set forward ends them early,
//! and the fence keeps the earlier owner from writing.

use std::time::Duration;

use aegis_core::port::{Fence, Lease, refused};
use aegis_core::{IncidentId, Result};
use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

use super::error::failed;
use super::writer::{missing_or, release as end};
use crate::known_dead;

/// The owners of leases, each found by one step through the index.
const OWNERS: &str = "SAVEPOINT op;
    WITH RECURSIVE driver (name) AS (
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
const CLAIM: &str = "UPDATE incident SET lease_until = 0
    WHERE closed = 0 AND lease_until > 0
        AND lease_until <= CAST(unixepoch('subsec') * 1000 AS INTEGER);
    UPDATE incident SET fence = fence + 1, lease_owner = ?1,
        lease_until = CAST(unixepoch('subsec') * 1000 AS INTEGER) + ?2
    WHERE id IN (
        SELECT id FROM incident
        WHERE closed = 0 AND lease_until = 0
            AND (?4 = '[]' OR service IN (SELECT value FROM json_each(?4)))
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

pub(super) async fn claim(
    conn: &mut SqliteConnection,
    owner: &str,
    services: &str,
    (ttl_ms, ttl): (i64, Duration),
    limit: i64,
) -> Result<Vec<Lease>> {
    let error = |e| failed("claiming incidents", e);
    let drivers = sqlx::query(OWNERS).bind(owner).fetch_all(&mut *conn).await.map_err(error)?;
    for row in drivers {
        let driver: String = row.try_get(0).map_err(error)?;
        if known_dead(&driver) {
            let freed = sqlx::query(BURY).bind(&driver).execute(&mut *conn).await;
            let count = freed.map_err(error)?.rows_affected();
            tracing::info!(owner = %driver, count, "took incidents over from a process that is gone");
        }
    }
    let claimed = sqlx::query(CLAIM).bind(owner).bind(ttl_ms).bind(limit).bind(services);
    let claimed = claimed.fetch_all(&mut *conn);
    let mut leases = Vec::new();
    for row in claimed.await.map_err(error)? {
        let fence: i64 = row.try_get(1).map_err(error)?;
        leases.push(Lease {
            incident: IncidentId::new(row.try_get::<String, _>(0).map_err(error)?),
            owner: owner.to_owned(),
            fence: Fence(fence.cast_unsigned()),
            ttl,
        });
    }
    leases.sort_by(|a, b| a.incident.cmp(&b.incident));
    end(conn).await?;
    Ok(leases)
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
