//! What the planner stands on, and what a host can replace.

mod clock;
mod events;
mod journal;
mod layer;
mod memory;
mod notifier;
mod owners;
pub mod refused;
mod repository;
mod rollback;
mod running;
mod telemetry;

pub use clock::{Clock, SystemClock};
pub use events::{Ack, Delivery, EventSource, Intake, Receipt};
pub use journal::{
    Batch, Effect, EffectStatus, Fence, Filter, Journal, Lease, Letter, MOST_LETTERS, Message,
    NewIncident, Opened, SlotChange, Stored, Summary,
};
pub use layer::JournalLayer;
pub use memory::MemoryJournal;
pub use notifier::{Notice, Notifier, Urgency};
pub use owners::CodeOwners;
pub use repository::{FileEntry, Repository};
pub use rollback::FastRollback;
pub use running::{Refusal, Running, RunningRevision};
pub use telemetry::{Silent, Telemetry, TelemetryEvent};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_port_is_object_safe_and_can_be_shared() {
        fn shared<T: ?Sized + Send + Sync>() {}
        fn sent<T: ?Sized + Send>() {}
        shared::<dyn Clock>();
        shared::<dyn Intake>();
        shared::<dyn FastRollback>();
        shared::<dyn Journal>();
        shared::<dyn Notifier>();
        shared::<dyn Repository>();
        shared::<dyn RunningRevision>();
        shared::<dyn Telemetry>();
        shared::<dyn crate::policy::Guardrail>();
        sent::<dyn EventSource>();
        sent::<Delivery>();
    }
}
