//! Counters, and what a person has switched.

use aegis_core::Result;
use aegis_core::policy::Control;
use aegis_core::port::refused;
use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgPool};

use super::error::failed;
use crate::row;

/// Those who take from one counter at once follow each other; the lock goes with the transaction.
const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtextextended($1, 4166))";

const HELD: &str = "SELECT
        EXISTS (SELECT 1 FROM counter WHERE counter = $1 AND key = $2 AND amount > 0),
        coalesce((SELECT sum(amount) FROM counter WHERE counter = $1), 0)::text";

const PUT: &str = "INSERT INTO counter (counter, key, amount) VALUES ($1, $2, $3::text::numeric)
    ON CONFLICT (counter, key) DO UPDATE SET amount = excluded.amount";

const SWITCHED: &str = "SELECT body FROM control WHERE id = 1";

const CONTROL: &str = "INSERT INTO control (id, body) VALUES (1, $1)
    ON CONFLICT (id) DO UPDATE SET body = excluded.body";

/// Whether the key is held, and the sum.
async fn held(conn: &mut PgConnection, counter: &str, key: &str) -> sqlx::Result<(bool, u128)> {
    let row = sqlx::query(HELD).bind(counter).bind(key).fetch_one(conn).await?;
    let sum: String = row.try_get(1)?;
    let sum = sum.parse().map_err(|e| sqlx::Error::Decode(Box::new(e)))?;
    Ok((row.try_get(0)?, sum))
}

pub(super) async fn reserve(
    pool: &PgPool,
    counter: &str,
    key: &str,
    amount: u64,
    limit: u64,
) -> Result<()> {
    let error = |e| failed(&format!("reserving from {counter}"), e);
    let mut tx = pool.begin().await.map_err(error)?;
    sqlx::query(LOCK).bind(counter).execute(&mut *tx).await.map_err(error)?;
    let (is_held, taken) = held(&mut tx, counter, key).await.map_err(error)?;
    if is_held {
        return Ok(());
    }
    if taken + u128::from(amount) > u128::from(limit) {
        return Err(refused::spent(counter, taken, limit));
    }
    let put = sqlx::query(PUT).bind(counter).bind(key).bind(amount.to_string());
    put.execute(&mut *tx).await.map_err(error)?;
    tx.commit().await.map_err(error)
}

pub(super) async fn settle(pool: &PgPool, counter: &str, key: &str, used: u64) -> Result<()> {
    let put = sqlx::query(PUT).bind(counter).bind(key).bind(used.to_string()).execute(pool).await;
    put.map(drop).map_err(|e| failed(&format!("settling {counter}"), e))
}

pub(super) async fn used(pool: &PgPool, counter: &str) -> Result<u64> {
    let error = |e| failed(&format!("reading the counter {counter}"), e);
    let mut conn = pool.acquire().await.map_err(error)?;
    let (_, sum) = held(&mut conn, counter, "").await.map_err(error)?;
    Ok(u64::try_from(sum).unwrap_or(u64::MAX))
}

pub(super) async fn control(conn: &mut PgConnection) -> Result<Control> {
    let error = |e| failed("reading what is switched", e);
    let row = sqlx::query(SWITCHED).fetch_optional(conn).await.map_err(error)?;
    let Some(row) = row else { return Ok(Control::new()) };
    row::control(row.try_get(0).map_err(error)?)
}

pub(super) async fn switch(pool: &PgPool, from: &Control, to: &str) -> Result<()> {
    let error = |e| failed("switching", e);
    let mut tx = pool.begin().await.map_err(error)?;
    sqlx::query(LOCK).bind("control").execute(&mut *tx).await.map_err(error)?;
    if control(&mut tx).await? != *from {
        return Err(refused::switched());
    }
    sqlx::query(CONTROL).bind(to).execute(&mut *tx).await.map_err(error)?;
    tx.commit().await.map_err(error)
}
