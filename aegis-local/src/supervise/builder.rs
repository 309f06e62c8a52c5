//! How a supervisor is set up.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aegis_core::{Error, Result};
use tokio::sync::{mpsc, watch};

use super::announce::{Announcer, Queue};
use super::deploy::Supervised;
use super::probe::Probe;
use super::process::Paths;
use super::releases::ReleaseFolders;
use super::restarts::Restarts;
use super::status::Status;
use super::supervisor::Supervisor;
use crate::git::GitRepository;
use crate::service::ServiceSpec;

/// How long a supervisor before may take to let go.
const PATIENCE: Duration = Duration::from_secs(5);

/// The numbers of a supervisor.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) poll: Duration,
    pub(super) start_timeout: Duration,
    pub(super) stop_grace: Duration,
    pub(super) probe_timeout: Duration,
    pub(super) keep: usize,
}

/// How a [`Supervisor`] is set up.
#[derive(Debug)]
pub struct SupervisorBuilder {
    spec: ServiceSpec,
    repository: GitRepository,
    state: PathBuf,
    settings: Settings,
}

impl SupervisorBuilder {
    pub(super) fn new(spec: ServiceSpec, repository: GitRepository, state: PathBuf) -> Self {
        let settings = Settings {
            poll: Duration::from_millis(500),
            start_timeout: Duration::from_secs(30),
            stop_grace: Duration::from_secs(10),
            probe_timeout: Duration::from_secs(2),
            keep: 5,
        };
        Self { spec, repository, state, settings }
    }

    /// How often branch, process and health are looked at; 500 ms unless told, at least 10 ms.
    #[must_use]
    pub fn poll(mut self, every: Duration) -> Self {
        self.settings.poll = every.max(Duration::from_millis(10));
        self
    }

    /// How long a release may take to become healthy before the one before it is started again; 30 s
    /// unless told.
    #[must_use]
    pub fn start_timeout(mut self, limit: Duration) -> Self {
        self.settings.start_timeout = limit;
        self
    }

    /// How long the service may take to end after SIGTERM before it is killed; 10 s unless told.
    #[must_use]
    pub fn stop_grace(mut self, grace: Duration) -> Self {
        self.settings.stop_grace = grace;
        self
    }

    /// How long one health check may take; 2 s unless told.
    #[must_use]
    pub fn probe_timeout(mut self, limit: Duration) -> Self {
        self.settings.probe_timeout = limit;
        self
    }

    /// How many release folders are kept; 5 unless told, at least 2. What runs and what ran before
    /// always is.
    #[must_use]
    pub fn keep_releases(mut self, keep: usize) -> Self {
        self.settings.keep = keep.max(2);
        self
    }

    /// Adopts the service where one was left running at the head of the release branch, else starts
    /// it, and follows the branch from then on in a task of its own. Returns once it is healthy.
    ///
    /// # Errors
    ///
    /// `Invalid` for URLs that are not on this machine, `Conflict` where another supervisor holds the
    /// service, `Unavailable` with the end of its log where it does not start.
    pub async fn start(self) -> Result<Supervisor> {
        let Self { spec, repository, state, settings } = self;
        std::fs::create_dir_all(&state)?;
        let paths = Paths::of(&state, spec.name.as_str())?;
        let lock = hold(&paths.lock).await?;
        let (url, limit) = (spec.clone(), settings.probe_timeout);
        let probe = tokio::task::spawn_blocking(move || Probe::new(&url, limit))
            .await
            .map_err(|e| Error::internal("the probe can't be made").with_source(e))??;
        let queue = Arc::new(Queue::default());
        let (sender, status) = watch::channel(Status::stopped());
        let mut supervised = Supervised {
            folders: ReleaseFolders::open(&state.canonicalize()?, settings.keep)?,
            announcer: Announcer::open(queue.clone(), paths.released.clone()),
            spec: spec.clone(),
            repository,
            settings,
            paths: paths.clone(),
            probe,
            status: sender,
            process: None,
            refused: None,
            restarts: Restarts::default(),
            restart_at: None,
            wanted: None,
            live: None,
            _lock: lock,
        };
        // Where that fails, what an earlier supervisor left running is left running still.
        supervised.begin().await?;
        let (asks, asked) = mpsc::channel(1);
        let task = tokio::spawn(supervised.follow(asked));
        Ok(Supervisor { service: spec.name, status, asks, queue, paths, task })
    }
}

/// Takes the lock that a live supervisor of the service holds.
async fn hold(path: &Path) -> Result<File> {
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(TryLockError::WouldBlock) => {
                let path = path.display();
                let why = format!("another supervisor runs this service: it holds {path}");
                return Err(Error::conflict(why).at("supervise"));
            }
            Err(TryLockError::Error(e)) => return Err(e.into()),
        }
    }
}
