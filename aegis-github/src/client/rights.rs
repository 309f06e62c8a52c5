//! What the credentials may do, as far as GitHub tells it unasked.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use http::HeaderMap;

use super::GitHub;

/// What is known of the rights of the credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Rights {
    /// An App's, at its installation: `read` or `write`, by the permission's name.
    Granted(BTreeMap<String, String>),
    /// The scopes of a classic token.
    Scopes(Vec<String>),
    /// A fine-grained token, whose rights show by what is refused, or nothing was asked yet.
    Untold,
}

/// What answers told of the scopes.
#[derive(Debug, Default)]
pub(super) struct Told(Mutex<Option<Vec<String>>>);

impl Told {
    pub(super) fn hear(&self, headers: &HeaderMap) {
        let Some(said) = headers.get("x-oauth-scopes").and_then(|v| v.to_str().ok()) else {
            return;
        };
        let scopes = said.split(',').map(|scope| scope.trim().to_owned()).collect();
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(scopes);
    }
}

impl GitHub {
    /// What is known of the rights of the credentials; asks nothing.
    pub(crate) async fn rights(&self) -> Rights {
        if let Some(granted) = self.inner.auth.granted().await {
            return Rights::Granted(granted);
        }
        let told = self.inner.told.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.clone().map_or(Rights::Untold, Rights::Scopes)
    }
}
