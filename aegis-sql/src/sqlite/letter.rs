//! Messages for whoever drives an incident.

use aegis_core::port::{Letter, MOST_LETTERS, refused};
use aegis_core::{IncidentId, Result};
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqlitePool};

use super::error::failed;
use super::writer::release;
use crate::row::letter;

const COUNT: &str = "SAVEPOINT op;
    SELECT (SELECT count(*) FROM letter WHERE incident = ?1)
    FROM incident WHERE id = ?1 AND closed = 0";

const PUT: &str = "INSERT INTO letter (incident, body) VALUES (?1, ?2) RETURNING number";

const WAITING: &str = "SELECT l.number, l.incident, l.body
    FROM incident i JOIN letter l ON l.incident = i.id
    WHERE i.closed = 0 AND i.lease_owner = ?1
        AND i.lease_until > CAST(unixepoch('subsec') * 1000 AS INTEGER)
    ORDER BY l.number LIMIT ?2";

pub(super) async fn tell(conn: &mut SqliteConnection, id: &IncidentId, body: &str) -> Result<u64> {
    let error = |e| failed(&format!("leaving a message for incident {id}"), e);
    let rows = sqlx::query(COUNT).bind(id.as_str()).fetch_all(&mut *conn).await.map_err(error)?;
    let Some(row) = rows.first() else {
        return Err(refused::missing(id));
    };
    let waiting: i64 = row.try_get(0).map_err(error)?;
    if usize::try_from(waiting).unwrap_or(usize::MAX) >= MOST_LETTERS {
        return Err(refused::full(id));
    }
    let put = sqlx::query(PUT).bind(id.as_str()).bind(body).fetch_all(&mut *conn).await;
    let put = put.map_err(error)?;
    let number = put.first().map_or(Ok(0), |row| row.try_get::<i64, _>(0)).map_err(error)?;
    release(conn).await?;
    Ok(number.cast_unsigned())
}

pub(super) async fn waiting(pool: &SqlitePool, owner: &str, limit: usize) -> Result<Vec<Letter>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = sqlx::query(WAITING).bind(owner).bind(limit).fetch_all(pool).await;
    let rows = rows.map_err(|e| failed("reading messages", e))?;
    Ok(rows.iter().filter_map(letter).collect())
}
