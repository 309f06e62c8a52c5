//! What libgit2 reports, in terms a planner can act on.

use aegis_core::{Error, ErrorKind, Result, Revision};
use git2::{ErrorClass, ErrorCode, Oid};

/// Turns libgit2's error into ours, saying what was tried.
pub(super) fn wrap(what: impl Into<String>) -> impl FnOnce(git2::Error) -> Error {
    let what = what.into();
    move |e| {
        let kind = match (e.code(), e.class()) {
            (ErrorCode::NotFound, _) => ErrorKind::NotFound,
            (ErrorCode::Locked, _) | (_, ErrorClass::Os | ErrorClass::NoMemory) => {
                ErrorKind::Unavailable
            }
            (ErrorCode::Exists | ErrorCode::Modified | ErrorCode::Conflict, _) => {
                ErrorKind::Conflict
            }
            (ErrorCode::Owner, _) => ErrorKind::Denied,
            _ => ErrorKind::Internal,
        };
        Error::new(kind, what).with_source(e).at("git")
    }
}

/// The object id that a revision names: the full 40 digits, nothing that needs resolving.
pub(super) fn oid(revision: &Revision) -> Result<Oid> {
    let text = revision.as_str();
    let full = text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit());
    match Oid::from_str(text) {
        Ok(id) if full => Ok(id),
        _ => Err(Error::not_found(format!("{text:?} is no full commit id")).at("git")),
    }
}

/// The revision of an object id.
pub(super) fn revision(id: Oid) -> Revision {
    Revision::new(id.to_string())
}
