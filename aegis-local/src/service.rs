//! The service that is looked after, as its owner describes it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use aegis_core::{Result, ServiceName};

use crate::sandbox::Sidecar;

/// How a service is started, asked for its health, and tested.
///
/// Commands run through `sh -c` in the folder of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceSpec {
    /// Its name.
    pub name: ServiceName,
    /// Starts it in the foreground.
    pub start: String,
    /// URL that answers 2xx while it is healthy; plain `http` on a loopback address.
    pub health: String,
    /// URL whose answer holds the running revision (the first 40 hexadecimal digits count).
    pub version: Option<String>,
    /// Runs its tests; a command line of pytest, of unittest, or `cargo test`, by what verifies it.
    pub test: String,
    /// Variables that are set for the service and its tests.
    pub env: BTreeMap<String, String>,
    /// Folder of its Python virtual environment; its `bin` comes first on `PATH`.
    pub python: Option<PathBuf>,
    /// Its access log, where it writes one.
    pub access_log: Option<PathBuf>,
    /// Log files that it writes beside its standard streams.
    pub logs: Vec<PathBuf>,
    /// Programs that it needs, started inside its sandbox for its tests and for what is replayed.
    pub sidecars: Vec<Sidecar>,
}

impl ServiceSpec {
    /// A service that `start` starts, that `health` answers for and that `test` tests.
    pub fn new(
        name: impl Into<ServiceName>,
        start: impl Into<String>,
        health: impl Into<String>,
        test: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            start: start.into(),
            health: health.into(),
            version: None,
            test: test.into(),
            env: BTreeMap::new(),
            python: None,
            access_log: None,
            logs: Vec::new(),
            sidecars: Vec::new(),
        }
    }

    /// Refuses what is wrong whatever the machine looks like. May block to resolve a host.
    ///
    /// # Errors
    ///
    /// `Invalid` for a name that is no part of a file name, and for URLs that are not plain `http` or
    /// not on this machine.
    pub fn check(&self) -> Result<()> {
        crate::supervise::check(self)
    }

    /// Names the URL that tells the running revision.
    #[must_use]
    pub fn with_version(mut self, url: impl Into<String>) -> Self {
        self.version = Some(url.into());
        self
    }

    /// Sets a variable for the service and its tests.
    #[must_use]
    pub fn with_env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Names the folder of its virtual environment.
    #[must_use]
    pub fn with_python(mut self, venv: impl Into<PathBuf>) -> Self {
        self.python = Some(venv.into());
        self
    }

    /// Names its access log.
    #[must_use]
    pub fn with_access_log(mut self, path: impl Into<PathBuf>) -> Self {
        self.access_log = Some(path.into());
        self
    }

    /// Adds a log file.
    #[must_use]
    pub fn with_log(mut self, path: impl Into<PathBuf>) -> Self {
        self.logs.push(path.into());
        self
    }

    /// Adds a program that its tests and its replays need: a database of their own.
    #[must_use]
    pub fn with_sidecar(mut self, sidecar: Sidecar) -> Self {
        self.sidecars.push(sidecar);
        self
    }
}
