//! The embedded default, composed: one Python service in one Git repository on one machine.

mod numbers;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use aegis_core::judge::Statistical;
use aegis_core::planner::{Builder, Planner, ServiceConfig};
use aegis_core::policy::PolicyConfig;
use aegis_core::port::{EventSource, Repository};
use aegis_core::stage::MetricSource;
use aegis_core::{Error, Result};
use async_trait::async_trait;

use self::numbers::Requests;
use crate::git::{CommandChecks, GitDeployer, GitRepository, Refusal, Running, RunningRevision};
use crate::python::{PythonDiagnoser, PythonTemplates};
use crate::service::ServiceSpec;
use crate::sources::{ErrorLog, Following};
use crate::supervise::Supervisor;
use crate::verify::{PythonVerifier, VerifierConfig};

/// The planner's builder with every stage of the embedded default in place.
pub type LocalBuilder = Builder<
    Arc<dyn MetricSource>,
    PythonDiagnoser,
    PythonTemplates,
    Arc<PythonVerifier>,
    Arc<GitDeployer>,
    Statistical,
>;

/// How the embedded default is set up.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LocalConfig {
    /// The service.
    pub service: ServiceSpec,
    /// Its repository, with the release branch checked out, or bare.
    pub repository: PathBuf,
    /// The folder that everything is kept in: releases, logs, positions, results.
    pub state: PathBuf,
    /// The command that a fix has to pass on its branch; the service's own tests unless set.
    pub checks: Option<String>,
    /// A `/metrics` page to scrape: its URL, the counter of requests, the histogram of latency.
    pub metrics: Option<(String, String, String)>,
    /// How often files, checks, branch and process are looked at; 200 ms unless set.
    pub poll: Duration,
    /// How long one run of the service's tests may take: 120 s to prove a fix and 600 s on its branch
    /// unless set.
    pub test_timeout: Option<Duration>,
    /// How long a release may take to become healthy; 30 s unless set.
    pub start_timeout: Option<Duration>,
    /// Whether fixes may be proven in the [Reduced](crate::sandbox::Tier::Reduced) tier of isolation
    /// where the Strong one is not to be had, and then wait for a person; false unless set.
    pub allow_reduced: bool,
}

impl LocalConfig {
    /// `service`, whose source is in `repository`, looked after from `state`.
    pub fn new(
        service: ServiceSpec,
        repository: impl Into<PathBuf>,
        state: impl Into<PathBuf>,
    ) -> Self {
        Self {
            service,
            repository: repository.into(),
            state: state.into(),
            checks: None,
            metrics: None,
            poll: Duration::from_millis(200),
            test_timeout: None,
            start_timeout: None,
            allow_reduced: false,
        }
    }

    /// Sets the command that a fix has to pass on its branch.
    #[must_use]
    pub fn with_checks(mut self, command: impl Into<String>) -> Self {
        self.checks = Some(command.into());
        self
    }

    /// Scrapes a `/metrics` page; the names are those of a counter of requests by status and of a
    /// histogram of latency in seconds.
    #[must_use]
    pub fn with_metrics(
        mut self,
        url: impl Into<String>,
        requests: impl Into<String>,
        latency: impl Into<String>,
    ) -> Self {
        self.metrics = Some((url.into(), requests.into(), latency.into()));
        self
    }

    /// Looks at files, checks, branch and process every `poll`.
    #[must_use]
    pub fn with_poll(mut self, poll: Duration) -> Self {
        self.poll = poll;
        self
    }

    /// Ends a run of the service's tests after `limit`, wherever they run.
    #[must_use]
    pub fn with_test_timeout(mut self, limit: Duration) -> Self {
        self.test_timeout = Some(limit);
        self
    }

    /// Lets fixes be proven in the Reduced tier where the Strong one is not to be had.
    #[must_use]
    pub fn with_allow_reduced(mut self, allowed: bool) -> Self {
        self.allow_reduced = allowed;
        self
    }

    /// Gives a release this long to become healthy.
    #[must_use]
    pub fn with_start_timeout(mut self, limit: Duration) -> Self {
        self.start_timeout = Some(limit);
        self
    }
}

/// A running service with everything that is needed to look after it.
///
/// ```no_run
/// use aegis_core::planner::ServiceConfig;
/// use aegis_core::policy::{Autonomy, PolicyConfig};
/// use aegis_local::local::{Local, LocalConfig};
/// use aegis_local::service::ServiceSpec;
///
/// # async fn example() -> aegis_core::Result<()> {
/// let health = "http://127.0.0.1:8000/health";
/// let shop = ServiceSpec::new("shop", "exec python -m shop", health, "python -m pytest -q");
/// let local = Local::open(LocalConfig::new(shop, "/srv/shop", "/var/lib/aegis")).await?;
/// let planner = local
///     .planner(PolicyConfig::new(Autonomy::Propose), ServiceConfig::new("shop"))
///     .build()?;
/// let handle = planner.start()?;
/// # handle.shutdown().await?;
/// local.close(true).await
/// # }
/// ```
#[derive(Debug)]
pub struct Local {
    config: LocalConfig,
    repository: GitRepository,
    supervisor: Arc<Supervisor>,
    watched: Arc<Watched>,
    deployer: Arc<GitDeployer>,
    verifier: Arc<PythonVerifier>,
    metrics: Arc<dyn MetricSource>,
    requests: Requests,
    _following: Following,
}

impl Local {
    /// Checks what is needed, then starts the service, or adopts it where it runs.
    ///
    /// # Errors
    ///
    /// `Denied` where code can't be isolated, `NotFound` without repository or interpreter, `Invalid`
    /// for a checkout with changes and for URLs that are not on this machine, `Unavailable` where the
    /// service does not become healthy. Nothing was changed then.
    pub async fn open(config: LocalConfig) -> Result<Self> {
        let checked = config.service.clone();
        tokio::task::spawn_blocking(move || checked.check())
            .await
            .map_err(|e| Error::internal("the service can't be checked").with_source(e))??;
        make(&config.state)?;
        let spec = &config.service;
        let repository = GitRepository::open(&config.repository).await?;
        let shared: Arc<dyn Repository> = Arc::new(repository.clone());
        let mut bounds = VerifierConfig::default().with_allow_reduced(config.allow_reduced);
        let mut supervisor = Supervisor::builder(spec.clone(), repository.clone(), &config.state);
        supervisor = supervisor.poll(config.poll);
        if let Some(limit) = config.test_timeout {
            bounds.suite_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        }
        if let Some(limit) = config.start_timeout {
            supervisor = supervisor.start_timeout(limit);
        }
        let verifier = PythonVerifier::with_config(spec.clone(), shared, bounds);
        let verifier = Arc::new(verifier.with_reverts(repository.clone()));
        verifier.check().await?;
        let mut checked = spec.clone();
        checked.test = config.checks.clone().unwrap_or(checked.test);
        let mut checks = CommandChecks::of(&checked);
        if let Some(limit) = config.test_timeout {
            checks = checks.with_limit(limit);
        }
        let watched = Arc::new(Watched::default());
        let deployer = GitDeployer::builder(repository.clone(), &config.state)
            .checks(checks)
            .running(Arc::clone(&watched))
            .open()
            .await?;
        let requests = Requests::of(&config);
        let metrics = numbers::metrics(&config, &requests, &watched)?;
        // Last: what was refused above left the service alone.
        let supervisor = supervisor.start().await?;
        let supervisor = Arc::clone(watched.0.get_or_init(|| Arc::new(supervisor)));
        let following = requests.follow(config.poll);
        Ok(Self {
            repository,
            supervisor,
            watched,
            deployer: Arc::new(deployer),
            verifier,
            metrics,
            requests,
            _following: following,
            config,
        })
    }

    /// The planner's builder with every stage, and every source of events, in place.
    pub fn planner(&self, policy: PolicyConfig, service: ServiceConfig) -> LocalBuilder {
        Planner::builder(policy)
            .metrics(Arc::clone(&self.metrics))
            .diagnoser(self.diagnoser())
            .fixes(self.templates())
            .verifier(Arc::clone(&self.verifier))
            .deployer(Arc::clone(&self.deployer))
            .judge(Statistical::default())
            .service(service)
            .source(self.errors())
            .source(Box::new(self.supervisor.releases()))
    }

    /// The diagnoser, for a host that asks another one as well.
    pub fn diagnoser(&self) -> PythonDiagnoser {
        PythonDiagnoser::new(self.source()).with_requests(self.requests.log())
    }

    /// The templates, for a host that has other fixes too.
    pub fn templates(&self) -> PythonTemplates {
        PythonTemplates::new(self.source())
    }

    /// The numbers, for a host that has others too.
    pub fn metrics(&self) -> Arc<dyn MetricSource> {
        Arc::clone(&self.metrics)
    }

    /// The source of the service, for a host's own diagnoser or fixes.
    pub fn source(&self) -> Arc<dyn Repository> {
        Arc::new(self.repository.clone())
    }

    /// The service's logs, those of every release's standard streams included.
    fn errors(&self) -> Box<dyn EventSource> {
        let spec = &self.config.service;
        let log = ErrorLog::new(spec.name.clone())
            .follow_dir(self.supervisor.log_folder())
            .with_state(self.config.state.join("positions.json"))
            .with_interval(self.config.poll.min(Duration::from_millis(100)));
        Box::new(spec.logs.iter().fold(log, |log, path| log.with_file(path)))
    }

    /// The service's supervisor.
    pub fn supervisor(&self) -> &Supervisor {
        &self.supervisor
    }

    /// The service's repository.
    pub fn repository(&self) -> &GitRepository {
        &self.repository
    }

    /// What shows which revision runs, for a deployer of the host's own.
    pub fn running(&self) -> Arc<dyn RunningRevision> {
        Arc::clone(&self.watched) as Arc<dyn RunningRevision>
    }

    /// The deployer, for a host that wraps it.
    pub fn deployer(&self) -> &Arc<GitDeployer> {
        &self.deployer
    }

    /// The verifier, to run the suite ahead of time.
    pub fn verifier(&self) -> &Arc<PythonVerifier> {
        &self.verifier
    }

    /// Lets go; ends the service too where `stop_service` is set.
    pub async fn close(self, stop_service: bool) -> Result<()> {
        self.supervisor.shutdown(stop_service).await
    }
}

fn make(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|e| {
        let why = format!("the folder {} can't be made", folder.display());
        Error::unavailable(why).with_source(e)
    })
}

/// The service's supervisor, once there is one.
#[derive(Debug, Default)]
struct Watched(OnceLock<Arc<Supervisor>>);

#[async_trait]
impl RunningRevision for Watched {
    async fn running(&self) -> Result<Option<Running>> {
        match self.0.get() {
            Some(supervisor) => supervisor.running().await,
            None => Ok(None),
        }
    }

    async fn refused(&self) -> Result<Option<Refusal>> {
        match self.0.get() {
            Some(supervisor) => supervisor.refused().await,
            None => Ok(None),
        }
    }
}
