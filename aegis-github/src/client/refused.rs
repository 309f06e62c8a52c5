//! What GitHub refuses, and what that means.

use aegis_core::{Error, ErrorKind};
use http::HeaderMap;
use serde::Deserialize;

/// Bytes of a message that are kept.
const MESSAGE: usize = 500;
/// Content too large.
const LARGE: u16 = 413;

/// Why a call did not give what was asked for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// GitHub understood it and said no: nothing was changed.
    Refused(Refused),
    /// Nobody can tell, or it never got there.
    Failed(Error),
}

/// An answer of 4xx, or one that is too long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    /// What GitHub says, its details in it.
    pub(crate) message: String,
    /// Rights that would do.
    needs: Option<String>,
    /// What was asked.
    what: String,
}

#[derive(Deserialize, Default)]
struct Body {
    #[serde(default)]
    message: String,
    #[serde(default)]
    errors: Vec<serde_json::Value>,
}

impl Refused {
    pub(crate) fn new(status: u16, headers: &HeaderMap, body: &[u8], what: String) -> Self {
        let read: Body = serde_json::from_slice(body).unwrap_or_default();
        let mut message = read.message;
        for error in &read.errors {
            let told = error.get("message").and_then(|m| m.as_str()).or_else(|| error.as_str());
            let told = told.map_or_else(|| error.to_string(), str::to_owned);
            message = if message.is_empty() { told } else { format!("{message}: {told}") };
        }
        let message = message.chars().filter(|c| !c.is_control()).take(MESSAGE).collect();
        let needs = headers.get("x-accepted-github-permissions").and_then(|v| v.to_str().ok());
        Self { status, message, needs: needs.map(str::to_owned), what }
    }

    /// What no server of this age can do.
    pub(crate) const UNKNOWN: u16 = 501;

    pub(super) fn unknown(what: String) -> Self {
        let message = String::from("this server does not know it");
        Self { status: Self::UNKNOWN, message, needs: None, what }
    }

    /// Whether the server does not know what was asked.
    pub(crate) fn is_unknown(&self) -> bool {
        self.status == Self::UNKNOWN
    }

    /// An answer that is longer than what is taken, told as the status that says so of a request.
    pub(super) fn large(most: usize, what: String) -> Self {
        let message = format!("the answer is longer than {most} bytes");
        Self { status: LARGE, message, needs: None, what }
    }

    /// Whether the answer was longer than what is taken.
    pub(crate) fn is_large(&self) -> bool {
        self.status == LARGE
    }

    /// Whether what was asked for does not exist, or may not be seen.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self.status, 404 | 410)
    }
}

/// What there is; nothing where GitHub says that there is none.
pub(crate) fn unless_missing<T>(answer: Result<T, Failure>) -> Result<Option<T>, Error> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(Failure::Refused(refused)) if refused.is_missing() => Ok(None),
        Err(failure) => Err(failure.into()),
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        let Refused { status, message, needs, what } = refused;
        let (kind, say) = match status {
            401 => (
                ErrorKind::Denied,
                String::from("the credentials are refused; give a token that has not ended"),
            ),
            403 | 451 => {
                let needs = needs.map_or_else(String::new, |n| format!("; grant {n}"));
                (ErrorKind::Denied, format!("{message}{needs}"))
            }
            404 | 410 => (
                ErrorKind::NotFound,
                String::from("there is none, or these credentials may not see it"),
            ),
            409 => (ErrorKind::Conflict, message),
            _ => (ErrorKind::Invalid, message),
        };
        Self::new(kind, format!("{what}: {say} ({status})")).at("github")
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(refused) => refused.into(),
            Failure::Failed(error) => error,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_missing_and_what_to_do_is_said() {
        let none = HeaderMap::new();
        let needs: HeaderMap =
            [("x-accepted-github-permissions".parse().unwrap(), "contents=write".parse().unwrap())]
                .into_iter()
                .collect();
        let invalid = br#"{"message": "Validation Failed", "errors": [{"message": "No commits"}, "b", {"code": "x"}]}"#;
        for (status, headers, body, kind, says) in [
            (401, &none, &b"{}"[..], ErrorKind::Denied, "has not ended"),
            (
                403,
                &needs,
                br#"{"message": "Not accessible"}"#,
                ErrorKind::Denied,
                "Not accessible; grant contents=write",
            ),
            (404, &none, b"not json", ErrorKind::NotFound, "may not see it"),
            (409, &none, br#"{"message": "Head moved"}"#, ErrorKind::Conflict, "Head moved"),
            (
                422,
                &none,
                invalid,
                ErrorKind::Invalid,
                "Validation Failed: No commits: b: {\"code\":\"x\"}",
            ),
        ] {
            let refused = Refused::new(status, headers, body, String::from("POST pulls"));
            let error = Error::from(refused);
            assert_eq!(error.kind(), kind);
            let said = error.to_string();
            assert!(said.contains(says) && said.contains("POST pulls"), "{said}");
        }
    }
}
