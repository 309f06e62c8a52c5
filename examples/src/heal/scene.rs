//! Staging: environment, repository, service, planner.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aegis_core::detect::DetectConfig;
use aegis_core::planner::ServiceConfig;
use aegis_core::policy::PolicyConfig;
use aegis_core::port::{Journal, Repository as _};
use aegis_local::git::GitRepository;
use aegis_local::local::{Local, LocalBuilder, LocalConfig};
use aegis_local::service::ServiceSpec;

use super::pace::Pace;
use super::{Failure, Options, RunFile, Theirs};
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
}

impl Scene {
    /// Prepares the Python environment and the repository, or finds those of an unfinished run.
    pub(super) async fn set(options: &Options, terminal: &mut Terminal) -> Result<Self, Failure> {
        let state = absolute(&options.state())?;
        let root = target();
        terminal.line(Tone::Plain, "preparing a Python environment with pytest and coverage");
        let venv = tokio::task::spawn_blocking(move || venv::prepare(&root.join("venv"))).await??;
        let resumed = RunFile::unfinished(&state);
        if resumed.is_some() {
            terminal.line(Tone::Plain, "an unfinished run is resumed");
        } else {
            clear(&state)?;
        }
        let run = match (&resumed, &options.theirs) {
            (Some(run), _) => run.clone(),
            (None, Some(theirs)) => begin_theirs(theirs).await?,
            (None, None) => begin_shop(state.join("shop"), terminal).await?,
        };
        run.write(&state)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, run.port));
        let (spec, repository) = match &options.theirs {
            Some(theirs) => (their_spec(theirs, &venv.root)?, theirs.repository.clone()),
            None => (shop_spec(&state, address, &venv.root), state.join("shop")),
        };
        let resumed = resumed.is_some();
        Ok(Self { state, repository, run, address, resumed, spec })
    }

    /// Starts the service as a real process, or adopts it.
    pub(super) async fn start_service(&self, terminal: &mut Terminal) -> Result<Local, Failure> {
        let mut config = LocalConfig::new(self.spec.clone(), &self.repository, &self.state)
            .with_poll(Duration::from_millis(50));
        if self.address.port() != 0 {
            config = config.with_metrics(
                format!("http://{}/metrics", self.address),
                "shop_http_requests_total",
                "shop_http_request_duration_seconds",
            );
        }
        let local = Local::open(config).await?;
        let status = local.supervisor().status();
        let running = status.revision.map(|r| r.short().to_owned()).unwrap_or_default();
        let pid = status.pid.map(|pid| pid.to_string()).unwrap_or_default();
        let (name, health) = (&self.spec.name, &self.spec.health);
        let text = format!("{name} runs: revision {running}, process {pid}, healthy at {health}");
        terminal.line(Tone::Good, text);
        Ok(local)
    }

    /// The planner with every stage in place; only its times and its policy differ from a host's.
    pub(super) fn planner(
        &self,
        local: &Local,
        journal: &Arc<dyn Journal>,
        policy: PolicyConfig,
        pace: &Pace,
    ) -> LocalBuilder {
        let detect = DetectConfig::default().with_warm_up(20);
        let service = ServiceConfig::new(self.spec.name.clone());
        let service = service.with_settings(pace.settings).with_detect(detect);
        local
            .planner(policy, service)
            .config(pace.planner)
            .journal(Arc::clone(journal))
            .owner(aegis_sql::owner())
    }

    /// The log of the shop's nightly job.
    pub(super) fn nightly_log(&self) -> PathBuf {
        self.state.join(NIGHTLY)
    }

    /// The interpreter that the service runs on.
    pub(super) fn python(&self) -> PathBuf {
        let venv = self.spec.python.clone().unwrap_or_default();
        venv.join("bin/python")
    }
}

/// The log of the shop's nightly job, in the state folder.
const NIGHTLY: &str = "nightly.log";

async fn begin_shop(into: PathBuf, terminal: &mut Terminal) -> Result<RunFile, Failure> {
    let shop = tokio::task::spawn_blocking(move || shop::build(&into)).await??;
    terminal.line(Tone::Plain, format!("staged the shop: {} commits", shop.commits.len()));
    Ok(RunFile::new(free_port()?, shop.head))
}

async fn begin_theirs(theirs: &Theirs) -> Result<RunFile, Failure> {
    let head = GitRepository::open(&theirs.repository).await?.head().await?;
    Ok(RunFile::new(0, head.to_string()))
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
    let python = match &theirs.python {
        Some(python) => std::path::absolute(python)?,
        None => venv.to_path_buf(),
    };
    let (name, start) = (theirs.name(), theirs.start.clone());
    let mut spec = ServiceSpec::new(name, start, theirs.health.clone(), theirs.test.clone())
        .with_python(python);
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

/// Marks a folder as one that runs may clear.
const MARK: &str = ".heal";

/// Removes what a finished run left; a folder that is somebody else's stays as it is.
fn clear(state: &Path) -> Result<(), Failure> {
    let entries = std::fs::read_dir(state)?.collect::<Result<Vec<_>, _>>()?;
    let mark = state.join(MARK);
    if !entries.is_empty() && !mark.exists() {
        let text = "the state folder holds something else; name an empty one with --state";
        return Err(format!("{text}: {}", state.display()).into());
    }
    for entry in entries.into_iter().filter(|entry| entry.file_name() != MARK) {
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(path)?;
        } else {
            std::fs::remove_file(path)?;
        }
    }
    std::fs::write(mark, "a run of the heal example; cleared when the next one begins\n")?;
    Ok(())
}

fn free_port() -> Result<u16, Failure> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
