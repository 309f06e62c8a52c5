//! What the planner stands on, and what a host can replace.

mod clock;
mod events;
mod notifier;
mod repository;
mod telemetry;

pub use clock::{Clock, SystemClock};
pub use events::{Ack, Delivery, EventSource, Intake, Receipt};
pub use notifier::{Notice, Notifier, Urgency};
pub use repository::{FileEntry, Repository};
pub use telemetry::{Silent, Telemetry, TelemetryEvent};
