//! Where numbers and errors come from: probes, logs, scrapes, the machine, the service itself.

mod access_log;
mod error_log;
mod layer;
mod machine;
mod merge;
mod output;
mod probe;
mod scrape;
mod tail;
mod when;

pub use access_log::{AccessLog, DurationUnit, Following, exact_route, route_of};
pub use error_log::ErrorLog;
pub use layer::{ErrorLayer, LayerSource};
pub use machine::{MachineLoad, PidSource, ProcessLoad};
pub use merge::FirstOf;
pub(crate) use output::OutputRequests;
pub use probe::HealthProbe;
pub use scrape::Scrape;
pub use tail::{Line, StartAt, Tail, TailConfig, TailPosition, TailState};
