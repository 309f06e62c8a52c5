//! Committing records, effects, the row and the slot.

use std::fmt::Write as _;

use aegis_core::machine::Entry;
use aegis_core::port::{Batch, Effect, SlotChange, refused};
use aegis_core::{Error, IncidentId, Result};
use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, Row as _};

use super::error::failed;
use super::writer::missing_or;
use crate::chain::{Hash, next};
use crate::row::Body;

/// Names `closed` only where it changes: SQLite would write every index anew that asks for it.
macro_rules! moving {
    ($begin:literal, $closed:literal) => {
        concat!(
            $begin,
            "; UPDATE incident SET seq = ?4, phase = ?5, updated_at = coalesce(?6, updated_at)",
            $closed,
            " WHERE id = ?1 AND fence = ?2 AND seq = ?3 AND lease_owner IS NOT NULL
            RETURNING service, seal"
        )
    };
}

const DRIVEN: &str =
    "SELECT 1 FROM incident WHERE id = ?1 AND fence = ?2 AND lease_owner IS NOT NULL";

const EFFECT: &str = "INSERT INTO effect (service, incident, attempt, kind, request, status)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)
    ON CONFLICT DO UPDATE
        SET request = coalesce(excluded.request, request), status = excluded.status
        WHERE effect.status = 'void' OR effect.request IS NULL OR excluded.request IS NULL
            OR effect.request = excluded.request
    RETURNING 1";

const TAKE: &str = "INSERT INTO slot (service, incident) VALUES (?1, ?2)
    ON CONFLICT DO UPDATE SET incident = excluded.incident WHERE slot.incident = excluded.incident
    RETURNING 1";

const FREE: &str = "DELETE FROM slot WHERE service = ?1 AND incident = ?2";

/// Whether a commit shares its transaction with other writes.
///
/// One that has it for itself goes to SQLite's thread and back half as often: what begins and ends the
/// transaction goes with its statements.
#[derive(Debug, Clone, Copy)]
pub(super) enum Transaction {
    /// It is a savepoint in one that the caller begins and ends.
    Shared,
    /// It begins and ends one; after an error, the caller rolls it back.
    Own,
}

/// Records of one statement: SQLite takes 32,766 parameters, and five make a record.
const CHUNK: usize = 1_000;

pub(super) async fn commit(
    conn: &mut SqliteConnection,
    batch: &Batch,
    bodies: &[Body],
    transaction: Transaction,
) -> Result<u64> {
    let id = &batch.incident;
    let seq = batch.expected_seq + batch.entries.len() as u64;
    let closes = batch.phase.is_terminal();
    let (moving, end) = match (transaction, closes) {
        (Transaction::Shared, false) => (moving!("SAVEPOINT op", ""), "RELEASE op"),
        (Transaction::Shared, true) => (moving!("SAVEPOINT op", ", closed = 1"), "RELEASE op"),
        (Transaction::Own, false) => (moving!("BEGIN IMMEDIATE", ""), "COMMIT"),
        (Transaction::Own, true) => (moving!("BEGIN IMMEDIATE", ", closed = 1"), "COMMIT"),
    };
    let rows = sqlx::query(moving)
        .bind(id.as_str())
        .bind(batch.fence.0.cast_signed())
        .bind(batch.expected_seq.cast_signed())
        .bind(seq.cast_signed())
        .bind(batch.phase.name())
        .bind(batch.entries.last().map(|e| e.at.as_ms()))
        .fetch_all(&mut *conn)
        .await
        .map_err(|e| error(id, e))?;
    let Some(row) = rows.first() else { return Err(why_not(conn, batch).await) };
    let service: String = row.try_get(0).map_err(|e| error(id, e))?;
    let seal: Vec<u8> = row.try_get(1).map_err(|e| error(id, e))?;
    for effect in &batch.effects {
        keep_effect(conn, id, effect).await?;
    }
    answer(conn, id, &batch.letters).await?;
    if closes {
        let rest = sqlx::query("DELETE FROM letter WHERE incident = ?1").bind(id.as_str());
        rest.execute(&mut *conn).await.map_err(|e| error(id, e))?;
    }
    if batch.slot == SlotChange::Take {
        take(conn, id, &service).await?;
    }
    if batch.slot == SlotChange::Free || closes {
        let free = sqlx::query(FREE).bind(&service).bind(id.as_str());
        free.execute(&mut *conn).await.map_err(|e| error(id, e))?;
    }
    append(conn, id, (&batch.entries, bodies), seal, end).await?;
    Ok(seq)
}

/// Writes the records, moves the seal on, and does what ends the savepoint or the transaction.
async fn append(
    conn: &mut SqliteConnection,
    id: &IncidentId,
    (entries, bodies): (&[Entry], &[Body]),
    mut seal: Vec<u8>,
    end: &'static str,
) -> Result<()> {
    let chunks = entries.len().div_ceil(CHUNK);
    if chunks == 0 {
        return sqlx::query(end).execute(conn).await.map(drop).map_err(|e| error(id, e));
    }
    for (n, (entries, bodies)) in entries.chunks(CHUNK).zip(bodies.chunks(CHUNK)).enumerate() {
        let mut sql =
            String::from("INSERT INTO journal (incident, seq, at, kind, body, digest) VALUES");
        for row in 0..entries.len() {
            let comma = if row == 0 { "" } else { "," };
            let [seq, at, kind, body, digest] = [3, 4, 5, 6, 7].map(|n| row * 5 + n);
            // Writing to a String can't fail.
            let _ = write!(sql, "{comma} (?1, ?{seq}, ?{at}, ?{kind}, ?{body}, ?{digest})");
        }
        sql.push_str("; UPDATE incident SET seal = ?2 WHERE id = ?1");
        if n + 1 == chunks {
            sql.push_str("; ");
            sql.push_str(end);
        }
        let digests: Vec<Hash> =
            entries.iter().zip(bodies).map(|(e, body)| body.digest(e.seq, e.at)).collect();
        seal = digests.iter().fold(seal, |seal, digest| next(&seal, digest).to_vec());
        let mut query = sqlx::query(AssertSqlSafe(sql)).bind(id.as_str()).bind(seal.clone());
        for ((entry, body), digest) in entries.iter().zip(bodies).zip(&digests) {
            let (seq, at) = (entry.seq.cast_signed(), entry.at.as_ms());
            query = query.bind(seq).bind(at).bind(&body.kind).bind(&body.json).bind(&digest[..]);
        }
        query.execute(&mut *conn).await.map_err(|e| error(id, e))?;
    }
    Ok(())
}

async fn keep_effect(conn: &mut SqliteConnection, id: &IncidentId, effect: &Effect) -> Result<()> {
    let kept = sqlx::query(EFFECT)
        .bind(effect.key.service.as_str())
        .bind(effect.key.incident.as_str())
        .bind(i64::from(effect.key.attempt))
        .bind(effect.key.kind.as_str())
        .bind(effect.request.as_ref().map(|r| r.as_str()))
        .bind(effect.status.as_str())
        .fetch_all(conn)
        .await
        .map_err(|e| error(id, e))?;
    if kept.is_empty() {
        return Err(refused::used(&effect.key));
    }
    Ok(())
}

/// Takes the messages away that the records answer.
async fn answer(conn: &mut SqliteConnection, id: &IncidentId, letters: &[u64]) -> Result<()> {
    for number in letters {
        let gone = sqlx::query("DELETE FROM letter WHERE number = ?1 AND incident = ?2")
            .bind(number.cast_signed())
            .bind(id.as_str());
        let gone = gone.execute(&mut *conn).await.map_err(|e| error(id, e))?;
        if gone.rows_affected() == 0 {
            return Err(refused::answered(*number));
        }
    }
    Ok(())
}

async fn take(conn: &mut SqliteConnection, id: &IncidentId, service: &str) -> Result<()> {
    let taken = sqlx::query(TAKE).bind(service).bind(id.as_str()).fetch_all(&mut *conn).await;
    if taken.map_err(|e| error(id, e))?.is_empty() {
        let holder = sqlx::query("SELECT incident FROM slot WHERE service = ?1").bind(service);
        let holder = holder.fetch_one(conn).await.and_then(|row| row.try_get::<String, _>(0));
        let holder = holder.map_err(|e| error(id, e))?;
        return Err(refused::releasing(holder, service));
    }
    Ok(())
}

/// Why nothing was moved: the incident is missing, driven by another, or further than was known.
async fn why_not(conn: &mut SqliteConnection, batch: &Batch) -> Error {
    let id = &batch.incident;
    let driven = sqlx::query(DRIVEN).bind(id.as_str()).bind(batch.fence.0.cast_signed());
    let driven = match driven.fetch_optional(&mut *conn).await {
        Ok(row) => row.is_some(),
        Err(e) => return error(id, e),
    };
    missing_or(conn, id, |is| {
        if driven { refused::stale(id, is, batch.expected_seq) } else { refused::fenced(id) }
    })
    .await
}

fn error(id: &IncidentId, e: sqlx::Error) -> Error {
    failed(&format!("committing to incident {id}"), e)
}
