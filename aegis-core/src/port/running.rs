//! What runs in production, as seen by whoever runs it.

use async_trait::async_trait;

use crate::error::Result;
use crate::id::{Revision, Timestamp};
use crate::stage::Feedback;

/// A revision that is running.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Running {
    /// The revision, as the service itself reports it where it does.
    pub revision: Revision,
    /// When it was first reported.
    pub since: Timestamp,
}

impl Running {
    /// `revision` is running since `since`.
    pub fn new(revision: impl Into<Revision>, since: Timestamp) -> Self {
        Self { revision: revision.into(), since }
    }
}

/// A revision that would not start.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The revision.
    pub revision: Revision,
    /// What it said.
    pub feedback: Feedback,
}

impl Refusal {
    /// `revision` would not start, for this reason.
    pub fn new(revision: impl Into<Revision>, feedback: Feedback) -> Self {
        Self { revision: revision.into(), feedback }
    }
}

/// Tells which revision runs: never what the branch holds.
///
/// A supervisor implements it, a probe of the service's version, or whatever else runs it.
#[async_trait]
pub trait RunningRevision: std::fmt::Debug + Send + Sync + 'static {
    /// The revision that runs and is healthy; `None` while nothing does.
    async fn running(&self) -> Result<Option<Running>>;

    /// The newest revision that would not start, until a later one is deployed.
    async fn refused(&self) -> Result<Option<Refusal>> {
        Ok(None)
    }
}

#[async_trait]
impl<T: RunningRevision + ?Sized> RunningRevision for std::sync::Arc<T> {
    async fn running(&self) -> Result<Option<Running>> {
        (**self).running().await
    }

    async fn refused(&self) -> Result<Option<Refusal>> {
        (**self).refused().await
    }
}
