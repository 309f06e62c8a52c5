//! What Alertmanager posts: its webhook, version 4.

use std::collections::BTreeMap;

use aegis_core::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A delivery: the alerts of a group.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Payload {
    version: String,
    #[serde(default)]
    pub(super) truncated_alerts: u64,
    pub(super) alerts: Vec<Alert>,
}

/// One alert. Its texts are written by anybody.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Alert {
    pub(super) status: Status,
    #[serde(default)]
    pub(super) labels: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) annotations: BTreeMap<String, String>,
    #[serde(deserialize_with = "moment")]
    pub(super) starts_at: Timestamp,
    #[serde(deserialize_with = "short")]
    pub(super) fingerprint: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Status {
    Firing,
    Resolved,
}

impl Payload {
    pub(super) fn read(body: &[u8]) -> Result<Self, String> {
        let payload: Self = serde_json::from_slice(body).map_err(|e| e.to_string())?;
        if payload.version != "4" {
            let version: String = payload.version.chars().take(20).collect();
            return Err(format!("version {version:?} is not known, only \"4\""));
        }
        Ok(payload)
    }
}

impl Alert {
    pub(super) fn name(&self) -> &str {
        self.labels.get("alertname").map_or("", String::as_str)
    }

    /// What a person reads about it: its name and summary, then everything that it says.
    pub(super) fn text(&self) -> String {
        let summary = self.annotations.get("summary").map_or("", String::as_str);
        let mut text = format!("{}: {summary}", self.name());
        let rest = |(name, _): &(&String, &String)| *name != "summary" && *name != "alertname";
        for (name, value) in self.annotations.iter().chain(&self.labels).filter(rest) {
            text.push('\n');
            text.push_str(name);
            text.push_str(": ");
            text.push_str(value);
        }
        text
    }
}

fn moment<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(from)?;
    let at = OffsetDateTime::parse(&text, &Rfc3339)
        .map_err(|e| D::Error::custom(format!("startsAt is no time: {e}")))?;
    // Milliseconds of years up to 9999 are far below 2^63.
    #[allow(clippy::cast_possible_truncation)]
    let ms = at.unix_timestamp_nanos().div_euclid(1_000_000) as i64;
    Ok(Timestamp::from_ms(ms))
}

/// Alertmanager's are 16 digits.
fn short<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    let text = String::deserialize(from)?;
    if text.is_empty() || text.len() > 64 {
        return Err(D::Error::custom("a fingerprint has 1 to 64 characters"));
    }
    Ok(text)
}
