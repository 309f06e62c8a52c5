//! Leases, in the database's own time: one clock for every replica.

use aegis_core::port::{Lease, refused};
use aegis_core::{Error, Result};
use sqlx::Row as _;
use sqlx::postgres::PgPool;

use super::error::failed;
use crate::claim::Claim;
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

/// What others are taking at the same moment is left to them. By an array rather than a join: a plan
/// that is made before the limit is known would read the whole table for one.
const CLAIM: &str = "WITH free AS (
        SELECT id FROM incident
        WHERE NOT closed
            AND lease_until <= (extract(epoch FROM statement_timestamp()) * 1000)::bigint
            AND (cardinality($4::text[]) = 0 OR service = ANY ($4))
            AND ($5::text IS NULL OR phase = $5)
        ORDER BY lease_until, id LIMIT $3 FOR UPDATE SKIP LOCKED
    )
    UPDATE incident SET fence = fence + 1, lease_owner = $1,
        lease_until = (extract(epoch FROM statement_timestamp()) * 1000)::bigint + $2
    WHERE id = ANY (ARRAY(SELECT id FROM free))
    RETURNING id, fence";

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

/// First what is free; where there is more room, also what belongs to processes that are gone.
pub(super) async fn claim(pool: &PgPool, wanted: &Claim) -> Result<Vec<Lease>> {
    let mut leases = Vec::new();
    take(pool, wanted, &mut leases).await?;
    if leases.len() < wanted.limit && bury(pool, wanted).await? > 0 {
        take(pool, wanted, &mut leases).await?;
    }
    leases.sort_by(|a, b| a.incident.cmp(&b.incident));
    Ok(leases)
}

async fn take(pool: &PgPool, wanted: &Claim, leases: &mut Vec<Lease>) -> Result<()> {
    let claimed = sqlx::query(CLAIM)
        .bind(&wanted.owner)
        .bind(wanted.ttl_ms())
        .bind(wanted.left(leases))
        .bind(&wanted.services)
        .bind(wanted.phase);
    for row in claimed.fetch_all(pool).await.map_err(error)? {
        leases.push(wanted.lease(&row).map_err(error)?);
    }
    Ok(())
}

/// Frees what belongs to processes of this machine that are gone; returns how much.
async fn bury(pool: &PgPool, wanted: &Claim) -> Result<u64> {
    let drivers = sqlx::query(OWNERS).bind(&wanted.owner).fetch_all(pool).await.map_err(error)?;
    let mut freed = 0;
    for row in drivers {
        let driver: String = row.try_get(0).map_err(error)?;
        if known_dead_here(&driver) {
            let gone = sqlx::query(BURY).bind(&driver).execute(pool).await.map_err(error)?;
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
