//! Leases, in the database's own time: one clock for every replica.

use std::time::Duration;

use aegis_core::port::{Fence, Lease, refused};
use aegis_core::{IncidentId, Result, ServiceName};
use sqlx::Row as _;
use sqlx::postgres::PgPool;

use super::error::failed;
use crate::owner::known_dead_here;
use crate::row::ttl_ms;

/// The owners of leases, each found by one step through the index.
const OWNERS: &str = "WITH RECURSIVE driver (name) AS (
        SELECT min(lease_owner) FROM incident WHERE NOT closed AND lease_until > 0
        UNION ALL
        SELECT (SELECT min(lease_owner) FROM incident
                WHERE NOT closed AND lease_until > 0 AND lease_owner > name)
        FROM driver WHERE name IS NOT NULL
    )
    SELECT name FROM driver WHERE name IS NOT NULL AND name <> $1";

const BURY: &str = "UPDATE incident SET lease_until = 0
    WHERE NOT closed AND lease_until > 0 AND lease_owner = $1";

/// What others are taking at the same moment is left to them.
const CLAIM: &str = "WITH free AS (
        SELECT id FROM incident
        WHERE NOT closed
            AND lease_until <= (extract(epoch FROM statement_timestamp()) * 1000)::bigint
            AND (cardinality($4::text[]) = 0 OR service = ANY ($4))
        ORDER BY lease_until, id LIMIT $3 FOR UPDATE SKIP LOCKED
    )
    UPDATE incident SET fence = fence + 1, lease_owner = $1,
        lease_until = (extract(epoch FROM statement_timestamp()) * 1000)::bigint + $2
    FROM free WHERE incident.id = free.id
    RETURNING incident.id, incident.fence";

const RENEW: &str = "UPDATE incident SET lease_owner = $3,
        lease_until = (extract(epoch FROM clock_timestamp()) * 1000)::bigint + $4
    WHERE id = $1 AND fence = $2 AND lease_owner IS NOT NULL";

/// Who waits for work is told that nobody drives it, where it is still open.
const RELEASE: &str = "UPDATE incident SET
        lease_owner = CASE WHEN fence = $2 THEN NULL ELSE lease_owner END,
        lease_until = CASE WHEN fence = $2 THEN 0 ELSE lease_until END
    WHERE id = $1
    RETURNING CASE WHEN NOT closed AND lease_owner IS NULL
        THEN pg_notify(current_schema(), '')::text END";

pub(super) async fn claim(
    pool: &PgPool,
    owner: &str,
    services: &[ServiceName],
    ttl: Duration,
    limit: usize,
) -> Result<Vec<Lease>> {
    let error = |e| failed("claiming incidents", e);
    let drivers = sqlx::query(OWNERS).bind(owner).fetch_all(pool).await.map_err(error)?;
    for row in drivers {
        let driver: String = row.try_get(0).map_err(error)?;
        if known_dead_here(&driver) {
            let freed = sqlx::query(BURY).bind(&driver).execute(pool).await.map_err(error)?;
            let count = freed.rows_affected();
            tracing::info!(owner = %driver, count, "took incidents over from a process that is gone");
        }
    }
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let services: Vec<&str> = services.iter().map(ServiceName::as_str).collect();
    let claimed = sqlx::query(CLAIM).bind(owner).bind(ttl_ms(ttl)).bind(limit);
    let claimed = claimed.bind(services);
    let mut leases = Vec::new();
    for row in claimed.fetch_all(pool).await.map_err(error)? {
        let fence: i64 = row.try_get(1).map_err(error)?;
        leases.push(Lease {
            incident: IncidentId::new(row.try_get::<String, _>(0).map_err(error)?),
            owner: owner.to_owned(),
            fence: Fence(fence.cast_unsigned()),
            ttl,
        });
    }
    leases.sort_by(|a, b| a.incident.cmp(&b.incident));
    Ok(leases)
}

pub(super) async fn renew(pool: &PgPool, lease: &Lease) -> Result<()> {
    let id = &lease.incident;
    let error = |e| failed(&format!("renewing the lease of incident {id}"), e);
    let renewed = sqlx::query(RENEW)
        .bind(id.as_str())
        .bind(lease.fence.0.cast_signed())
        .bind(&lease.owner)
        .bind(ttl_ms(lease.ttl));
    if renewed.execute(pool).await.map_err(error)?.rows_affected() > 0 {
        return Ok(());
    }
    let known = sqlx::query("SELECT 1 FROM incident WHERE id = $1").bind(id.as_str());
    match known.fetch_optional(pool).await.map_err(error)? {
        Some(_) => Err(refused::fenced(id)),
        None => Err(refused::missing(id)),
    }
}

pub(super) async fn release(pool: &PgPool, lease: &Lease) -> Result<()> {
    let id = &lease.incident;
    let released = sqlx::query(RELEASE).bind(id.as_str()).bind(lease.fence.0.cast_signed());
    let released = released.execute(pool).await;
    let released =
        released.map_err(|e| failed(&format!("giving back the lease of incident {id}"), e))?;
    if released.rows_affected() == 0 { Err(refused::missing(id)) } else { Ok(()) }
}
