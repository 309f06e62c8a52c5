//! Staging: environment, repository, service, planner.

use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aegis_core::detect::DetectConfig;
use aegis_core::planner::ServiceConfig;
use aegis_core::policy::PolicyConfig;
use aegis_core::port::{Journal, Repository as _};
use aegis_core::stage::MetricSource;
use aegis_local::git::{CommandChecks, GitRepository};
use aegis_local::local::{Local, LocalBuilder, LocalConfig};
use aegis_local::service::ServiceSpec;

use super::pace::Pace;
use super::{Failure, Options, RunFile, Theirs};
use crate::staging::hub::Hub;
use crate::staging::prometheus::Scraper;
use crate::staging::{shop, venv};
use crate::terminal::{Terminal, Tone};

/// Everything a run stands on.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) state: PathBuf,
    pub(super) repository: PathBuf,
    pub(super) run: RunFile,
    /// Where the shop listens; nowhere for a service of somebody's.
    pub(super) address: SocketAddr,
    pub(super) resumed: bool,
    spec: ServiceSpec,
    /// Held as long as the run goes on.
    _lock: File,
}

impl Scene {
    /// Prepares the Python environment and the repository, or finds those of an unfinished run.
    pub(super) async fn set(options: &Options, terminal: &mut Terminal) -> Result<Self, Failure> {
        // Asked first: what is missing leaves the state folder as it is.
        let theirs = match &options.theirs {
            Some(theirs) => Some(begin_theirs(theirs).await?),
            None => None,
        };
        let state = absolute(&options.state())?;
        let lock = lock(&state).await?;
        let venv = environment(options, terminal).await?;
        // What stands in for GitHub forgets its pull requests with the run.
        let resumed = RunFile::unfinished(&state).filter(|_| !options.github);
        if let Some(run) = &resumed {
            same_service(run, theirs.as_ref(), &state)?;
            terminal.line(Tone::Plain, "an unfinished run is resumed");
        } else {
            clear(&state)?;
        }
        let run = match (&resumed, theirs) {
            // The head as it is: people went on while nobody looked.
            (_, Some(run)) => run,
            (Some(run), None) => run.clone(),
            (None, None) => begin_shop(&state, options.github, terminal).await?,
        };
        run.write(&state)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, run.port));
        let (spec, repository) = match &options.theirs {
            Some(theirs) => (their_spec(theirs, &venv)?, theirs.repository.clone()),
            None => {
                let shop = if options.github { BARE } else { SHOP };
                (shop_spec(&state, address, &venv), state.join(shop))
            }
        };
        let resumed = resumed.is_some();
        Ok(Self { state, repository, run, address, resumed, spec, _lock: lock })
    }

    /// Starts the service as a real process, or adopts it.
    pub(super) async fn start_service(
        &self,
        terminal: &mut Terminal,
        options: &Options,
    ) -> Result<Local, Failure> {
        let mut config = LocalConfig::new(self.spec.clone(), &self.repository, &self.state)
            .with_poll(Duration::from_millis(50))
            .with_allow_reduced(options.allow_reduced);
        if self.address.port() != 0 {
            config = config.with_metrics(
                format!("http://{}/metrics", self.address),
                "shop_http_requests_total",
                "shop_http_request_duration_seconds",
            );
        }
        if let Some(seconds) = options.test_timeout {
            config = config.with_test_timeout(Duration::from_secs(seconds));
        }
        if let Some(seconds) = options.start_timeout {
            config = config.with_start_timeout(Duration::from_secs(seconds));
        }
        let local = Local::open(config).await?;
        let status = local.supervisor().status();
        let running = status.revision.map(|r| r.short().to_owned()).unwrap_or_default();
        let pid = status.pid.map(|pid| pid.to_string()).unwrap_or_default();
        let (name, health) = (&self.spec.name, &self.spec.health);
        let text = format!("{name} runs: revision {running}, process {pid}, healthy at {health}");
        terminal.line(Tone::Good, text);
        if options.theirs.is_some() {
            for log in self.spec.logs.iter().chain(&self.spec.access_log).filter(|p| !p.exists()) {
                let text = format!("{} is not there yet: it is read once it is", log.display());
                terminal.line(Tone::Plain, text);
            }
        }
        Ok(local)
    }

    /// Starts a Prometheus that scrapes the shop.
    pub(super) async fn start_scraper(&self, terminal: &mut Terminal) -> Result<Scraper, Failure> {
        let folder = self.state.join("prometheus");
        // A Prometheus of a run that broke off remembers times that are over.
        if folder.exists() {
            std::fs::remove_dir_all(&folder)?;
        }
        let scraper = Scraper::start(&folder, self.address).await?;
        terminal
            .line(Tone::Plain, format!("Prometheus scrapes it each second, at {}", scraper.url()));
        Ok(scraper)
    }

    /// Starts what stands in for GitHub, over the shop's repository, with the shop's tests as its CI.
    pub(super) async fn start_hub(&self, terminal: &mut Terminal) -> Result<Hub, Failure> {
        let hub = Hub::start(&self.repository, CommandChecks::of(&self.spec)).await?;
        let text =
            format!("fixes go out by pull requests, on what stands in for GitHub at {}", hub.url());
        terminal.line(Tone::Plain, text);
        Ok(hub)
    }

    /// The planner with every stage in place; only its times and its policy differ from a host's.
    pub(super) fn planner(
        &self,
        (local, metrics): (&Local, &Arc<dyn MetricSource>),
        journal: &Arc<dyn Journal>,
        policy: PolicyConfig,
        pace: &Pace,
    ) -> LocalBuilder {
        let detect = DetectConfig::default().with_warm_up(20);
        let service = ServiceConfig::new(self.spec.name.clone());
        let service = service.with_settings(pace.settings).with_detect(detect);
        local
            .planner(policy, service)
            .metrics(Arc::clone(metrics))
            .config(pace.planner)
            .journal(Arc::clone(journal))
            .owner(aegis_sql::owner())
    }

    /// The log of the shop's nightly job.
    pub(super) fn nightly_log(&self) -> PathBuf {
        self.state.join(NIGHTLY)
    }

    /// A folder that holds the shop as it is: the checkout, or what runs of a bare repository.
    pub(super) async fn tree(&self) -> Result<PathBuf, Failure> {
        if !self.repository.ends_with(BARE) {
            return Ok(self.repository.clone());
        }
        let head = GitRepository::open(&self.repository).await?.head().await?;
        Ok(self.state.join("releases").join(head.as_str()))
    }

    /// The interpreter that the service runs on.
    pub(super) fn python(&self) -> PathBuf {
        let venv = self.spec.python.clone().unwrap_or_default();
        venv.join("bin/python")
    }
}

/// The shop's repository in the state folder, checked out, or bare.
const SHOP: &str = "shop";
const BARE: &str = "shop.git";

/// The log of the shop's nightly job, in the state folder.
const NIGHTLY: &str = "nightly.log";

/// Stages the shop; for what stands in for GitHub, its repository is a bare one.
async fn begin_shop(
    state: &Path,
    github: bool,
    terminal: &mut Terminal,
) -> Result<RunFile, Failure> {
    let (into, bare) = (state.join(SHOP), github.then(|| state.join(BARE)));
    let kept = bare.clone();
    let staged = move || -> Result<shop::Shop, Failure> {
        let built = shop::build(&into)?;
        if let Some(bare) = bare {
            let url = into.to_str().ok_or("the state folder's name is not UTF-8")?;
            git2::build::RepoBuilder::new().bare(true).clone(url, &bare)?;
            std::fs::remove_dir_all(&into)?;
        }
        Ok(built)
    };
    let shop = tokio::task::spawn_blocking(staged).await??;
    terminal.line(Tone::Plain, format!("staged the shop: {} commits", shop.commits.len()));
    Ok(RunFile::new(free_port()?, shop.head, kept))
}

async fn begin_theirs(theirs: &Theirs) -> Result<RunFile, Failure> {
    if let Some(log) = theirs.logs.iter().chain(&theirs.access_log).find(|path| path.is_dir()) {
        return Err(format!("{} is a folder: name the log file in it", log.display()).into());
    }
    let repository = GitRepository::open(&theirs.repository).await?;
    let base = repository.head().await?.to_string();
    let repository = Some(repository.path().to_owned());
    Ok(RunFile::new(0, base, repository))
}

/// An unfinished run is resumed by the command that began it.
fn same_service(run: &RunFile, theirs: Option<&RunFile>, state: &Path) -> Result<(), Failure> {
    let repository = theirs.and_then(|run| run.repository.as_ref());
    if run.repository.as_ref() == repository {
        return Ok(());
    }
    let of = run.repository.as_ref().map_or("the shop".into(), |path| path.display().to_string());
    let state = state.display();
    Err(format!("{state} holds an unfinished run of {of}: name another folder with --state").into())
}

/// The folder of the virtual environment: the one that was named, else one that is made here.
async fn environment(options: &Options, terminal: &mut Terminal) -> Result<PathBuf, Failure> {
    if let Some(python) = options.theirs.as_ref().and_then(|theirs| theirs.python.as_ref()) {
        return Ok(std::path::absolute(python)?);
    }
    let root = target();
    terminal.line(Tone::Plain, "preparing a Python environment with pytest and coverage");
    let venv = tokio::task::spawn_blocking(move || venv::prepare(&root.join("venv"))).await??;
    Ok(venv.root)
}

fn shop_spec(state: &Path, address: SocketAddr, venv: &Path) -> ServiceSpec {
    let url = |path: &str| format!("http://{address}{path}");
    let access_log = state.join("access.log");
    let start = format!("exec {}", shop::START);
    ServiceSpec::new("shop", start, url("/health"), shop::TESTS)
        .with_version(url("/version"))
        .with_env(shop::PORT, address.port().to_string())
        .with_env(shop::ACCESS_LOG, access_log.display().to_string())
        .with_python(venv)
        .with_access_log(access_log)
        .with_log(state.join(NIGHTLY))
}

fn their_spec(theirs: &Theirs, venv: &Path) -> Result<ServiceSpec, Failure> {
    let (name, start) = (theirs.name(), theirs.start.clone());
    let mut spec =
        ServiceSpec::new(name, start, theirs.health.clone(), theirs.test.clone()).with_python(venv);
    if let Some(url) = &theirs.version {
        spec = spec.with_version(url.clone());
    }
    if let Some(path) = &theirs.access_log {
        spec = spec.with_access_log(std::path::absolute(path)?);
    }
    for log in &theirs.logs {
        spec = spec.with_log(std::path::absolute(log)?);
    }
    Ok(spec)
}

/// Cargo's target folder: beside the profile folder that the program runs from, else `target`.
fn target() -> PathBuf {
    let program = std::env::current_exe().ok();
    let named = |p: &&Path| p.file_name().is_some_and(|name| name == "target");
    program
        .as_deref()
        .and_then(|p| p.ancestors().find(named).map(Path::to_path_buf))
        .unwrap_or_else(|| PathBuf::from("target"))
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::fs::create_dir_all(path)
        .and_then(|()| path.canonicalize())
        .map_err(|e| format!("the state folder {} can't be used: {e}", path.display()).into())
}

/// How long a run before may take to let go of its state folder.
const PATIENCE: Duration = Duration::from_secs(1);

/// Marks a folder as one that runs may clear; held by the run that uses it.
const MARK: &str = ".heal";

/// Takes the state folder for this run; one that is somebody else's, or another run's, stays as it is.
async fn lock(state: &Path) -> Result<File, Failure> {
    let mark = state.join(MARK);
    if !mark.exists() && std::fs::read_dir(state)?.next().is_some() {
        let text = "the state folder holds something else; name an empty one with --state";
        return Err(format!("{text}: {}", state.display()).into());
    }
    let mut file = File::options().create(true).append(true).open(&mark)?;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if tokio::time::Instant::now() < deadline => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(TryLockError::WouldBlock) => {
                let text =
                    "another run uses the state folder; end it, or name another with --state";
                return Err(format!("{text}: {}", state.display()).into());
            }
            Err(TryLockError::Error(e)) => return Err(e.into()),
        }
    }
    if file.metadata()?.len() == 0 {
        file.write_all(b"a run of the heal example; cleared when the next one begins\n")?;
    }
    Ok(file)
}

/// Removes what a finished run left.
fn clear(state: &Path) -> Result<(), Failure> {
    for entry in std::fs::read_dir(state)? {
        let entry = entry?;
        if entry.file_name() == MARK {
            continue;
        }
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(path)?;
        } else {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
