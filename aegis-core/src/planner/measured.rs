//! Tells how long the journal takes, and where it fails.

use std::sync::Arc;

use async_trait::async_trait;

use crate::error::{Error, ErrorKind, Result, Retry};
use crate::id::{IncidentId, ServiceName};
use crate::policy::Control;
use crate::port::{
    Batch, Clock, Filter, Journal, JournalLayer, Lease, Letter, Message, NewIncident, Opened,
    Stored, Summary, Telemetry, TelemetryEvent,
};

/// A journal whose calls are told to telemetry, by the planner's clock.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) inner: Arc<dyn Journal>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) telemetry: Arc<dyn Telemetry>,
}

/// What an error is where the journal itself failed; nothing where it refused, as its contract says.
fn failure(error: &Error) -> Option<ErrorKind> {
    match error.kind() {
        ErrorKind::Stale | ErrorKind::Fenced | ErrorKind::Conflict | ErrorKind::NotFound => None,
        // A counter or a queue that is full; a disk that is full goes by.
        ErrorKind::Exhausted if error.retry() == Retry::Never => None,
        kind => Some(kind),
    }
}

/// Measures each of these methods of the journal beneath.
macro_rules! measured {
    ($($name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        #[async_trait]
        impl JournalLayer for Measured {
            fn inner(&self) -> &dyn Journal {
                self.inner.as_ref()
            }

            $(async fn $name(&self, $($argument: $type),*) -> Result<$answer> {
                let started = self.clock.now();
                let done = self.inner.$name($($argument),*).await;
                let took = self.clock.now().since(started);
                let error = done.as_ref().err().and_then(failure);
                let call = stringify!($name);
                self.telemetry.record(TelemetryEvent::Journal { call, took, error });
                done
            })*
        }
    };
}

// All but `news`, which waits.
measured! {
    open(new: NewIncident) -> Opened;
    commit(batch: Batch) -> u64;
    claim(
        owner: &str, services: &[ServiceName], ttl: std::time::Duration, limit: usize
    ) -> Vec<Lease>;
    claim_waiting(
        owner: &str, services: &[ServiceName], ttl: std::time::Duration, limit: usize
    ) -> Vec<Lease>;
    renew(lease: &Lease) -> ();
    release(lease: &Lease) -> ();
    tell(id: &IncidentId, message: Message) -> u64;
    letters(owner: &str, limit: usize) -> Vec<Letter>;
    load(id: &IncidentId) -> Option<Stored>;
    list(filter: &Filter) -> Vec<Summary>;
    reserve(counter: &str, key: &str, amount: u64, limit: u64) -> ();
    settle(counter: &str, key: &str, used: u64) -> ();
    used(counter: &str) -> u64;
    control() -> Control;
    switch(from: &Control, to: Control) -> ();
}
