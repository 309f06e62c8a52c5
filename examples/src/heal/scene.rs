//! Staging: environment, repository, service, planner.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aegis_core::detect::DetectConfig;
use aegis_core::machine::Settings;
use aegis_core::planner::{Handle, PlannerConfig, ServiceConfig};
use aegis_core::policy::PolicyConfig;
use aegis_core::port::{Journal, Repository as _};
use aegis_local::git::GitRepository;
use aegis_local::local::{Local, LocalConfig};
use aegis_local::notify::LogNotifier;
use aegis_local::service::ServiceSpec;

use super::{Failure, Options, RunFile, Theirs};
use crate::staging::{shop, venv};
use crate::terminal::{Terminal, Tone};

/// Everything a run stands on.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) state: PathBuf,
    pub(super) repository: PathBuf,
    pub(super) base: String,
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
        let (base, resumed) = (run.base, resumed.is_some());
        Ok(Self { state, repository, base, address, resumed, spec })
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

    /// Starts the planner; only its configuration differs from a host's.
    pub(super) fn start_planner(
        &self,
        local: &Local,
        journal: &Arc<dyn Journal>,
        options: &Options,
    ) -> Result<Handle, Failure> {
        let watch = options.watch();
        let look = (watch / 10).clamp(Duration::from_millis(200), Duration::from_secs(10));
        let settings = Settings::default()
            .with_watch(watch, look)
            .with_poll(Duration::from_millis(50))
            .with_exercise(5);
        let detect = DetectConfig::default().with_warm_up(20);
        let service = ServiceConfig::new(self.spec.name.clone());
        let service = service.with_settings(settings).with_detect(detect);
        let observe = (watch / 60).max(Duration::from_millis(500));
        let planner = local
            .planner(PolicyConfig::new(options.autonomy), service)
            .config(PlannerConfig::new().with_observe_every(observe))
            .journal(Arc::clone(journal))
            .owner(aegis_sql::owner())
            .notifier(Arc::new(LogNotifier::new()))
            .build()?;
        Ok(planner.start()?)
    }
}

async fn begin_shop(into: PathBuf, terminal: &mut Terminal) -> Result<RunFile, Failure> {
    let shop = tokio::task::spawn_blocking(move || shop::build(&into)).await??;
    terminal.line(Tone::Plain, format!("staged the shop: {} commits", shop.commits.len()));
    Ok(RunFile { port: free_port()?, base: shop.head, finished: false })
}

async fn begin_theirs(theirs: &Theirs) -> Result<RunFile, Failure> {
    let head = GitRepository::open(&theirs.repository).await?.head().await?;
    Ok(RunFile { port: 0, base: head.to_string(), finished: false })
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
