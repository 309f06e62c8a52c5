//! The handle of a supervisor.

use aegis_core::{Error, Result, ServiceName};
use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use super::announce::{Queue, Releases};
use super::builder::SupervisorBuilder;
use super::follow::Ask;
use super::process::Paths;
use super::status::{State, Status};
use crate::git::{GitRepository, Refusal, Running, RunningRevision};
use crate::service::ServiceSpec;

/// Runs a service at the head of its release branch.
///
/// - The service runs from `<state>/releases/<sha>`, in a process group of its own, its output in
///   `<state>/logs/<service>/<n>-<revision>.log`. Of the host's environment it sees `PATH`, `HOME`,
///   `LANG`, `LANGUAGE`, `LC_*`, `TZ` and `TMPDIR`, then the service's own variables and
///   `AEGIS_REVISION`.
/// - A release counts as running once its health check answers 2xx and, where it has a version URL,
///   the first 40 hexadecimal digits there are its commit.
/// - A release that does not get there in time is refused: the one before it is started again, and
///   stays until the branch moves.
/// - A crashed service is started again, with a delay that grows to 30 s and at most 20 times in ten
///   minutes. One that only fails its health check is reported and left alone.
///
/// Dropping the handle is a crash to the service: it runs on, and the next supervisor on the same state
/// folder adopts it by its number, start time and boot.
///
/// ```no_run
/// use aegis_local::git::GitRepository;
/// use aegis_local::service::ServiceSpec;
/// use aegis_local::supervise::Supervisor;
///
/// # async fn example() -> aegis_core::Result<()> {
/// let repository = GitRepository::open("/srv/shop").await?;
/// let health = "http://127.0.0.1:8000/health";
/// let spec = ServiceSpec::new("shop", "exec python3 -m shop", health, "python3 -m pytest");
/// let supervisor = Supervisor::builder(spec, repository, "/var/lib/aegis").start().await?;
/// supervisor.shutdown(true).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Supervisor {
    pub(super) service: ServiceName,
    pub(super) status: watch::Receiver<Status>,
    pub(super) asks: mpsc::Sender<Ask>,
    pub(super) queue: std::sync::Arc<Queue>,
    pub(super) paths: Paths,
    pub(super) task: JoinHandle<()>,
}

impl Supervisor {
    /// A supervisor of `spec` on the release branch of `repository`, that keeps its files in `state`.
    pub fn builder(
        spec: ServiceSpec,
        repository: GitRepository,
        state: impl Into<std::path::PathBuf>,
    ) -> SupervisorBuilder {
        SupervisorBuilder::new(spec, repository, state.into())
    }

    /// What it sees of its service.
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// The folder of the service's logs; every start has a file of its own.
    pub fn log_folder(&self) -> &std::path::Path {
        &self.paths.logs
    }

    /// The releases of the service, for the planner.
    pub fn releases(&self) -> Releases {
        Releases {
            service: self.service.clone(),
            queue: self.queue.clone(),
            file: self.paths.released.clone(),
        }
    }

    /// Stops supervising; ends the service too where `stop_service` is set, else leaves it running to
    /// be adopted. A second call does nothing.
    pub async fn shutdown(&self, stop_service: bool) -> Result<()> {
        let (done, ended) = oneshot::channel();
        if self.asks.send(Ask::Shutdown { service: stop_service, done }).await.is_err() {
            return Ok(());
        }
        ended.await.unwrap_or(Ok(()))
    }
}

#[async_trait]
impl RunningRevision for Supervisor {
    async fn running(&self) -> Result<Option<Running>> {
        if self.task.is_finished() {
            return Err(Error::unavailable("the supervisor has ended").at("supervise"));
        }
        let status = self.status();
        let since = status.since.filter(|_| status.state == State::Running);
        Ok(status.revision.zip(since).map(|(revision, since)| Running::new(revision, since)))
    }

    async fn refused(&self) -> Result<Option<Refusal>> {
        Ok(self.status().refused)
    }
}
