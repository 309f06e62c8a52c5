//! Opening an incident, or opening one again.

use aegis_core::machine::Phase;
use aegis_core::port::{NewIncident, Opened, refused};
use aegis_core::{IncidentId, Result, Timestamp};
use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

use super::error::failed;
use super::writer::release;
use crate::chain;
use crate::row::Body;

const OPEN: &str = "SAVEPOINT op;
    SELECT id FROM incident WHERE service = ?1 AND fingerprint = ?2 AND closed = 0";

const LAST_CLOSED: &str = "SELECT id, seq, updated_at, seal FROM incident
    WHERE service = ?1 AND fingerprint = ?2 AND closed = 1
    ORDER BY updated_at DESC, id DESC LIMIT 1";

const REOPEN: &str = "UPDATE incident SET seq = ?2, updated_at = ?3, phase = ?4, closed = 0,
        lease_owner = NULL, lease_until = 0, seal = ?8
    WHERE id = ?1;
    INSERT INTO journal (incident, seq, at, kind, body, digest) VALUES (?1, ?2, ?3, ?5, ?6, ?7);
    RELEASE op";

const CREATE: &str = "INSERT INTO incident
        (id, service, fingerprint, kind, phase, seq, opened_at, updated_at, seal)
    VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?6, ?7) ON CONFLICT (id) DO NOTHING RETURNING id";

const FIRST: &str = "INSERT INTO journal (incident, seq, at, kind, body, digest)
    VALUES (?1, 1, ?2, ?3, ?4, ?5);
    RELEASE op";

pub(super) async fn open(
    conn: &mut SqliteConnection,
    new: &NewIncident,
    opened: &Body,
    reopened: Option<&Body>,
) -> Result<Opened> {
    let what = || format!("opening incident {}", new.id);
    let error = |e| failed(&what(), e);
    let (service, fingerprint) = (new.service.as_str(), new.fingerprint.as_str());
    let rows = sqlx::query(OPEN).bind(service).bind(fingerprint).fetch_all(&mut *conn).await;
    if let Some(row) = rows.map_err(error)?.first() {
        release(conn).await?;
        let id: String = row.try_get(0).map_err(error)?;
        return Ok(Opened::Existing(IncidentId::new(id)));
    }
    if let (Some((after, _)), Some(body)) = (&new.reopen, reopened) {
        let last =
            sqlx::query(LAST_CLOSED).bind(service).bind(fingerprint).fetch_optional(&mut *conn);
        let last = last.await.map_err(error)?;
        let closed_at = last.as_ref().map(|row| row.try_get(2)).transpose().map_err(error)?;
        let closed_at = closed_at.map(Timestamp::from_ms);
        if let (Some(row), Some(closed_at)) = (last, closed_at.filter(|at| at > after)) {
            let id: String = row.try_get(0).map_err(error)?;
            if closed_at > new.at {
                release(conn).await?;
                return Ok(Opened::Ended(IncidentId::new(id)));
            }
            let seq: i64 = row.try_get(1).map_err(error)?;
            let seal: Vec<u8> = row.try_get(3).map_err(error)?;
            let digest = body.digest(seq.cast_unsigned() + 1, new.at);
            sqlx::query(REOPEN)
                .bind(&id)
                .bind(seq + 1)
                .bind(new.at.as_ms())
                .bind(Phase::Diagnosing.name())
                .bind(&body.kind)
                .bind(&body.json)
                .bind(&digest[..])
                .bind(&chain::next(&seal, &digest)[..])
                .execute(conn)
                .await
                .map_err(error)?;
            return Ok(Opened::Reopened(IncidentId::new(id)));
        }
    }
    let digest = opened.digest(1, new.at);
    let created = sqlx::query(CREATE)
        .bind(new.id.as_str())
        .bind(service)
        .bind(fingerprint)
        .bind(new.kind.as_str())
        .bind(new.phase().name())
        .bind(new.at.as_ms())
        .bind(&chain::next(&chain::first(&new.id), &digest)[..])
        .fetch_all(&mut *conn)
        .await
        .map_err(error)?;
    if created.is_empty() {
        return Err(refused::exists(&new.id));
    }
    sqlx::query(FIRST)
        .bind(new.id.as_str())
        .bind(new.at.as_ms())
        .bind(&opened.kind)
        .bind(&opened.json)
        .bind(&digest[..])
        .execute(conn)
        .await
        .map_err(error)?;
    Ok(Opened::Created(new.id.clone()))
}
