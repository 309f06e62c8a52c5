//! Rows and records, encoded and decoded.

use std::time::Duration;

use aegis_core::machine::{Entry, Phase, Record};
use aegis_core::model::IncidentKind;
use aegis_core::policy::Control;
use aegis_core::port::{Filter, Letter, Message, Stored, Summary};
use aegis_core::{Error, IncidentId, Result, Timestamp};
use serde::Deserialize as _;
use serde::de::value::{Error as Unknown, StrDeserializer};
use sqlx::{Database, Encode, QueryBuilder, Row as _, Type};

use crate::chain::{Hash, Link, digest};

/// The cells of a row, whatever the database.
pub(crate) trait Cells {
    fn text(&self, column: &str) -> sqlx::Result<String>;
    fn number(&self, column: &str) -> sqlx::Result<i64>;
    fn bytes(&self, column: &str) -> sqlx::Result<Vec<u8>>;
}

macro_rules! cells {
    ($feature:literal, $row:ty) => {
        #[cfg(feature = $feature)]
        impl Cells for $row {
            fn text(&self, column: &str) -> sqlx::Result<String> {
                self.try_get(column)
            }

            fn number(&self, column: &str) -> sqlx::Result<i64> {
                self.try_get(column)
            }

            fn bytes(&self, column: &str) -> sqlx::Result<Vec<u8>> {
                self.try_get(column)
            }
        }
    };
}

cells!("sqlite", sqlx::sqlite::SqliteRow);
cells!("postgres", sqlx::postgres::PgRow);

/// A record as it is stored.
#[derive(Debug)]
pub(crate) struct Body {
    /// The record's tag.
    pub(crate) kind: String,
    /// Its JSON.
    pub(crate) json: String,
}

impl Body {
    pub(crate) fn of(record: &Record) -> Result<Self> {
        let json = serde_json::to_string(record).map_err(|e| {
            Error::internal("a record can't be written as JSON").at("journal").with_source(e)
        })?;
        // A record is its tag, or an object with its tag as the only key; tags need no escapes.
        let kind = json.split('"').nth(1).unwrap_or_default().to_owned();
        Ok(Self { kind, json })
    }

    /// The digest of the record at its place.
    pub(crate) fn digest(&self, seq: u64, at: Timestamp) -> Hash {
        digest(seq, at, &self.json)
    }
}

/// A time to live in the database's milliseconds; a century is as good as for ever.
pub(crate) fn ttl_ms(ttl: Duration) -> i64 {
    const CENTURY_MS: i64 = 100 * 366 * 86_400_000;
    i64::try_from(ttl.as_millis()).unwrap_or(CENTURY_MS).min(CENTURY_MS)
}

/// The columns that [`summary`] reads.
pub(crate) const SUMMARY: &str =
    "id, service, fingerprint, kind, phase, opened_at, updated_at, seq";

/// The statement that lists what a filter lets through; `open` and `closed` are how the database's
/// tables tell the two apart.
pub(crate) fn listed<'f, DB>(filter: &'f Filter, [open, closed]: [&str; 2]) -> QueryBuilder<DB>
where
    DB: Database,
    &'f str: Encode<'f, DB> + Type<DB>,
    i64: Encode<'f, DB> + Type<DB>,
{
    let mut sql = QueryBuilder::new(format!("SELECT {SUMMARY} FROM incident WHERE true"));
    if let Some(service) = &filter.service {
        sql.push(" AND service = ").push_bind(service.as_str());
    }
    if let Some(fingerprint) = &filter.fingerprint {
        sql.push(" AND fingerprint = ").push_bind(fingerprint.as_str());
    }
    if let Some(is_open) = filter.open {
        sql.push(" AND ").push(if is_open { open } else { closed });
    }
    if let Some(before) = &filter.before {
        sql.push(" AND id < ").push_bind(before.as_str());
    }
    let bound = i64::try_from(filter.bound()).unwrap_or(i64::MAX);
    sql.push(" ORDER BY id DESC LIMIT ").push_bind(bound);
    sql
}

/// Decodes one row of a list; an error names the incident.
fn summary(row: &impl Cells) -> Result<Summary> {
    let id = row.text("id").map_err(|e| corrupt("an incident", e))?;
    read_summary(row, &id).map_err(|e| corrupt(&format!("the row of incident {id}"), e))
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

fn read_summary(row: &impl Cells, id: &str) -> Result<Summary, Cause> {
    let phase = row.text("phase")?;
    let kind = row.text("kind")?;
    Ok(Summary {
        id: IncidentId::new(id),
        service: row.text("service")?.into(),
        fingerprint: row.text("fingerprint")?.into(),
        kind: IncidentKind::deserialize(StrDeserializer::<Unknown>::new(&kind))?,
        phase: Phase::from_name(&phase).ok_or_else(|| format!("no phase is named {phase:?}"))?,
        opened_at: Timestamp::from_ms(row.number("opened_at")?),
        updated_at: Timestamp::from_ms(row.number("updated_at")?),
        seq: row.number("seq")?.cast_unsigned(),
    })
}

/// Decodes one record of `incident`; an error names the incident and the record.
fn entry(incident: &IncidentId, row: &impl Cells) -> Result<Entry> {
    let seq = row
        .number("seq")
        .map_err(|e| corrupt(&format!("a record's number in incident {incident}"), e))?;
    let seq = seq.cast_unsigned();
    let what = || format!("record {seq} of incident {incident}");
    let at = row.number("at").map_err(|e| corrupt(&what(), e))?;
    let body = row.text("body").map_err(|e| corrupt(&what(), e))?;
    let record = serde_json::from_str(&body).map_err(|e| corrupt(&what(), e))?;
    Ok(Entry { seq, at: Timestamp::from_ms(at), record })
}

/// Decodes an incident whose records are all there, in their order.
pub(crate) fn stored<R: Cells>(id: &IncidentId, row: &R, records: &[R]) -> Result<Stored> {
    let summary = summary(row)?;
    let entries = records.iter().map(|row| entry(id, row)).collect::<Result<Vec<Entry>>>()?;
    let gap = (1..).zip(&entries).find(|(seq, entry)| *seq != entry.seq);
    if gap.is_some() || entries.len() as u64 != summary.seq {
        let (seq, count) = (summary.seq, entries.len());
        let missing = gap.map_or(count as u64 + 1, |(seq, _)| seq);
        let cause = format!("{count} records of {seq} are there, and {missing} is the first amiss");
        return Err(corrupt(&format!("the journal of incident {id}"), cause));
    }
    Ok(Stored { summary, entries })
}

/// Decodes records with their digests, as they are stored.
pub(crate) fn links<R: Cells>(incident: &IncidentId, rows: &[R]) -> Result<Vec<Link>> {
    let link = |row: &R| -> Result<Link, Cause> {
        Ok(Link {
            seq: row.number("seq")?.cast_unsigned(),
            at: Timestamp::from_ms(row.number("at")?),
            json: row.text("body")?,
            digest: row.bytes("digest")?,
        })
    };
    let what = format!("the records of incident {incident}");
    rows.iter().map(link).collect::<Result<_, _>>().map_err(|e| corrupt(&what, e))
}

/// Decodes a list. One damaged row must not hide the others: loading that incident gives the error.
pub(crate) fn summaries(rows: &[impl Cells]) -> Vec<Summary> {
    let mut found = Vec::with_capacity(rows.len());
    for row in rows {
        match summary(row) {
            Ok(summary) => found.push(summary),
            Err(e) => tracing::error!(error = %e, "left an incident out of a list"),
        }
    }
    found
}

/// Decodes what a person has switched. Unreadable is an error: a kill switch that nobody can read must
/// not count as off.
pub(crate) fn control(body: &str) -> Result<Control> {
    serde_json::from_str(body)
        .map_err(|e| Error::internal("what is switched can't be read").at("journal").with_source(e))
}

/// Decodes a message; one that is damaged must not hide the others.
pub(crate) fn letter(row: &impl Cells) -> Option<Letter> {
    let read = || -> Result<Letter, Cause> {
        Ok(Letter {
            number: row.number("number")?.cast_unsigned(),
            incident: IncidentId::new(row.text("incident")?),
            message: serde_json::from_str(&row.text("body")?)?,
        })
    };
    read().map_err(|e| tracing::error!(error = %e, "left out a message that can't be read")).ok()
}

/// A message as it is stored.
pub(crate) fn letter_body(message: &Message) -> Result<String> {
    serde_json::to_string(message)
        .map_err(|e| Error::internal("a message can't be written").at("journal").with_source(e))
}

/// What a person has switched, as it is stored.
pub(crate) fn control_body(control: &Control) -> Result<String> {
    serde_json::to_string(control).map_err(|e| {
        Error::internal("what is switched can't be written").at("journal").with_source(e)
    })
}

/// A stored value that nobody can have written through the journal.
fn corrupt(what: &str, cause: impl Into<Cause>) -> Error {
    let why = format!("{what} can't be read as it is stored; other incidents are not affected");
    Error::internal(why).at("journal").with_source(cause)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use aegis_core::machine::Why;

    use super::*;

    #[test]
    fn the_kind_of_a_record_is_its_tag() {
        let kind = |r| Body::of(&r).unwrap().kind;
        assert_eq!(kind(Record::SlotTaken), "slot_taken");
        assert_eq!(kind(Record::Parked(Why::Blind)), "parked");
        assert_eq!(kind(Record::Rechecked { back: true, why: "\"x\"".into() }), "rechecked");
    }
}
