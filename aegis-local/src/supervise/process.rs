//! The service's process: started in a group of its own, writing to files, ended as a whole.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use aegis_core::{Error, Result, Revision, Timestamp};
use nix::sys::signal::Signal;
use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};

use super::{env, files, group};
use crate::service::ServiceSpec;

/// Log files that are kept of a service.
const KEPT_LOGS: usize = 20;
/// How long a killed group may take to vanish.
const AFTER_KILL: Duration = Duration::from_secs(5);
/// How often a group that was asked to end is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// What the pid file holds: enough to know the process again after a crash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) pid: u32,
    /// Clock ticks between boot and its start.
    pub(super) started: u64,
    pub(super) boot: String,
    pub(super) revision: Revision,
    pub(super) log: PathBuf,
    /// When this revision was first reported running.
    pub(super) since: Option<Timestamp>,
}

impl Record {
    /// Whether the process that was written down still runs.
    pub(super) fn alive(&self) -> bool {
        self.boot == group::boot_id() && group::started(self.pid) == Some(self.started)
    }
}

/// A service's process, ours or one that was adopted.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) record: Record,
    child: Option<Child>,
    file: PathBuf,
}

/// Where a service's files are.
#[derive(Debug, Clone)]
pub(super) struct Paths {
    /// The pid file.
    pub(super) pid: PathBuf,
    /// The release that was announced last.
    pub(super) released: PathBuf,
    /// The release that would not start.
    pub(super) refused: PathBuf,
    /// Held while a supervisor runs.
    pub(super) lock: PathBuf,
    /// Folder of its logs.
    pub(super) logs: PathBuf,
    /// Marks its processes.
    pub(super) marker: String,
}

/// The folder of the service's output, below the state folder.
pub(crate) fn log_folder(state: &Path, service: &str) -> PathBuf {
    state.join("logs").join(service)
}

impl Paths {
    /// The files of `service` in `state`; makes the folders.
    pub(super) fn of(state: &Path, service: &str) -> Result<Self> {
        check_name(service)?;
        let (folder, logs) = (state.join("supervisor"), log_folder(state, service));
        std::fs::create_dir_all(&folder)?;
        std::fs::create_dir_all(&logs)?;
        let folder = folder.canonicalize()?;
        let file = |end: &str| folder.join(format!("{service}.{end}"));
        Ok(Self {
            pid: file("json"),
            released: file("released"),
            refused: file("refused"),
            lock: file("lock"),
            marker: file("json").display().to_string(),
            logs: logs.canonicalize()?,
        })
    }
}

/// A service's name is part of file names.
pub(super) fn check_name(service: &str) -> Result<()> {
    let plain = !service.is_empty()
        && !service.starts_with('.')
        && service.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    if plain {
        return Ok(());
    }
    let why = format!("{service:?} is no service name: use letters, digits, - _ and .");
    Err(Error::invalid(why).at("supervise"))
}

impl Process {
    /// Starts `revision` in `folder`.
    pub(super) fn spawn(
        spec: &ServiceSpec,
        revision: &Revision,
        folder: &Path,
        paths: &Paths,
    ) -> Result<Self> {
        let (log, out) = open_log(&paths.logs, revision)?;
        let err = out.try_clone()?;
        let child = Command::new("sh")
            .arg("-c")
            .arg(&spec.start)
            .current_dir(folder)
            .env_clear()
            .envs(env::of_service(spec, revision, &paths.marker))
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .process_group(0)
            .spawn()?;
        let pid = child.id().ok_or_else(|| Error::internal("a process without a number"))?;
        let record = Record {
            pid,
            // A process that is gone already has no start time; it is seen to have ended below.
            started: group::started(pid).unwrap_or(0),
            boot: group::boot_id(),
            revision: revision.clone(),
            log,
            since: None,
        };
        let process = Self { record, child: Some(child), file: paths.pid.clone() };
        process.save()?;
        Ok(process)
    }

    /// Takes over a process that runs.
    pub(super) fn adopt(record: Record, paths: &Paths) -> Result<Self> {
        let process = Self { record, child: None, file: paths.pid.clone() };
        process.save()?;
        Ok(process)
    }

    /// Notes when its revision was first reported running.
    pub(super) fn seen_running(&mut self, since: Timestamp) -> Result<()> {
        self.record.since = Some(since);
        self.save()
    }

    fn save(&self) -> Result<()> {
        files::write_atomically(&self.file, &self.record)
    }

    /// How it ended, where it has.
    pub(super) fn ended(&mut self) -> Option<String> {
        let status: Option<ExitStatus> = match &mut self.child {
            Some(child) => child.try_wait().ok().flatten(),
            None if self.record.alive() => None,
            None => return Some(String::from("it ended")),
        };
        status.map(|status| format!("it ended with {status}"))
    }

    /// Ends its whole group: asks, waits for `grace`, then kills. Returns once nothing of it runs.
    pub(super) async fn stop(&mut self, grace: Duration) -> Result<()> {
        let leader = self.record.pid;
        // The group keeps its number as long as anything in it runs, but an adopted leader that is
        // gone may have left it to somebody else.
        let ours = self.child.is_some() || self.record.alive() || !group::alive(leader);
        if ours && group::group_runs(leader) {
            group::signal(leader, Signal::SIGTERM)?;
            if !self.gone_by(Instant::now() + grace).await {
                tracing::warn!(pid = leader, "the service ignores SIGTERM and is killed");
                group::signal(leader, Signal::SIGKILL)?;
                if !self.gone_by(Instant::now() + AFTER_KILL).await {
                    let why = format!("process group {leader} does not end");
                    return Err(Error::timeout(why).at("supervise"));
                }
            }
        }
        if let Some(child) = &mut self.child {
            let _ = child.try_wait();
        }
        files::remove(&self.file);
        Ok(())
    }

    async fn gone_by(&self, deadline: Instant) -> bool {
        loop {
            if !group::group_runs(self.record.pid) {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The end of its log.
    pub(super) fn log_tail(&self) -> String {
        const TAIL: usize = 4096;
        let text = std::fs::read(&self.record.log).unwrap_or_default();
        String::from_utf8_lossy(&text[text.len().saturating_sub(TAIL)..]).trim().to_owned()
    }
}

/// Opens the next log file, `<n>-<revision>.log`, and deletes the oldest.
fn open_log(folder: &Path, revision: &Revision) -> Result<(PathBuf, File)> {
    let mut there: Vec<(u64, PathBuf)> = std::fs::read_dir(folder)?
        .flatten()
        .filter_map(|e| Some((e.file_name().to_str()?.split('-').next()?.parse().ok()?, e.path())))
        .collect();
    there.sort();
    let next = there.last().map_or(1, |(n, _)| n + 1);
    for (_, old) in there.iter().take((there.len() + 1).saturating_sub(KEPT_LOGS)) {
        files::remove(old);
    }
    let path = folder.join(format!("{next:06}-{}.log", revision));
    let file = File::options().append(true).create_new(true).open(&path)?;
    Ok((path, file))
}
