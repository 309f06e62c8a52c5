//! The host's side of the [`sandbox`](crate::sandbox): what is run, and what came out.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aegis_core::{Error, ErrorKind, Result};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::sync::Semaphore;

use super::capture::{Captured, capture};
use super::workspace::Tree;
use crate::sandbox::order::{self, Failure, Order, Status};
pub use crate::sandbox::{End, Limits, Tier};
use crate::sandbox::{Program, Sidecar};

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

const HINT: &str = "the sandbox needs Linux 5.13 or later with user namespaces, overlay file systems and \
    Landlock: set user.max_user_namespaces above 0, kernel.unprivileged_userns_clone=1 where it exists \
    and kernel.apparmor_restrict_unprivileged_userns=0 on Ubuntu; in a container allow unshare and \
    mount in its seccomp profile and leave /proc unmasked (Docker: --security-opt seccomp=unconfined \
    --security-opt systempaths=unconfined)";

const REDUCED_HINT: &str = "the Reduced tier needs Linux 6.2 or later with Landlock among its security \
    modules (lsm=landlock,... on the kernel's command line), and seccomp; in a container its seccomp \
    profile has to allow landlock_create_ruleset, landlock_add_rule and landlock_restrict_self";

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
    /// Programs that are started before it, in their order; the Strong tier alone has them.
    pub sidecars: Vec<Sidecar>,
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
            sidecars: Vec::new(),
            limits: Limits::default(),
        }
    }
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

/// Runs commands in the sandbox; there is one only where that was seen to work.
#[derive(Debug, Clone)]
pub struct Isolation {
    helper: Program,
    scratch: PathBuf,
    slots: Arc<Semaphore>,
    tier: Tier,
}

impl Isolation {
    /// Tries the sandbox with a command that does nothing.
    ///
    /// `helper` is the program that makes it, `scratch` a folder for runs' own folders; `None` is the
    /// system's temporary folder. As many commands run at once as there are processors. Errors:
    /// `Denied` where the sandbox is not to be had, with what to enable.
    pub async fn probe(helper: Program, scratch: Option<&Path>) -> Result<Self> {
        Self::probe_any(helper, scratch, &[Tier::Strong]).await
    }

    /// As [`probe`](Self::probe), for the first of several tiers that is to be had.
    ///
    /// Errors: `Denied` where none is, with what each lacks and what to enable; `Invalid` without a
    /// tier.
    pub async fn probe_any(
        helper: Program,
        scratch: Option<&Path>,
        tiers: &[Tier],
    ) -> Result<Self> {
        let mut denied: Option<Error> = None;
        for tier in tiers {
            match Self::probe_one(helper.clone(), scratch, *tier).await {
                Err(e) if e.kind() == ErrorKind::Denied => {
                    denied = Some(match denied {
                        None => e,
                        Some(before) => Error::denied(format!("{before}; {tier}: {e}")),
                    });
                }
                other => return other,
            }
        }
        Err(denied.unwrap_or_else(|| Error::invalid("no tier of isolation is allowed")))
    }

    /// How well it holds what it runs.
    pub fn tier(&self) -> Tier {
        self.tier
    }

    async fn probe_one(helper: Program, scratch: Option<&Path>, tier: Tier) -> Result<Self> {
        let slots = std::thread::available_parallelism().map_or(2, |n| n.get().max(2));
        let isolation = Self {
            helper,
            scratch: scratch.map_or_else(std::env::temp_dir, Path::to_owned),
            slots: Arc::new(Semaphore::new(slots)),
            tier,
        };
        let mut job = Job::new(Tree::empty(&isolation.scratch)?, ["/bin/sh", "-c", "exit 7"]);
        job.limits = job.limits.with_wall(Duration::from_secs(10));
        match isolation.run(&job).await?.end {
            End::Exited(7) => Ok(isolation),
            end => Err(refused(tier, &format!("the trial command ended with {end:?}"))),
        }
    }

    /// Runs one command and waits for its end. A dropped call kills the whole tree of processes.
    ///
    /// Errors: `Denied` where it can't be held, or needs what its tier does not have; `Unavailable`
    /// where a sidecar did not get ready, with what it said; `Timeout` where the helper hangs.
    pub async fn run(&self, job: &Job) -> Result<Outcome> {
        if self.tier == Tier::Reduced && !job.sidecars.is_empty() {
            return Err(Error::denied(
                "sidecars listen, and there are no sockets in the Reduced tier",
            ));
        }
        let asked = Instant::now();
        let _slot = self.slots.acquire().await.map_err(|e| Error::internal(e.to_string()))?;
        let waited = asked.elapsed();
        let root = tempfile::Builder::new().prefix("aegis-run-").tempdir_in(&self.scratch)?;
        let order = Order {
            tier: self.tier,
            root: root.path().to_owned(),
            tree: job.tree.base().to_owned(),
            changes: job.tree.changes().to_vec(),
            visible: shown(&job.visible),
            covers: job.covers.clone(),
            files: job.files.clone(),
            collect: job.collect.clone(),
            sidecars: job.sidecars.clone(),
            argv: job.argv.clone(),
            env: job.env.clone(),
            limits: job.limits.clone(),
        };
        let text = serde_json::to_vec(&order).map_err(|e| Error::internal(e.to_string()))?;

        let (mut helper, mut child) = self.spawn()?;
        let stdout = capture(child.stdout.take(), job.limits.output);
        let stderr = capture(child.stderr.take(), job.limits.output);
        let ready = job.sidecars.iter().map(|sidecar| sidecar.ready_ms);
        let most = ready.fold(job.limits.wall_ms, u64::saturating_add);
        let patience = Duration::from_millis(most).saturating_add(Duration::from_secs(5));
        // The helper ends everything when this socket closes, also when the host is killed.
        let talk = async {
            send(&mut helper, &text).await?;
            let status: Status = serde_json::from_slice(&receive(&mut helper).await?)?;
            let mut reports = BTreeMap::new();
            for name in &status.reports {
                reports.insert(name.clone(), receive(&mut helper).await?);
            }
            Ok::<_, std::io::Error>((status, reports))
        };
        // Where it answered, nothing of the command is left, and what it was held by may end later.
        let all = async {
            let (stdout, stderr, told) = tokio::join!(stdout, stderr, talk);
            let told = match told {
                Ok(told) => Ok(told),
                Err(e) => Err(format!("{} ({e}, {:?})", stderr.text().trim(), child.wait().await)),
            };
            (stdout, stderr, told)
        };
        let Ok((stdout, stderr, told)) = tokio::time::timeout(patience, all).await else {
            child.kill().await?;
            return Err(Error::timeout("the isolated command outlived its limit"));
        };
        let ended = Instant::now();
        let (status, reports) = told.map_err(|why| refused(self.tier, &why))?;
        let end = status.end.map_err(|failure| match failure {
            Failure::Refused(why) => refused(self.tier, &why),
            Failure::Sidecar(why) => Error::unavailable(format!("the sidecar {why}")),
        })?;
        // Waiting for another verification's processes is their time, not ours.
        let wall = Duration::from_micros(status.us) + waited;
        let started = ended.checked_sub(wall).unwrap_or(ended);
        Ok(Outcome { end, stdout, stderr, reports, ran: (started, wall) })
    }

    /// The helper, and the socket to it.
    fn spawn(&self) -> Result<(UnixStream, Child)> {
        let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let child = Command::from(self.helper.command())
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| refused(self.tier, &format!("{:?}: {e}", self.helper)))?;
        Ok((UnixStream::from_std(ours)?, child))
    }
}

async fn send(to: &mut UnixStream, message: &[u8]) -> std::io::Result<()> {
    to.write_all(&order::header(message)?).await?;
    to.write_all(message).await
}

async fn receive(from: &mut UnixStream) -> std::io::Result<Vec<u8>> {
    let mut header = [0; 4];
    from.read_exact(&mut header).await?;
    let mut message = vec![0; order::length(header)?];
    from.read_exact(&mut message).await?;
    Ok(message)
}

fn refused(tier: Tier, why: &str) -> Error {
    let hint = match tier {
        Tier::Strong => HINT,
        Tier::Reduced => REDUCED_HINT,
    };
    Error::denied(format!("no isolation: {why}; {hint}"))
}

/// The system's paths and the job's, the latter by their real names too.
fn shown(extra: &[PathBuf]) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = SYSTEM.iter().map(PathBuf::from).collect();
    for path in extra {
        let mut add = |path: &Path| {
            if path.is_absolute() && path != Path::new("/") && !paths.iter().any(|p| p == path) {
                paths.push(path.to_owned());
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
