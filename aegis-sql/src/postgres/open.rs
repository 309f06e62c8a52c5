//! Opening an incident, or opening one again.

use aegis_core::machine::Phase;
use aegis_core::port::{NewIncident, Opened, refused};
use aegis_core::{IncidentId, Result, Timestamp};
use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgPool};

use crate::chain::first;
use crate::row::Body;

const OPEN: &str = "SELECT id FROM incident WHERE service = $1 AND fingerprint = $2 AND NOT closed";

/// Two that open the same at once follow each other; the lock goes with the transaction.
const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtextextended($1 || '/' || $2, 4165))";

const LAST_CLOSED: &str = "SELECT id, seq, updated_at FROM incident
    WHERE service = $1 AND fingerprint = $2 AND closed
    ORDER BY updated_at DESC, id DESC LIMIT 1";

const REOPEN: &str = "WITH again AS (
        UPDATE incident SET seq = $2, updated_at = $3, phase = $4, closed = false,
            lease_owner = NULL, lease_until = 0, seal = chain(seal, ARRAY[$7])
        WHERE id = $1 RETURNING id
    )
    INSERT INTO journal (incident, seq, at, kind, body, digest)
    SELECT id, $2, $3, $5, $6, $7 FROM again
    RETURNING pg_notify(current_schema(), '')";

const CREATE: &str = "WITH created AS (
        INSERT INTO incident
            (id, service, fingerprint, kind, phase, seq, opened_at, updated_at, seal)
        VALUES ($1, $2, $3, $4, $5, 1, $6, $6, chain($10, ARRAY[$9]))
        ON CONFLICT (id) DO NOTHING RETURNING id
    )
    INSERT INTO journal (incident, seq, at, kind, body, digest)
    SELECT id, 1, $6, $7, $8, $9 FROM created
    RETURNING pg_notify(current_schema(), '')";

pub(super) async fn open(
    pool: &PgPool,
    new: &NewIncident,
    opened: &Body,
    reopened: Option<&Body>,
) -> sqlx::Result<Result<Opened>> {
    let (service, fingerprint) = (new.service.as_str(), new.fingerprint.as_str());
    // What comes most often by far needs no transaction.
    let found = sqlx::query(OPEN).bind(service).bind(fingerprint).fetch_optional(pool).await?;
    if let Some(row) = found {
        return Ok(Ok(Opened::Existing(IncidentId::new(row.try_get::<String, _>(0)?))));
    }
    let mut tx = pool.begin().await?;
    sqlx::query(LOCK).bind(service).bind(fingerprint).execute(&mut *tx).await?;
    let answer = locked(&mut tx, new, opened, reopened).await?;
    tx.commit().await?;
    Ok(answer)
}

async fn locked(
    conn: &mut PgConnection,
    new: &NewIncident,
    opened: &Body,
    reopened: Option<&Body>,
) -> sqlx::Result<Result<Opened>> {
    let (service, fingerprint) = (new.service.as_str(), new.fingerprint.as_str());
    let found = sqlx::query(OPEN).bind(service).bind(fingerprint);
    if let Some(row) = found.fetch_optional(&mut *conn).await? {
        return Ok(Ok(Opened::Existing(IncidentId::new(row.try_get::<String, _>(0)?))));
    }
    if let (Some((after, _)), Some(body)) = (&new.reopen, reopened) {
        let last = sqlx::query(LAST_CLOSED).bind(service).bind(fingerprint);
        let last = last.fetch_optional(&mut *conn).await?;
        let closed_at = last.as_ref().map(|row| row.try_get(2)).transpose()?;
        let closed_at = closed_at.map(Timestamp::from_ms);
        if let (Some(row), Some(closed_at)) = (last, closed_at.filter(|at| at > after)) {
            let id: String = row.try_get(0)?;
            if closed_at > new.at {
                return Ok(Ok(Opened::Ended(IncidentId::new(id))));
            }
            let seq: i64 = row.try_get(1)?;
            let again = sqlx::query(REOPEN).bind(&id).bind(seq + 1).bind(new.at.as_ms());
            let again = again.bind(Phase::Diagnosing.name()).bind(&body.kind).bind(&body.json);
            let digest = body.digest(seq.cast_unsigned() + 1, new.at);
            again.bind(&digest[..]).execute(conn).await?;
            return Ok(Ok(Opened::Reopened(IncidentId::new(id))));
        }
    }
    let created = sqlx::query(CREATE)
        .bind(new.id.as_str())
        .bind(service)
        .bind(fingerprint)
        .bind(new.kind.as_str())
        .bind(new.phase().name())
        .bind(new.at.as_ms())
        .bind(&opened.kind)
        .bind(&opened.json)
        .bind(&opened.digest(1, new.at)[..])
        .bind(&first(&new.id)[..])
        .execute(conn)
        .await?;
    if created.rows_affected() == 0 {
        return Ok(Err(refused::exists(&new.id)));
    }
    Ok(Ok(Opened::Created(new.id.clone())))
}
