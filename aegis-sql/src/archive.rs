//! What is kept of incidents that are over: for auditors, and for as long as a host wants.

use aegis_core::port::Journal;
use aegis_core::{IncidentId, Result, Timestamp};
use async_trait::async_trait;

/// A journal that remembers: its history can be exported, checked and thinned out.
#[async_trait]
pub trait Archive: Journal {
    /// An incident's records as JSON lines in their order, each with its number, its time in
    /// milliseconds, the record and the hash that chains it to those before;
    /// [`check_export`](crate::check_export) reads them. `NotFound` where there is no such incident.
    async fn export(&self, id: &IncidentId) -> Result<String>;

    /// Whether an incident's records are those that were committed; returns the hash of the last.
    ///
    /// # Errors
    ///
    /// `NotFound` where there is no such incident, `Internal` with the first record that is missing or
    /// was changed.
    async fn check(&self, id: &IncidentId) -> Result<String>;

    /// Removes at most `limit` closed incidents whose last record is older than `before`, with all that
    /// belongs to them, the oldest first; returns how many. Open ones stay, and so does what is
    /// remembered of fixes that were taken back.
    ///
    /// Keep more than the time in which an incident is reopened.
    async fn prune(&self, before: Timestamp, limit: usize) -> Result<usize>;
}
