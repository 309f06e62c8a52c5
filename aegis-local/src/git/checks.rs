//! What a fix has to pass on its branch before it may be merged.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use aegis_core::stage::Feedback;
use aegis_core::{Result, Revision};
use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

use crate::service::ServiceSpec;
use crate::supervise::{GroupGuard, search_path};

/// Output that is kept of a run, in bytes; the end counts.
const KEPT: usize = 16 * 1024;

/// How checks ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckResult {
    /// Everything passed.
    Passed,
    /// Something failed, and what the next draft can learn from it.
    Failed(Feedback),
}

/// Runs the checks of a commit.
///
/// # Contract
///
/// `folder` is an exported copy that is thrown away afterwards. A host that does not trust what it
/// checks runs them isolated. `Err` means that it is unknown whether they pass: they are started again
/// a few times.
///
/// # Cancellation
///
/// May be dropped at any await; whatever was started has to end with it.
#[async_trait]
pub trait Checks: std::fmt::Debug + Send + Sync + 'static {
    /// Runs the checks of `head` in `folder`.
    async fn run(&self, folder: &Path, head: &Revision) -> Result<CheckResult>;
}

/// A command, run by `sh -c` in the copy: a plain process of this user, not isolated.
///
/// Its environment is `PATH`, `HOME` (the copy), `LANG`, `CI` and what it was given; its whole process
/// group is ended with it. Success is exit code 0 within the time limit.
#[derive(Debug, Clone)]
pub struct CommandChecks {
    command: String,
    env: BTreeMap<String, String>,
    python: Option<PathBuf>,
    limit: Duration,
}

impl CommandChecks {
    /// Checks by this command, within ten minutes.
    pub fn new(command: impl Into<String>) -> Self {
        Self {
            command: command.into(),
            env: BTreeMap::new(),
            python: None,
            limit: Duration::from_secs(600),
        }
    }

    /// Checks by the service's own test command, with its variables and its Python.
    pub fn of(service: &ServiceSpec) -> Self {
        Self {
            env: service.env.clone(),
            python: service.python.clone(),
            ..Self::new(&service.test)
        }
    }

    /// Sets a variable.
    #[must_use]
    pub fn with_env(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.env.insert(name.into(), value.into());
        self
    }

    /// Puts a virtual environment's `bin` first on `PATH`.
    #[must_use]
    pub fn with_python(mut self, venv: impl Into<PathBuf>) -> Self {
        self.python = Some(venv.into());
        self
    }

    /// Sets the time limit.
    #[must_use]
    pub fn with_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }
}

#[async_trait]
impl Checks for CommandChecks {
    async fn run(&self, folder: &Path, _head: &Revision) -> Result<CheckResult> {
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(&self.command)
            .current_dir(folder)
            .env_clear()
            .env("PATH", search_path(self.python.as_deref()))
            .env("HOME", folder)
            .env("LANG", "C.UTF-8")
            .env("CI", "true")
            .envs(&self.env)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command.spawn()?;
        let mut group = GroupGuard::of(child.id());
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let ended = tokio::time::timeout(self.limit, async {
            let leader = async {
                let status = child.wait().await;
                // What it left behind would hold its streams open.
                group.end();
                status
            };
            tokio::join!(leader, tail(stdout), tail(stderr))
        })
        .await;
        let Ok((status, out, err)) = ended else {
            let limit = self.limit.as_secs();
            return Ok(failed(
                format!("`{}` took longer than {limit} s", self.command),
                String::new(),
            ));
        };
        let status = status?;
        if status.success() {
            return Ok(CheckResult::Passed);
        }
        let detail = [out, err].join("\n").trim().to_owned();
        Ok(failed(format!("`{}` failed: {status}", self.command), detail))
    }
}

fn failed(summary: String, detail: String) -> CheckResult {
    CheckResult::Failed(Feedback::new(summary, detail))
}

/// Reads a stream to its end and keeps the end of it.
async fn tail(stream: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut stream) = stream else { return String::new() };
    let mut kept: Vec<u8> = Vec::new();
    let mut chunk = [0; 8192];
    while let Ok(n) = stream.read(&mut chunk).await {
        if n == 0 {
            break;
        }
        kept.extend_from_slice(&chunk[..n]);
        if kept.len() > 2 * KEPT {
            kept.drain(..kept.len() - KEPT);
        }
    }
    kept.drain(..kept.len().saturating_sub(KEPT));
    String::from_utf8_lossy(&kept).into_owned()
}
