//! What a delivery is about, as far as that says whether to look.

use serde::Deserialize;
use serde_json::Value;

/// Letters that are kept of each text.
const LETTERS: usize = 200;

/// The kinds of event after which something that is waited for may be different.
const WAKING: [&str; 11] = [
    "check_run",
    "check_suite",
    "deployment",
    "deployment_status",
    "merge_group",
    "pull_request",
    "pull_request_review",
    "push",
    "status",
    "workflow_job",
    "workflow_run",
];

/// What was heard: for a log, and nothing to act on. GitHub signs the body alone, so that the event and
/// the delivery are what the sender says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Heard {
    /// The kind of event: `check_run`.
    pub event: String,
    /// What happened to it, where the kind has actions: `completed`.
    pub action: Option<String>,
    /// `owner/repository`, where it is about one.
    pub repository: Option<String>,
    /// GitHub's id of the delivery; the same where it is delivered again.
    pub delivery: String,
}

/// Only what is looked at; whatever else there is, and of whatever type, is passed over.
#[derive(Deserialize)]
struct Payload {
    #[serde(default)]
    action: Value,
    #[serde(default)]
    repository: Value,
}

impl Heard {
    /// Reads a body; nothing where it is no JSON object.
    pub(super) fn read(event: &[u8], delivery: &[u8], body: &[u8]) -> Option<Self> {
        // A struct is read from an array, too.
        let object = body.trim_ascii_start().starts_with(b"{");
        // What is passed over is not checked for being text.
        let text = std::str::from_utf8(body).ok()?;
        let payload: Payload = serde_json::from_str(text).ok().filter(|_| object)?;
        Some(Self {
            event: kept(&String::from_utf8_lossy(event)),
            action: payload.action.as_str().map(kept),
            repository: payload.repository["full_name"].as_str().map(kept),
            delivery: kept(&String::from_utf8_lossy(delivery)),
        })
    }

    pub(super) fn is_ping(&self) -> bool {
        self.event == "ping"
    }

    /// Whether it is of a kind to look after.
    pub(super) fn wakes(&self) -> bool {
        WAKING.contains(&self.event.as_str())
    }
}

fn kept(text: &str) -> String {
    text.chars().take(LETTERS).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_not_as_expected_is_passed_over() {
        let read = |body: &str| Heard::read(b"push", b"1", body.as_bytes());
        for odd in [
            "{}",
            " \n{\"action\": 3, \"repository\": \"acme/shop\"}",
            "{\"action\": null, \"repository\": null}",
            "{\"action\": [], \"repository\": {\"full_name\": {}}}",
        ] {
            let heard = read(odd).unwrap();
            assert_eq!((heard.action, heard.repository), (None, None), "{odd}");
        }
        for bad in ["", "[]", "[1, 2]", "3", "null", "{", "payload=%7B%7D", "{} {}"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn texts_are_cut() {
        let long = "\u{e9}".repeat(1_000);
        let body = format!("{{\"action\": \"{long}\"}}");
        let heard = Heard::read(long.as_bytes(), long.as_bytes(), body.as_bytes()).unwrap();
        for text in [heard.event, heard.delivery, heard.action.unwrap()] {
            assert_eq!(text.chars().count(), LETTERS);
        }
    }
}
