//! What a journal answers where its contract refuses: the same kind and the same words, whatever keeps
//! the incidents. For those who write a journal of their own.

use std::fmt::Display;

use super::MOST_LETTERS;
use crate::error::{Error, ErrorKind};
use crate::id::IncidentId;

fn refused(kind: ErrorKind, why: String) -> Error {
    Error::new(kind, why).at("journal")
}

/// `NotFound`: there is no such incident, or none that is open where it has to be.
pub fn missing(id: &IncidentId) -> Error {
    refused(ErrorKind::NotFound, format!("no incident {id}"))
}

/// `Conflict`: an id is never used twice.
pub fn exists(id: &IncidentId) -> Error {
    refused(ErrorKind::Conflict, format!("incident {id} exists"))
}

/// `Fenced`: the lease went to another.
pub fn fenced(id: &IncidentId) -> Error {
    refused(ErrorKind::Fenced, format!("incident {id} is driven by another"))
}

/// `Stale`: the incident is at `is`, not at `expected`.
pub fn stale(id: &IncidentId, is: u64, expected: u64) -> Error {
    refused(ErrorKind::Stale, format!("incident {id} is at {is}, not at {expected}"))
}

/// `Conflict`: a key was used for another request.
pub fn used(key: impl Display) -> Error {
    refused(ErrorKind::Conflict, format!("{key} was used for another request"))
}

/// `Conflict`: another incident has the service's turn to release.
pub fn releasing(holder: impl Display, service: impl Display) -> Error {
    refused(ErrorKind::Conflict, format!("{holder} is releasing {service}"))
}

/// `Conflict`: a message was answered before.
pub fn answered(number: u64) -> Error {
    refused(ErrorKind::Conflict, format!("message {number} was answered"))
}

/// `Exhausted`: as many messages wait for the incident as may.
pub fn full(id: &IncidentId) -> Error {
    refused(ErrorKind::Exhausted, format!("{MOST_LETTERS} messages wait for incident {id}"))
}

/// `Exhausted`: the counter would pass its limit.
pub fn spent(counter: &str, taken: u128, limit: u64) -> Error {
    refused(ErrorKind::Exhausted, format!("{counter} is at {taken} of {limit}"))
}

/// `Stale`: somebody switched in between.
pub fn switched() -> Error {
    refused(ErrorKind::Stale, "somebody switched at the same time".to_owned())
}
