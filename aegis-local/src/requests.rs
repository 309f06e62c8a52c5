//! What requests a service was asked, for whoever looks for the one that failed.

use std::time::Duration;

use aegis_core::{Result, Timestamp};
use async_trait::async_trait;

/// One request that was served.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServedRequest {
    /// When it was logged.
    pub at: Timestamp,
    /// HTTP method.
    pub method: String,
    /// Path with query, as requested.
    pub target: String,
    /// Status that was answered.
    pub status: u16,
}

impl ServedRequest {
    /// A request and how it was answered.
    pub fn new(
        at: Timestamp,
        method: impl Into<String>,
        target: impl Into<String>,
        status: u16,
    ) -> Self {
        Self { at, method: method.into(), target: target.into(), status }
    }
}

/// A record of served requests, newest kept, bounded.
#[async_trait]
pub trait RequestLog: std::fmt::Debug + Send + Sync + 'static {
    /// Requests that failed with 5xx within `within` of `at`, nearest first, at most `limit`.
    async fn failures_near(
        &self,
        at: Timestamp,
        within: Duration,
        limit: usize,
    ) -> Result<Vec<ServedRequest>>;
}
