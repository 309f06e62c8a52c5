//! Running the service on this machine, from releases exported out of Git objects.
//!
//! A [`Supervisor`] follows the release branch: it exports its head to `<state>/releases/<sha>`, ends
//! the old process, starts the new one and waits until that is healthy and reports its revision. Where
//! it does not get there, the release before is started again, so that production is not left down.
//! The service is in a process group of its own, writes to files and outlives the supervisor, which
//! finds it again after a crash. Linux only: processes are told apart by `/proc`.

mod announce;
mod builder;
mod deploy;
mod env;
mod files;
mod follow;
mod group;
mod http;
mod orphan;
mod probe;
mod process;
mod releases;
mod restarts;
mod status;
mod supervisor;

pub use announce::Releases;
pub use builder::SupervisorBuilder;
pub use status::{State, Status};
pub use supervisor::Supervisor;

pub(crate) use env::search_path;
pub(crate) use files::write_atomically;
pub(crate) use group::{GroupGuard, alive};
pub(crate) use process::log_folder;

/// Refuses a name or a URL that no supervisor would take. May block to resolve a host.
pub(crate) fn check(spec: &crate::service::ServiceSpec) -> aegis_core::Result<()> {
    process::check_name(spec.name.as_str())?;
    probe::Probe::new(spec, std::time::Duration::ZERO).map(|_| ())
}
