//! How events reach the planner: pulled from a source, or pushed into its intake.

use async_trait::async_trait;

use crate::error::Result;
use crate::id::IncidentId;
use crate::model::Event;

/// Tells a source that an event has been taken over.
pub type Ack = Box<dyn FnOnce() + Send>;

/// One event, and how to acknowledge it.
pub struct Delivery {
    /// The event.
    pub event: Event,
    /// Called once the event is committed to the journal; a source that is not acknowledged
    /// delivers again after a restart.
    pub ack: Option<Ack>,
}

impl Delivery {
    /// An event that needs no acknowledgement.
    pub fn new(event: Event) -> Self {
        Self { event, ack: None }
    }

    /// Calls `ack` once the event is committed.
    #[must_use]
    pub fn with_ack(mut self, ack: impl FnOnce() + Send + 'static) -> Self {
        self.ack = Some(Box::new(ack));
        self
    }
}

impl std::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delivery").field("event", &self.event).finish_non_exhaustive()
    }
}

/// A source of events that the planner pulls from.
///
/// One source failing, blocking or panicking costs that source alone.
#[async_trait]
pub trait EventSource: std::fmt::Debug + Send + 'static {
    /// The source's name, for people: `log:stderr`.
    fn name(&self) -> String;

    /// The next event; `None` once the source has ended. May be dropped at any await without
    /// losing an event. An error is reported and the source is asked again after a backoff.
    async fn next(&mut self) -> Result<Option<Delivery>>;
}

/// What became of an event that was reported.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Receipt {
    /// It opened this incident.
    Opened(IncidentId),
    /// It belongs to this open incident.
    Joined(IncidentId),
    /// It reopened this incident, which had been closed not long ago.
    Reopened(IncidentId),
    /// It was noted and opened nothing, for this reason.
    Noted(&'static str),
}

/// Takes events that are pushed; the planner's handle implements it.
#[async_trait]
pub trait Intake: std::fmt::Debug + Send + Sync + 'static {
    /// Takes `event`; returns once it is committed to the journal.
    async fn report(&self, event: Event) -> Result<Receipt>;
}
