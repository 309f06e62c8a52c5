//! The embedded default, composed: one Python service in one Git repository on one machine.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aegis_core::judge::Statistical;
use aegis_core::planner::{Builder, Planner, ServiceConfig};
use aegis_core::policy::PolicyConfig;
use aegis_core::port::{EventSource, Repository};
use aegis_core::stage::MetricSource;
use aegis_core::{Error, Result};

use crate::git::{CommandChecks, GitDeployer, GitRepository};
use crate::python::{PythonDiagnoser, PythonTemplates};
use crate::requests::RequestLog;
use crate::service::ServiceSpec;
use crate::sources::{AccessLog, ErrorLog, FirstOf, Following, HealthProbe, ProcessLoad, Scrape};
use crate::supervise::Supervisor;
use crate::verify::PythonVerifier;

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
    deployer: Arc<GitDeployer>,
    verifier: Arc<PythonVerifier>,
    metrics: Arc<dyn MetricSource>,
    access: Option<Arc<AccessLog>>,
    _following: Option<Following>,
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
        make(&config.state)?;
        let spec = &config.service;
        let repository = GitRepository::open(&config.repository).await?;
        let shared: Arc<dyn Repository> = Arc::new(repository.clone());
        let verifier = PythonVerifier::new(spec.clone(), shared).with_reverts(repository.clone());
        let verifier = Arc::new(verifier);
        verifier.check().await?;
        let mut checks = CommandChecks::of(spec);
        if let Some(command) = &config.checks {
            checks = CommandChecks::new(command.clone());
            if let Some(venv) = &spec.python {
                checks = checks.with_python(venv);
            }
        }
        // Everything that can refuse does so before the service is started.
        let deployer = GitDeployer::builder(repository.clone(), &config.state).checks(checks);
        let deployer = deployer.open().await?;
        let access = spec.access_log.as_ref().map(|path| Arc::new(access_log(path, spec)));
        let mut sources = metrics(&config, access.as_ref())?;
        let supervisor = Supervisor::builder(spec.clone(), repository.clone(), &config.state)
            .poll(config.poll)
            .start()
            .await?;
        let supervisor = Arc::new(supervisor);
        let following = access.as_ref().map(|log| log.follow(config.poll));
        let watched = Arc::clone(&supervisor);
        sources.push(Arc::new(ProcessLoad::by(Arc::new(move || watched.status().pid))));
        let deployer = deployer.with_running(Arc::clone(&supervisor));
        Ok(Self {
            repository,
            supervisor,
            deployer: Arc::new(deployer),
            verifier,
            metrics: Arc::new(FirstOf::new(sources)),
            access,
            _following: following,
            config,
        })
    }

    /// The planner's builder with every stage, and every source of events, in place.
    pub fn planner(&self, policy: PolicyConfig, service: ServiceConfig) -> LocalBuilder {
        let shared: Arc<dyn Repository> = Arc::new(self.repository.clone());
        let mut diagnoser = PythonDiagnoser::new(Arc::clone(&shared));
        if let Some(log) = &self.access {
            diagnoser = diagnoser.with_requests(Arc::clone(log) as Arc<dyn RequestLog>);
        }
        Planner::builder(policy)
            .metrics(Arc::clone(&self.metrics))
            .diagnoser(diagnoser)
            .fixes(PythonTemplates::new(shared))
            .verifier(Arc::clone(&self.verifier))
            .deployer(Arc::clone(&self.deployer))
            .judge(Statistical::default())
            .service(service)
            .source(self.errors())
            .source(Box::new(self.supervisor.releases()))
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

/// The access log without what the supervisor and the scrape ask for themselves.
fn access_log(path: &Path, spec: &ServiceSpec) -> AccessLog {
    let own = [Some(&spec.health), spec.version.as_ref()];
    let paths = own.into_iter().flatten().filter_map(|url| {
        let (_, rest) = url.split_once("://")?;
        rest.find('/').map(|at| rest[at..].to_owned()).filter(|path| path.len() > 1)
    });
    paths.fold(AccessLog::new(path).ignoring("/metrics"), AccessLog::ignoring)
}

/// The sources that need no process.
fn metrics(
    config: &LocalConfig,
    access: Option<&Arc<AccessLog>>,
) -> Result<Vec<Arc<dyn MetricSource>>> {
    let mut sources: Vec<Arc<dyn MetricSource>> = Vec::new();
    sources.push(Arc::new(HealthProbe::new(&config.service.health)?.allow_private()));
    sources.extend(access.map(|log| Arc::clone(log) as Arc<dyn MetricSource>));
    if let Some((url, requests, latency)) = &config.metrics {
        let scrape = Scrape::new(url)?.allow_private();
        sources.push(Arc::new(scrape.with_requests(requests).with_latency(latency)));
    }
    Ok(sources)
}
