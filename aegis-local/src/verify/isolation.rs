//! The interim isolation: util-linux `unshare` around one command, on a copy, with nothing of the
//! host's to write to, to talk to or to read secrets from.
//!
//! Inside there is a root of its own: system folders, the Python environment and what the host listed,
//! all read-only; the tree at `/workspace`, writable on a layer that is thrown away; private folders
//! at `/tmp`, `/out` and at the service's log locations. Own user, mount, process, network, IPC and
//! host-name namespaces; loopback only; no capability; an environment that holds what was given and
//! nothing else. The command runs beneath a launcher that dies with the host process, and everything
//! inside dies with the launcher.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aegis_core::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;

use super::capture::{Captured, capture};
use super::workspace::Tree;

const LAUNCHER: &str = include_str!("harness/launch.py");

/// System paths that programs need, and that hold no secrets.
const SYSTEM: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/opt",
    "/nix/store",
    "/etc/alternatives",
    "/etc/group",
    "/etc/host.conf",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/os-release",
    "/etc/passwd",
    "/etc/protocols",
    "/etc/services",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/timezone",
];

const HINT: &str = "isolation needs util-linux `unshare` and user namespaces: install util-linux; \
    set user.max_user_namespaces above 0, kernel.unprivileged_userns_clone=1 where it exists and \
    kernel.apparmor_restrict_unprivileged_userns=0 on Ubuntu; in a container allow unshare and mount \
    in its seccomp profile and leave /proc unmasked (Docker: --security-opt seccomp=unconfined \
    --security-opt systempaths=unconfined)";

/// How much a command may use. Exceeding a limit ends the whole tree of processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Limits {
    /// Milliseconds on the wall clock.
    pub wall_ms: u64,
    /// Seconds of CPU, a process.
    pub cpu: u64,
    /// Bytes of resident memory of all processes; one process may reserve four times as much.
    pub memory: u64,
    /// Bytes of one file.
    pub file: u64,
    /// Bytes of each private folder and of what is written to the workspace.
    pub disk: u64,
    /// Processes and threads of one user, and processes inside.
    pub processes: u64,
    /// Bytes of one report that is brought out.
    pub report: u64,
    /// Bytes of each output stream that are kept, half from its head and half from its tail.
    #[serde(skip)]
    pub output: usize,
}

impl Default for Limits {
    /// 120 s, 2 GiB of memory, 256 MiB of disk, 256 processes, 128 KiB of output.
    fn default() -> Self {
        Self {
            wall_ms: 120_000,
            cpu: 120,
            memory: 2 << 30,
            file: 64 << 20,
            disk: 256 << 20,
            processes: 256,
            report: 8 << 20,
            output: 128 << 10,
        }
    }
}

impl Limits {
    /// Sets the wall clock's limit.
    #[must_use]
    pub fn with_wall(mut self, wall: Duration) -> Self {
        self.wall_ms = u64::try_from(wall.as_millis()).unwrap_or(u64::MAX);
        self
    }

    /// Sets the bytes of memory.
    #[must_use]
    pub fn with_memory(mut self, bytes: u64) -> Self {
        self.memory = bytes;
        self
    }

    /// Sets the bytes of each private folder; one file may fill it.
    #[must_use]
    pub fn with_disk(mut self, bytes: u64) -> Self {
        self.disk = bytes;
        self.file = bytes;
        self
    }

    /// Sets how many processes there may be.
    #[must_use]
    pub fn with_processes(mut self, processes: u64) -> Self {
        self.processes = processes;
        self
    }
}

/// One command to run inside, in `/workspace`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Job {
    /// The program, looked up on the job's own `PATH`, and its arguments.
    pub argv: Vec<String>,
    /// The whole environment.
    pub env: BTreeMap<String, String>,
    /// What stands at `/workspace`.
    pub tree: Tree,
    /// Files of our own, at `/aegis/<name>`, read-only.
    pub files: BTreeMap<String, String>,
    /// Names of files in `/out` that are brought out.
    pub collect: Vec<String>,
    /// Host paths shown read-only beside the system's.
    pub visible: Vec<PathBuf>,
    /// Host folders covered by empty private ones.
    pub covers: Vec<PathBuf>,
    /// How much it may use.
    pub limits: Limits,
}

impl Job {
    /// `argv` on `tree` with an empty environment and the default limits.
    pub fn new(tree: Tree, argv: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            env: BTreeMap::new(),
            tree,
            files: BTreeMap::new(),
            collect: Vec::new(),
            visible: Vec::new(),
            covers: Vec::new(),
            limits: Limits::default(),
        }
    }
}

/// Why a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum End {
    /// The command ended with this code; negative is the signal that ended it.
    Exited(i32),
    /// The wall clock's limit was reached.
    TimedOut,
    /// Another limit was reached: `memory`, `processes`.
    Exceeded(String),
}

/// What came out of a run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Outcome {
    /// Why it ended.
    pub end: End,
    /// Standard output, capped.
    pub stdout: Captured,
    /// Standard error, capped.
    pub stderr: Captured,
    /// The collected files that were there, by name, capped.
    pub reports: BTreeMap<String, Vec<u8>>,
    /// When the command started, and how long it ran, waiting for its turn included.
    pub ran: (Instant, Duration),
}

/// How it ended, as the launcher writes it.
#[derive(Debug, Deserialize)]
struct Status {
    end: String,
    status: i32,
    ms: u64,
    error: String,
}

/// What the launcher is told.
#[derive(Serialize)]
struct Order<'a> {
    root: &'a Path,
    out: &'a Path,
    tree: &'a Path,
    changes: &'a [super::workspace::Change],
    visible: Vec<String>,
    covers: Vec<String>,
    files: &'a BTreeMap<String, String>,
    collect: &'a [String],
    argv: &'a [String],
    env: &'a BTreeMap<String, String>,
    limits: &'a Limits,
}

/// Runs commands in namespaces of their own; there is one only where that was seen to work.
#[derive(Debug, Clone)]
pub struct Isolation {
    unshare: PathBuf,
    python: PathBuf,
    scratch: PathBuf,
    slots: Arc<Semaphore>,
}

impl Isolation {
    /// Tries the isolation with a command that does nothing.
    ///
    /// `python` is the interpreter that runs the launcher, `scratch` a folder for runs' own folders;
    /// `None` is the system's temporary folder. As many commands run at once as there are processors.
    /// Errors: `Denied` where isolation is not to be had, with what to enable.
    pub async fn probe(python: &Path, scratch: Option<&Path>) -> Result<Self> {
        Self::probe_with(Path::new("unshare"), python, scratch).await
    }

    /// [`Isolation::probe`] with a named `unshare` program.
    pub async fn probe_with(unshare: &Path, python: &Path, scratch: Option<&Path>) -> Result<Self> {
        let slots = std::thread::available_parallelism().map_or(2, |n| n.get().max(2));
        let isolation = Self {
            unshare: unshare.to_owned(),
            python: python.to_owned(),
            scratch: scratch.map_or_else(std::env::temp_dir, Path::to_owned),
            slots: Arc::new(Semaphore::new(slots)),
        };
        let mut job = Job::new(Tree::empty(&isolation.scratch)?, ["/bin/sh", "-c", "exit 7"]);
        job.limits = job.limits.with_wall(Duration::from_secs(10));
        match isolation.run(&job).await?.end {
            End::Exited(7) => Ok(isolation),
            end => Err(Error::denied(format!("the trial command ended with {end:?}; {HINT}"))),
        }
    }

    /// Runs one command and waits for its end. A dropped call kills the whole tree of processes.
    pub async fn run(&self, job: &Job) -> Result<Outcome> {
        let asked = Instant::now();
        let _slot = self.slots.acquire().await.map_err(|e| Error::internal(e.to_string()))?;
        let waited = asked.elapsed();
        let folder = tempfile::Builder::new().prefix("aegis-run-").tempdir_in(&self.scratch)?;
        let (root, out) = (folder.path().join("root"), folder.path().join("out"));
        std::fs::create_dir(&root)?;
        std::fs::create_dir(&out)?;
        std::fs::write(folder.path().join("launch.py"), LAUNCHER)?;
        let order = Order {
            root: &root,
            out: &out,
            tree: job.tree.base(),
            changes: job.tree.changes(),
            visible: shown(&job.visible),
            covers: job.covers.iter().map(|p| p.display().to_string()).collect(),
            files: &job.files,
            collect: &job.collect,
            argv: &job.argv,
            env: &job.env,
            limits: &job.limits,
        };
        let text = serde_json::to_vec(&order).map_err(|e| Error::internal(e.to_string()))?;
        std::fs::write(folder.path().join("job.json"), text)?;

        let mut child = self.spawn(folder.path())?;
        // Held until the end: the launcher ends everything when this pipe closes, also when the
        // host is killed.
        let lifeline = child.stdin.take();
        let stdout = capture(child.stdout.take(), job.limits.output);
        let stderr = capture(child.stderr.take(), job.limits.output);
        let patience = Duration::from_millis(job.limits.wall_ms) + Duration::from_secs(5);
        let all = async { tokio::join!(stdout, stderr, child.wait()) };
        let (stdout, stderr, exit) = match tokio::time::timeout(patience, all).await {
            Ok(ended) => ended,
            Err(_) => {
                child.kill().await?;
                return Err(Error::timeout("the isolated command outlived its limit"));
            }
        };
        let ended = Instant::now();
        drop(lifeline);
        let status = match std::fs::read(out.join("status.json")) {
            Ok(text) => serde_json::from_slice::<Status>(&text)
                .map_err(|e| Error::internal("an unreadable status").with_source(e))?,
            Err(_) => return Err(refused(&format!("{} ({exit:?})", stderr.text().trim()))),
        };
        let end = match status.end.as_str() {
            "exited" => End::Exited(status.status),
            "timeout" => End::TimedOut,
            "setup" => return Err(refused(&status.error)),
            _ => End::Exceeded(status.end),
        };
        let mut reports = BTreeMap::new();
        for name in &job.collect {
            if let Ok(content) = std::fs::read(out.join(name)) {
                reports.insert(name.clone(), content);
            }
        }
        // Waiting for another verification's processes is their time, not ours.
        let wall = Duration::from_millis(status.ms) + waited;
        let started = ended.checked_sub(wall).unwrap_or(ended);
        Ok(Outcome { end, stdout, stderr, reports, ran: (started, wall) })
    }

    fn spawn(&self, folder: &Path) -> Result<Child> {
        let spaces = ["--user", "--map-root-user", "--mount", "--pid", "--net", "--ipc", "--uts"];
        Command::new(&self.unshare)
            .args(spaces)
            .args(["--fork", "--kill-child=SIGKILL", "--"])
            .arg(&self.python)
            .args(["-I", "-S", "-B"])
            .args([folder.join("launch.py"), folder.join("job.json")])
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("LC_ALL", "C.UTF-8")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| match e.kind() {
                std::io::ErrorKind::NotFound => {
                    refused(&format!("{}: {e}", self.unshare.display()))
                }
                _ => Error::from(e),
            })
    }
}

fn refused(why: &str) -> Error {
    Error::new(ErrorKind::Denied, format!("no isolation: {why}; {HINT}"))
}

/// The system's paths and the job's, the latter by their real names too.
fn shown(extra: &[PathBuf]) -> Vec<String> {
    let mut paths: Vec<String> = SYSTEM.iter().map(|p| (*p).to_owned()).collect();
    for path in extra {
        let mut add = |p: &Path| {
            let text = p.display().to_string();
            if p.is_absolute() && p != Path::new("/") && !paths.contains(&text) {
                paths.push(text);
            }
        };
        add(path);
        // Links lead to it by its real name too.
        if let Ok(real) = path.canonicalize() {
            add(&real);
        }
    }
    paths
}
