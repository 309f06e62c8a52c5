//! Staging: environment, repository, service, planner.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aegis_core::detect::DetectConfig;
use aegis_core::machine::Settings;
use aegis_core::planner::{Handle, PlannerConfig, ServiceConfig};
use aegis_core::policy::PolicyConfig;
use aegis_core::port::Journal;
use aegis_local::local::{Local, LocalConfig};
use aegis_local::notify::LogNotifier;
use aegis_local::service::ServiceSpec;

use super::{Failure, Options, RunFile};
use crate::staging::{shop, venv};
use crate::terminal::{Terminal, Tone};

/// Everything a run stands on.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) state: PathBuf,
    pub(super) repository: PathBuf,
    pub(super) base: String,
    pub(super) address: SocketAddr,
    pub(super) resumed: bool,
    venv: PathBuf,
}

impl Scene {
    /// Prepares the Python environment and the shop's repository, or finds those of an unfinished run.
    pub(super) async fn set(options: &Options, terminal: &mut Terminal) -> Result<Self, Failure> {
        let state = absolute(&options.state)?;
        let root = target();
        terminal.line(Tone::Plain, "preparing a Python environment with pytest and coverage");
        let venv = tokio::task::spawn_blocking(move || venv::prepare(&root.join("venv"))).await??;
        let repository = state.join("shop");
        let resumed = RunFile::unfinished(&state);
        let run = match &resumed {
            Some(run) => {
                terminal.line(Tone::Plain, "an unfinished run is resumed");
                run.clone()
            }
            None => {
                clear(&state)?;
                let into = repository.clone();
                let shop = tokio::task::spawn_blocking(move || shop::build(&into)).await??;
                let run = RunFile { port: free_port()?, base: shop.head, finished: false };
                run.write(&state)?;
                let commits = shop.commits.len();
                terminal.line(Tone::Plain, format!("staged the shop: {commits} commits"));
                run
            }
        };
        Ok(Self {
            repository,
            base: run.base.clone(),
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, run.port)),
            resumed: resumed.is_some(),
            venv: venv.root,
            state,
        })
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(super) fn access_log(&self) -> PathBuf {
        self.state.join("access.log")
    }

    /// Starts the shop as a real process, or adopts it.
    pub(super) async fn start_service(&self, terminal: &mut Terminal) -> Result<Local, Failure> {
        let access_log = self.access_log();
        let start = format!("exec {}", shop::START);
        let spec = ServiceSpec::new("shop", start, self.url("/health"), shop::TESTS)
            .with_version(self.url("/version"))
            .with_env(shop::PORT, self.address.port().to_string())
            .with_env(shop::ACCESS_LOG, access_log.display().to_string())
            .with_python(&self.venv)
            .with_access_log(access_log);
        let config = LocalConfig::new(spec, &self.repository, &self.state)
            .with_metrics(
                self.url("/metrics"),
                "shop_http_requests_total",
                "shop_http_request_duration_seconds",
            )
            .with_poll(Duration::from_millis(50));
        let local = Local::open(config).await?;
        let status = local.supervisor().status();
        let running = status.revision.map(|r| r.short().to_owned()).unwrap_or_default();
        let pid = status.pid.map(|pid| pid.to_string()).unwrap_or_default();
        let text = format!("the shop runs: revision {running}, process {pid}, {}", self.address);
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
        let watch = Duration::from_secs(options.watch);
        let look = (watch / 10).max(Duration::from_millis(200));
        let settings = Settings::default()
            .with_watch(watch, look)
            .with_poll(Duration::from_millis(50))
            .with_exercise(5);
        let detect = DetectConfig::default().with_warm_up(20);
        let service = ServiceConfig::new("shop").with_settings(settings).with_detect(detect);
        let planner = local
            .planner(PolicyConfig::new(options.autonomy), service)
            .config(PlannerConfig::new().with_observe_every(Duration::from_millis(500)))
            .journal(Arc::clone(journal))
            .owner(aegis_sql::owner())
            .notifier(Arc::new(LogNotifier::new()))
            .build()?;
        Ok(planner.start()?)
    }
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
