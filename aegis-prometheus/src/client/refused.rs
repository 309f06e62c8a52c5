//! What Prometheus answers where a query failed: `{"status":"error","errorType":…,"error":…}`.

use aegis_core::{Error, ErrorKind};
use serde::Deserialize;

use crate::http::{Answered, said};

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Body {
    error_type: String,
    error: String,
}

/// Why there is no answer, from a status that is not 200.
pub(super) fn read(answered: &Answered) -> Error {
    let status = answered.status;
    let body: Body = serde_json::from_slice(&answered.body).unwrap_or_default();
    let kind = match (body.error_type.as_str(), status) {
        ("timeout", _) | (_, 408 | 504) => ErrorKind::Timeout,
        ("bad_data" | "execution" | "bad_response", _) => ErrorKind::Invalid,
        (_, 404) => ErrorKind::NotFound,
        ("canceled" | "internal" | "unavailable" | "too_many_requests", _) | (_, 429 | 500..) => {
            ErrorKind::Unavailable
        }
        _ => ErrorKind::Invalid,
    };
    let why = if body.error.is_empty() {
        said(&String::from_utf8_lossy(&answered.body))
    } else {
        format!("{}: {}", said(&body.error_type), said(&body.error))
    };
    let hint = match status {
        404 => "; check the address and its path, such as /prometheus",
        405 => "; set `method` to the other one",
        _ => "",
    };
    Error::new(kind, format!("Prometheus answers {status}: {why}{hint}"))
}
