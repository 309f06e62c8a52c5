//! What Gemini refuses, by what helps.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::said;
use crate::model::{Refusal, RefusalKind, Request};

#[derive(Deserialize, Default)]
struct Body {
    #[serde(default)]
    error: Status,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Status {
    message: String,
    status: String,
    details: Vec<Detail>,
}

/// Any of the details: each kind has its own fields.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Detail {
    violations: Vec<Violation>,
    field_violations: Vec<Field>,
    retry_delay: Option<String>,
    reason: String,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Violation {
    quota_id: String,
    quota_value: Value,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Field {
    field: String,
    description: String,
}

/// A refusal, and whether it shows that the key is of the free tier.
pub(super) struct Refused {
    pub(super) refusal: Refusal,
    pub(super) free_tier: bool,
}

/// Reads the refusal of `model` to answer `request`.
pub(super) fn read(model: &str, status: u16, body: &[u8], request: &Request) -> Refused {
    let told = serde_json::from_slice::<Body>(body).unwrap_or_default().error;
    let free_tier = told.violations().any(|one| one.quota_id.contains("FreeTier"));
    let kind = told.kind(status, request);
    let message = if told.message.is_empty() { "it gives no reason" } else { &told.message };
    let advice = match kind {
        RefusalKind::Gone => "; name another model",
        RefusalKind::Denied => "; check the API key and what its project may use",
        RefusalKind::Spent => "; the quota is renewed at midnight Pacific time",
        _ => "",
    };
    let say = format!("{model}: {} ({status} {}){advice}", said(message), said(&told.status));
    Refused { refusal: Refusal::new(kind, say), free_tier }
}

impl Status {
    fn violations(&self) -> impl Iterator<Item = &Violation> {
        self.details.iter().flat_map(|detail| &detail.violations)
    }

    fn kind(&self, status: u16, request: &Request) -> RefusalKind {
        match status {
            429 => self.limit(),
            404 => RefusalKind::Gone,
            401 | 403 => RefusalKind::Denied,
            // A key that is none, and a place or an account that Gemini is not offered to.
            400 if self.status == "FAILED_PRECONDITION" || self.blames_key() => RefusalKind::Denied,
            400 if self.blames_sampling(request) => RefusalKind::Sampling,
            408 | 500.. => RefusalKind::Failed,
            _ => RefusalKind::Invalid,
        }
    }

    /// A daily quota comes with a delay too, of which nothing is to be hoped.
    fn limit(&self) -> RefusalKind {
        let none = |one: &Violation| {
            one.quota_value.as_str().map_or(one.quota_value == 0, |value| value == "0")
        };
        if self.violations().any(none) || limit_is_zero(&self.message) {
            return RefusalKind::Gone;
        }
        if self.violations().any(|one| one.quota_id.contains("PerDay")) {
            return RefusalKind::Spent;
        }
        let delay = self.details.iter().find_map(|detail| detail.retry_delay.as_deref());
        RefusalKind::Pace(delay.and_then(seconds))
    }

    fn blames_key(&self) -> bool {
        self.details.iter().any(|detail| detail.reason == "API_KEY_INVALID")
    }

    fn blames_sampling(&self, request: &Request) -> bool {
        let fields = self.details.iter().flat_map(|detail| &detail.field_violations);
        let texts = fields.flat_map(|one| [&one.field, &one.description]).chain([&self.message]);
        let texts: Vec<String> = texts.map(|text| text.to_lowercase()).collect();
        let blamed = |word: &str| texts.iter().any(|text| text.contains(word));
        (request.temperature.is_some() && blamed("temperature"))
            || (request.seed.is_some() && blamed("seed"))
            || ((request.temperature.is_some() || request.seed.is_some()) && blamed("sampling"))
    }
}

/// `limit: 0`, and not `limit: 0.5` or `limit: 05`.
fn limit_is_zero(message: &str) -> bool {
    let mut after =
        message.match_indices("limit: 0").map(|(at, found)| &message[at + found.len()..]);
    after.any(|rest| {
        let mut next = rest.chars();
        match next.next() {
            Some(c) if c.is_ascii_digit() => false,
            Some('.' | ',') => !next.next().is_some_and(|c| c.is_ascii_digit()),
            _ => true,
        }
    })
}

/// A duration as Google writes it: `38.2s`.
fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.strip_suffix('s')?.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_of_zero_is_told_from_one_that_begins_with_it() {
        for zero in ["limit: 0", "x, limit: 0, model: m", "limit: 0.", "limit: 20\nlimit: 0\n"] {
            assert!(limit_is_zero(zero), "{zero}");
        }
        for more in ["limit: 0.5", "limit: 20", "limit: 05", "the limit", ""] {
            assert!(!limit_is_zero(more), "{more}");
        }
    }

    #[test]
    fn delays_are_read_and_nonsense_is_none() {
        assert_eq!(seconds("38.2s"), Some(Duration::from_millis(38_200)));
        for bad in ["", "s", "38", "-1s", "NaNs", "infs", "1e99s"] {
            assert_eq!(seconds(bad), None, "{bad}");
        }
    }
}
