//! Messages for whoever drives an incident.

use aegis_core::port::{Letter, MOST_LETTERS, refused};
use aegis_core::{IncidentId, Result};
use sqlx::Row as _;
use sqlx::postgres::PgPool;

use super::error::failed;
use crate::row::letter;

/// The row of the incident is held, so that it does not close meanwhile.
const PUT: &str = "WITH open AS (
        SELECT id, (SELECT count(*) FROM letter WHERE incident = id) AS waiting
        FROM incident WHERE id = $1 AND NOT closed FOR UPDATE
    ), put AS (
        INSERT INTO letter (incident, body) SELECT id, $2 FROM open WHERE waiting < $3
        RETURNING number, pg_notify(current_schema(), '')
    )
    SELECT (SELECT number FROM put) FROM open";

const WAITING: &str = "SELECT l.number, l.incident, l.body
    FROM incident i JOIN letter l ON l.incident = i.id
    WHERE NOT i.closed AND i.lease_owner = $1
        AND i.lease_until > (extract(epoch FROM statement_timestamp()) * 1000)::bigint
    ORDER BY l.number LIMIT $2";

pub(super) async fn tell(pool: &PgPool, id: &IncidentId, body: &str) -> Result<u64> {
    let error = |e| failed(&format!("leaving a message for incident {id}"), e);
    let most = i64::try_from(MOST_LETTERS).unwrap_or(i64::MAX);
    let put = sqlx::query(PUT).bind(id.as_str()).bind(body).bind(most).fetch_optional(pool).await;
    let Some(row) = put.map_err(error)? else { return Err(refused::missing(id)) };
    match row.try_get::<Option<i64>, _>(0).map_err(error)? {
        Some(number) => Ok(number.cast_unsigned()),
        None => Err(refused::full(id)),
    }
}

pub(super) async fn waiting(pool: &PgPool, owner: &str, limit: usize) -> Result<Vec<Letter>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = sqlx::query(WAITING).bind(owner).bind(limit).fetch_all(pool).await;
    let rows = rows.map_err(|e| failed("reading messages", e))?;
    Ok(rows.iter().filter_map(letter).collect())
}
