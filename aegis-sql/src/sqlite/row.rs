//! Rows and records, encoded and decoded.

use aegis_core::machine::{Entry, Phase, Record};
use aegis_core::model::IncidentKind;
use aegis_core::port::Summary;
use aegis_core::{Error, IncidentId, Result, Timestamp};
use serde::Deserialize as _;
use serde::de::value::{Error as Unknown, StrDeserializer};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

/// A record as it is stored.
#[derive(Debug)]
pub(super) struct Body {
    /// The record's tag.
    pub(super) kind: String,
    /// Its JSON.
    pub(super) json: String,
}

impl Body {
    pub(super) fn of(record: &Record) -> Result<Self> {
        let json = serde_json::to_string(record).map_err(|e| {
            Error::internal("a record can't be written as JSON").at("journal").with_source(e)
        })?;
        // A record is its tag, or an object with its tag as the only key; tags need no escapes.
        let kind = json.split('"').nth(1).unwrap_or_default().to_owned();
        Ok(Self { kind, json })
    }
}

/// The columns that [`summary`] reads.
pub(super) const SUMMARY: &str =
    "id, service, fingerprint, kind, phase, opened_at, updated_at, seq";

/// Decodes one row of a list; an error names the incident.
pub(super) fn summary(row: &SqliteRow) -> Result<Summary> {
    let id: String = row.try_get("id").map_err(|e| corrupt("an incident", e))?;
    read_summary(row, &id).map_err(|e| corrupt(&format!("the row of incident {id}"), e))
}

type Cause = Box<dyn std::error::Error + Send + Sync>;

fn read_summary(row: &SqliteRow, id: &str) -> Result<Summary, Cause> {
    let text = |column: &str| row.try_get::<String, _>(column);
    let phase = text("phase")?;
    let kind = text("kind")?;
    Ok(Summary {
        id: IncidentId::new(id),
        service: text("service")?.into(),
        fingerprint: text("fingerprint")?.into(),
        kind: IncidentKind::deserialize(StrDeserializer::<Unknown>::new(&kind))?,
        phase: Phase::from_name(&phase).ok_or_else(|| format!("no phase is named {phase:?}"))?,
        opened_at: Timestamp::from_ms(row.try_get("opened_at")?),
        updated_at: Timestamp::from_ms(row.try_get("updated_at")?),
        seq: row.try_get::<i64, _>("seq")?.cast_unsigned(),
    })
}

/// Decodes one record of `incident`; an error names the incident and the record.
pub(super) fn entry(incident: &IncidentId, row: &SqliteRow) -> Result<Entry> {
    let seq: i64 = row
        .try_get("seq")
        .map_err(|e| corrupt(&format!("a record's number in incident {incident}"), e))?;
    let seq = seq.cast_unsigned();
    let what = || format!("record {seq} of incident {incident}");
    let at = row.try_get("at").map_err(|e| corrupt(&what(), e))?;
    let body: &str = row.try_get("body").map_err(|e| corrupt(&what(), e))?;
    let record = serde_json::from_str(body).map_err(|e| corrupt(&what(), e))?;
    Ok(Entry { seq, at: Timestamp::from_ms(at), record })
}

/// A stored value that nobody can have written through the journal.
pub(super) fn corrupt(what: &str, cause: impl Into<Cause>) -> Error {
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
