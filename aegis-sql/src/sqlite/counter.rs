//! Counters, and what a person has switched.

use aegis_core::Result;
use aegis_core::policy::Control;
use aegis_core::port::refused;
use sqlx::Row as _;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::error::failed;
use super::writer::release;
use crate::row;

/// Amounts are unsigned and kept by their bits; summed in halves, since SQLite's sum is signed.
pub(super) const SUM: &str = "SELECT coalesce(sum((amount >> 32) & 0xffffffff), 0),
        coalesce(sum(amount & 0xffffffff), 0)
    FROM counter WHERE counter = ?1";

const HELD: &str =
    "SAVEPOINT op; SELECT 1 FROM counter WHERE counter = ?1 AND key = ?2 AND amount <> 0";

const PUT: &str = "INSERT INTO counter (counter, key, amount) VALUES (?1, ?2, ?3)
    ON CONFLICT DO UPDATE SET amount = excluded.amount;
    RELEASE op";

const SETTLE: &str = "SAVEPOINT op;
    INSERT INTO counter (counter, key, amount) VALUES (?1, ?2, ?3)
    ON CONFLICT DO UPDATE SET amount = excluded.amount;
    RELEASE op";

const SWITCHED: &str = "SAVEPOINT op; SELECT body FROM control WHERE id = 1";

const CONTROL: &str =
    "INSERT INTO control (id, body) VALUES (1, ?1) ON CONFLICT DO UPDATE SET body = excluded.body;
    RELEASE op";

/// The sum in a row of [`SUM`].
pub(super) fn sum(row: &SqliteRow) -> sqlx::Result<u128> {
    let half = |n: usize| row.try_get::<i64, _>(n).map(|v| u128::from(v.cast_unsigned()));
    Ok((half(0)? << 32) + half(1)?)
}

pub(super) async fn reserve(
    conn: &mut SqliteConnection,
    counter: &str,
    key: &str,
    amount: u64,
    limit: u64,
) -> Result<()> {
    let error = |e| failed(&format!("reserving from {counter}"), e);
    let held = sqlx::query(HELD).bind(counter).bind(key).fetch_all(&mut *conn).await;
    if !held.map_err(error)?.is_empty() {
        return release(conn).await;
    }
    let row = sqlx::query(SUM).bind(counter).fetch_one(&mut *conn).await.map_err(error)?;
    let taken = sum(&row).map_err(error)?;
    if taken + u128::from(amount) > u128::from(limit) {
        return Err(refused::spent(counter, taken, limit));
    }
    let put = sqlx::query(PUT).bind(counter).bind(key).bind(amount.cast_signed());
    put.execute(conn).await.map(drop).map_err(error)
}

pub(super) async fn settle(
    conn: &mut SqliteConnection,
    counter: &str,
    key: &str,
    used: u64,
) -> Result<()> {
    let put = sqlx::query(SETTLE).bind(counter).bind(key).bind(used.cast_signed());
    put.execute(conn).await.map(drop).map_err(|e| failed(&format!("settling {counter}"), e))
}

pub(super) async fn switch(conn: &mut SqliteConnection, from: &Control, to: &str) -> Result<()> {
    let error = |e| failed("switching", e);
    let is = sqlx::query(SWITCHED).fetch_all(&mut *conn).await.map_err(error)?;
    let is = match is.first() {
        Some(row) => row::control(row.try_get(0).map_err(error)?)?,
        None => Control::new(),
    };
    if is != *from {
        return Err(refused::switched());
    }
    sqlx::query(CONTROL).bind(to).execute(conn).await.map(drop).map_err(error)
}
