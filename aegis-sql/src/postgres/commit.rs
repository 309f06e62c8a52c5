//! Committing records, effects, the row and the slot, in one statement.

use std::collections::BTreeMap;

use aegis_core::port::{Batch, Effect, EffectStatus, SlotChange, refused};
use aegis_core::{EffectKey, Error, Result};
use sqlx::Row as _;
use sqlx::postgres::PgPool;

use super::error::{self, failed, is_unknown};
use crate::row::Body;

/// The whole transition. Where a key was used for another request or the turn is another's, the
/// statement fails, and nothing of it stays.
const COMMIT: &str = "WITH moved AS (
        UPDATE incident SET seq = $4, phase = $5, closed = $6, updated_at = coalesce($7, updated_at),
            seal = chain(seal, $21::bytea[])
        WHERE id = $1 AND fence = $2 AND seq = $3 AND lease_owner IS NOT NULL
        RETURNING service
    ), written AS (
        INSERT INTO journal (incident, seq, at, kind, body, digest)
        SELECT $1, r.seq, r.at, r.kind, r.body, r.digest
        FROM moved, unnest($8::bigint[], $9::bigint[], $10::text[], $11::text[], $21::bytea[])
            AS r (seq, at, kind, body, digest)
    ), kept AS (
        INSERT INTO effect (service, incident, attempt, kind, request, status)
        SELECT e.service, e.incident, e.attempt, e.kind, e.request, e.status
        FROM moved, unnest($12::text[], $13::text[], $14::bigint[], $15::text[], $16::text[],
            $17::text[]) AS e (service, incident, attempt, kind, request, status)
        ON CONFLICT (incident, attempt, kind, service) DO UPDATE
            SET request = coalesce(excluded.request, effect.request), status = excluded.status
            WHERE effect.status = 'void' OR effect.request IS NULL OR excluded.request IS NULL
                OR effect.request = excluded.request
        RETURNING 1
    ), taken AS (
        INSERT INTO slot (service, incident) SELECT service, $1 FROM moved WHERE $18
        ON CONFLICT (service) DO UPDATE SET incident = excluded.incident
            WHERE slot.incident = excluded.incident
        RETURNING 1
    ), freed AS (
        DELETE FROM slot USING moved
        WHERE $19 AND slot.service = moved.service AND slot.incident = $1
    ), answered AS (
        DELETE FROM letter USING moved
        WHERE letter.incident = $1 AND ($6 OR letter.number = ANY ($20::bigint[]))
        RETURNING letter.number
    )
    SELECT
        CASE WHEN (SELECT count(*) FROM kept) < cardinality($12::text[])
            THEN refuse('AE001', 'a key was used for another request') END,
        CASE WHEN $18 AND (SELECT count(*) FROM taken) = 0
            THEN refuse('AE002', 'another incident is releasing') END,
        CASE WHEN (SELECT count(*) FROM answered WHERE number = ANY ($20::bigint[]))
                < cardinality($20::bigint[])
            THEN refuse('AE003', 'a message was answered') END
    FROM moved";

/// The same for what comes most often, records and nothing else, in four fifths of the time.
pub(crate) const APPEND: &str = "WITH moved AS (
        UPDATE incident SET seq = $4, phase = $5, updated_at = coalesce($6, updated_at),
            seal = chain(seal, $11::bytea[])
        WHERE id = $1 AND fence = $2 AND seq = $3 AND lease_owner IS NOT NULL
        RETURNING id
    )
    INSERT INTO journal (incident, seq, at, kind, body, digest)
    SELECT moved.id, r.seq, r.at, r.kind, r.body, r.digest
    FROM moved, unnest($7::bigint[], $8::bigint[], $9::text[], $10::text[], $11::bytea[])
        AS r (seq, at, kind, body, digest)";

const STATE: &str = "SELECT i.seq, i.fence = $2 AND i.lease_owner IS NOT NULL, j.body
    FROM incident i LEFT JOIN journal j ON j.incident = i.id AND j.seq = $3
    WHERE i.id = $1";

/// Why a commit did not go through.
#[derive(Debug)]
pub(super) enum Failed {
    /// It was refused, or can't have happened.
    Known(Error),
    /// Nobody can tell: it has to be looked up.
    Unknown(Error),
}

/// Commits once.
pub(super) async fn once(pool: &PgPool, batch: &Batch, bodies: &[Body]) -> Result<u64, Failed> {
    let id = &batch.incident;
    let seq = last(batch);
    let effects = merged(&batch.effects).map_err(Failed::Known)?;
    let seqs: Vec<i64> = batch.entries.iter().map(|e| e.seq.cast_signed()).collect();
    let times: Vec<i64> = batch.entries.iter().map(|e| e.at.as_ms()).collect();
    let kinds: Vec<&str> = bodies.iter().map(|b| b.kind.as_str()).collect();
    let texts: Vec<&str> = bodies.iter().map(|b| b.json.as_str()).collect();
    let records = batch.entries.iter().zip(bodies);
    let digests: Vec<Vec<u8>> = records.map(|(e, b)| b.digest(e.seq, e.at).to_vec()).collect();
    let (take, closes) = (batch.slot == SlotChange::Take, batch.phase.is_terminal());
    let free = batch.slot == SlotChange::Free || closes;
    let letters: Vec<i64> = batch.letters.iter().map(|n| n.cast_signed()).collect();
    let plain = effects.is_empty() && letters.is_empty() && !take && !free && !seqs.is_empty();
    let query = sqlx::query(if plain { APPEND } else { COMMIT })
        .bind(id.as_str())
        .bind(batch.fence.0.cast_signed())
        .bind(batch.expected_seq.cast_signed())
        .bind(seq.cast_signed())
        .bind(batch.phase.name());
    let at = times.last().copied();
    let moved = if plain {
        let query = query.bind(at).bind(seqs).bind(times).bind(kinds).bind(texts);
        let query = query.bind(digests);
        query.execute(pool).await.map(|done| done.rows_affected() > 0)
    } else {
        let column = |of: fn(&Effect) -> String| effects.iter().map(of).collect::<Vec<String>>();
        let attempts: Vec<i64> = effects.iter().map(|e| i64::from(e.key.attempt)).collect();
        let requests: Vec<Option<&str>> =
            effects.iter().map(|e| e.request.as_ref().map(|r| r.as_str())).collect();
        let query = query.bind(closes).bind(at).bind(seqs).bind(times).bind(kinds).bind(texts);
        let query = query
            .bind(column(|e| e.key.service.to_string()))
            .bind(column(|e| e.key.incident.to_string()))
            .bind(attempts)
            .bind(column(|e| e.key.kind.as_str().to_owned()))
            .bind(requests)
            .bind(column(|e| e.status.as_str().to_owned()));
        query
            .bind(take)
            .bind(free)
            .bind(letters)
            .bind(digests)
            .fetch_optional(pool)
            .await
            .map(|row| row.is_some())
    };
    match moved {
        Ok(true) => Ok(seq),
        Ok(false) => Err(Failed::Known(why_not(pool, batch).await)),
        Err(e) => Err(explained(pool, batch, e).await),
    }
}

fn last(batch: &Batch) -> u64 {
    batch.expected_seq + batch.entries.len() as u64
}

/// One effect for each key, as if they had been kept one after the other.
fn merged(effects: &[Effect]) -> Result<Vec<Effect>> {
    let mut by_key: BTreeMap<EffectKey, Effect> = BTreeMap::new();
    for effect in effects {
        let Some(before) = by_key.get_mut(&effect.key) else {
            by_key.insert(effect.key.clone(), effect.clone());
            continue;
        };
        let same = before.request.is_none()
            || effect.request.is_none()
            || before.request == effect.request
            || before.status == EffectStatus::Void;
        if !same {
            return Err(refused::used(&effect.key));
        }
        before.request = effect.request.clone().or(before.request.take());
        before.status = effect.status;
    }
    Ok(by_key.into_values().collect())
}

/// What an error of the statement says, with names where they help.
async fn explained(pool: &PgPool, batch: &Batch, e: sqlx::Error) -> Failed {
    let id = &batch.incident;
    let what = format!("committing to incident {id}");
    if is_unknown(&e) {
        return Failed::Unknown(failed(&what, e));
    }
    let code = e.as_database_error().and_then(|e| e.code()).map(|code| code.into_owned());
    Failed::Known(match code.as_deref() {
        Some(error::EFFECT) => {
            let keys: Vec<String> = batch.effects.iter().map(|e| e.key.to_string()).collect();
            refused::used(keys.join(" or "))
        }
        Some(error::LETTER) => Error::conflict("a message was answered").at("journal"),
        Some(error::SLOT) => {
            let sql = "SELECT s.incident, s.service FROM slot s JOIN incident i USING (service)
                WHERE i.id = $1";
            match sqlx::query(sql).bind(id.as_str()).fetch_optional(pool).await {
                Ok(Some(row)) => {
                    let of = |n: usize| row.try_get::<String, _>(n).unwrap_or_default();
                    refused::releasing(of(0), of(1))
                }
                _ => refused::releasing("another incident", "the service"),
            }
        }
        _ => failed(&what, e),
    })
}

/// What became of a commit whose answer was lost: done, not done, or refused.
pub(super) async fn look_up(pool: &PgPool, batch: &Batch, bodies: &[Body]) -> Result<Option<u64>> {
    let id = &batch.incident;
    let seq = last(batch);
    let what = || format!("looking for a commit to incident {id}");
    let Some((is, driven, body)) = state(pool, batch).await.map_err(|e| failed(&what(), e))? else {
        return Err(refused::missing(id));
    };
    // Later records can only have come after ours, by whoever took it over.
    let ours = bodies.last().is_some_and(|own| body.as_ref() == Some(&own.json));
    if ours && is >= seq {
        Ok(Some(seq))
    } else if !driven {
        Err(refused::fenced(id))
    } else if is == batch.expected_seq {
        Ok(None)
    } else {
        Err(refused::stale(id, is, batch.expected_seq))
    }
}

/// The sequence, whether the writer still drives it, and the record at the place of its last.
async fn state(pool: &PgPool, batch: &Batch) -> sqlx::Result<Option<(u64, bool, Option<String>)>> {
    let row = sqlx::query(STATE)
        .bind(batch.incident.as_str())
        .bind(batch.fence.0.cast_signed())
        .bind(last(batch).cast_signed())
        .fetch_optional(pool)
        .await?;
    let read = |row: sqlx::postgres::PgRow| {
        Ok((row.try_get::<i64, _>(0)?.cast_unsigned(), row.try_get(1)?, row.try_get(2)?))
    };
    row.map(read).transpose()
}

/// Why nothing was moved: the incident is missing, driven by another, or further than was known.
async fn why_not(pool: &PgPool, batch: &Batch) -> Error {
    let id = &batch.incident;
    match state(pool, batch).await {
        Ok(Some((is, true, _))) => refused::stale(id, is, batch.expected_seq),
        Ok(Some(_)) => refused::fenced(id),
        Ok(None) => refused::missing(id),
        Err(e) => failed(&format!("committing to incident {id}"), e),
    }
}
