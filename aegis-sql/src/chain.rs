//! The hash chain of an incident's records: what was changed shows.
//!
//! Each record has a SHA-256 digest of its number, its time and its JSON. The seal of an incident
//! begins as the digest of its id, and with each record becomes the digest of itself and of the
//! record's. Who can write to the database can forge both: keep an export elsewhere, and compare.

use aegis_core::{Error, IncidentId, Result, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

/// A digest, 32 bytes.
pub(crate) type Hash = [u8; 32];

/// What an incident's seal is before its first record.
pub(crate) fn first(incident: &IncidentId) -> Hash {
    Sha256::digest(incident.as_str().as_bytes()).into()
}

/// The digest of one record.
pub(crate) fn digest(seq: u64, at: Timestamp, json: &str) -> Hash {
    let mut hash = Sha256::new();
    hash.update(seq.to_le_bytes());
    hash.update(at.as_ms().to_le_bytes());
    hash.update(json.as_bytes());
    hash.finalize().into()
}

/// The seal once a record is added.
pub(crate) fn next(seal: &[u8], digest: &[u8]) -> Hash {
    let mut hash = Sha256::new();
    hash.update(seal);
    hash.update(digest);
    hash.finalize().into()
}

/// One record as it is stored, and as it is exported.
#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) seq: u64,
    pub(crate) at: Timestamp,
    pub(crate) json: String,
    pub(crate) digest: Vec<u8>,
}

/// A line of an export.
#[derive(Debug, Serialize, Deserialize)]
struct Line<'a> {
    incident: &'a str,
    seq: u64,
    at: i64,
    #[serde(borrow)]
    record: &'a RawValue,
    seal: String,
}

/// The seal that the records lead to. Errors: `Internal` at the first that was changed.
pub(crate) fn follow(incident: &IncidentId, links: &[Link]) -> Result<Hash> {
    let mut seal = first(incident);
    for (expected, link) in (1..).zip(links) {
        if link.seq != expected {
            return Err(changed(incident, expected, "is missing"));
        }
        let digest = digest(link.seq, link.at, &link.json);
        if digest[..] != link.digest[..] {
            return Err(changed(incident, expected, "was changed"));
        }
        seal = next(&seal, &digest);
    }
    Ok(seal)
}

/// Whether the records lead to the seal that is stored.
pub(crate) fn holds(incident: &IncidentId, links: &[Link], seal: &[u8]) -> Result<()> {
    if follow(incident, links)?[..] == *seal {
        return Ok(());
    }
    let why = format!(
        "the records of incident {incident} do not lead to its seal: some were changed, added or taken \
         away together with their digests"
    );
    Err(Error::internal(why).at("journal"))
}

fn changed(incident: &IncidentId, seq: u64, how: &str) -> Error {
    Error::internal(format!("record {seq} of incident {incident} {how}")).at("journal")
}

/// The records as JSON lines, each with the seal that it leads to.
pub(crate) fn export(incident: &IncidentId, links: &[Link]) -> Result<String> {
    let mut seal = first(incident);
    let mut text = String::new();
    for link in links {
        seal = next(&seal, &digest(link.seq, link.at, &link.json));
        let write = || -> serde_json::Result<String> {
            serde_json::to_string(&Line {
                incident: incident.as_str(),
                seq: link.seq,
                at: link.at.as_ms(),
                record: serde_json::from_str(&link.json)?,
                seal: hex(&seal),
            })
        };
        let line = write().map_err(|e| {
            changed(incident, link.seq, "can't be read as it is stored").with_source(e)
        })?;
        text.push_str(&line);
        text.push('\n');
    }
    Ok(text)
}

/// Whether an export is whole and unchanged; returns the seal of its last record, to be compared with
/// one that was kept elsewhere.
///
/// # Errors
///
/// `Invalid` for text that is no export of one incident, `Internal` for the first record that is missing
/// or was changed.
pub fn check_export(text: &str) -> Result<String> {
    let mut known: Option<(IncidentId, u64, Hash)> = None;
    for (number, line) in (1..).zip(text.lines()) {
        let unread = |e: serde_json::Error| {
            Error::invalid(format!("line {number} is no record")).with_source(e)
        };
        let line: Line<'_> = serde_json::from_str(line).map_err(unread)?;
        let (incident, before, seal) = known.take().unwrap_or_else(|| {
            let incident = IncidentId::new(line.incident);
            let seal = first(&incident);
            (incident, 0, seal)
        });
        if incident.as_str() != line.incident {
            return Err(Error::invalid(format!("line {number} is of another incident")));
        }
        if line.seq != before + 1 {
            return Err(changed(&incident, before + 1, "is missing"));
        }
        let digest = digest(line.seq, Timestamp::from_ms(line.at), line.record.get());
        let seal = next(&seal, &digest);
        if hex(&seal) != line.seal {
            return Err(changed(&incident, line.seq, "was changed"));
        }
        known = Some((incident, line.seq, seal));
    }
    let (_, _, seal) = known.ok_or_else(|| Error::invalid("an export has a record at least"))?;
    Ok(hex(&seal))
}

pub(crate) fn hex(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn links() -> Vec<Link> {
        let link = |seq: u64, json: &str| {
            let at = Timestamp::from_ms(seq.cast_signed() * 1_000);
            let digest = digest(seq, at, json).to_vec();
            Link { seq, at, json: json.to_owned(), digest }
        };
        vec![
            link(1, r#"{"held":{"why":"a b"}}"#),
            link(2, r#""resolved""#),
            link(3, r#""slot_taken""#),
        ]
    }

    #[test]
    fn what_was_changed_left_out_or_added_shows_with_its_place() {
        let id = IncidentId::new("i1");
        let whole = links();
        let seal = follow(&id, &whole).unwrap();
        assert!(holds(&id, &whole, &seal).is_ok());
        let fails = |change: fn(&mut Vec<Link>), words: &str| {
            let mut links = links();
            change(&mut links);
            let error = holds(&id, &links, &seal).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        };
        fails(|l| l[1].json = "\"closed\"".into(), "record 2 of incident i1 was changed");
        fails(|l| l[2].at = Timestamp::from_ms(1), "record 3 of incident i1 was changed");
        fails(|l| drop(l.remove(1)), "record 2 of incident i1 is missing");
        fails(|l| drop(l.pop()), "do not lead to its seal");
        fails(
            |l| {
                l[1].json = "\"x\"".into();
                l[1].digest = digest(2, l[1].at, "\"x\"").to_vec();
            },
            "do not lead to its seal",
        );
        assert!(holds(&IncidentId::new("i2"), &whole, &seal).is_err());
    }

    #[test]
    fn an_export_tells_whether_it_is_what_was_exported() {
        let id = IncidentId::new("i1");
        let text = export(&id, &links()).unwrap();
        assert_eq!(check_export(&text).unwrap(), hex(&follow(&id, &links()).unwrap()));
        let lines: Vec<&str> = text.lines().collect();
        let check = |text: &str| check_export(text).unwrap_err().to_string();
        assert!(check(&text.replace("a b", "a c")).contains("record 1"));
        assert!(
            check(&[lines[0], lines[2]].join("\n")).contains("record 2 of incident i1 is missing")
        );
        assert!(check(&text.replacen("i1", "i2", 1)).contains("was changed"));
        assert!(check("").contains("a record at least"));
        assert!(check("{}").contains("line 1 is no record"));
    }
}
