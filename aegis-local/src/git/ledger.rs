//! Which checks run, and how those that ended did: kept by head in the state folder.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use aegis_core::port::Repository as _;
use aegis_core::stage::Feedback;
use aegis_core::{Error, Result, Revision};
use serde::{Deserialize, Serialize};
use tokio::task::AbortHandle;

use super::checks::{CheckResult, Checks};
use super::repository::{GitRepository, blocking};
use crate::supervise::{alive, write_atomically};

/// How often checks that could not be run are started again.
const TRIES: u32 = 3;

/// How far the checks of a head got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Checked {
    Running,
    Passed,
    Failed(Feedback),
}

/// The checks of every head, started where nobody did.
#[derive(Debug)]
pub(super) struct Ledger {
    checks: Option<Arc<dyn Checks>>,
    repository: GitRepository,
    folder: PathBuf,
    runs: Mutex<HashMap<Revision, Run>>,
}

#[derive(Debug)]
enum Run {
    Going(AbortHandle, u32),
    Broken(String, u32),
}

#[derive(Debug, Serialize, Deserialize)]
struct Record {
    head: Revision,
    failed: Option<Feedback>,
}

impl Ledger {
    /// A ledger in `folder`; without checks every head passes.
    pub(super) fn open(
        checks: Option<Arc<dyn Checks>>,
        repository: GitRepository,
        folder: PathBuf,
    ) -> Result<Self> {
        std::fs::create_dir_all(&folder)?;
        for entry in std::fs::read_dir(&folder)?.flatten() {
            let name = entry.file_name();
            let owner = name.to_str().and_then(|n| n.strip_prefix("copy-")?.split('-').next());
            if owner.and_then(|pid| pid.parse().ok()).is_some_and(|pid| !alive(pid)) {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
        Ok(Self { checks, repository, folder, runs: Mutex::default() })
    }

    /// How far the checks of `head` got; starts them where there is neither a result nor a run, as
    /// after a crash.
    pub(super) async fn of(self: &Arc<Self>, head: &Revision) -> Result<Checked> {
        let Some(checks) = self.checks.clone() else { return Ok(Checked::Passed) };
        if let Some(done) = self.result(head).await? {
            return Ok(done);
        }
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        let tried = match runs.get(head) {
            Some(Run::Going(task, _)) if !task.is_finished() => return Ok(Checked::Running),
            Some(Run::Going(_, tried) | Run::Broken(_, tried)) if *tried < TRIES => *tried,
            Some(Run::Broken(why, tried)) => {
                let why = format!("the checks of {head} could not be run in {tried} tries: {why}");
                return Err(Error::unavailable(why).at("deploy"));
            }
            _ => 0,
        };
        let task = tokio::spawn(self.clone().run(checks, head.clone(), tried + 1));
        runs.insert(head.clone(), Run::Going(task.abort_handle(), tried + 1));
        Ok(Checked::Running)
    }

    /// Ends the checks of a head that is no longer wanted.
    pub(super) fn cancel(&self, head: &Revision) {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Run::Going(task, _)) = runs.remove(head) {
            task.abort();
        }
    }

    /// Ends all checks.
    pub(super) fn cancel_all(&self) {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, run) in runs.drain() {
            if let Run::Going(task, _) = run {
                task.abort();
            }
        }
    }

    async fn run(self: Arc<Self>, checks: Arc<dyn Checks>, head: Revision, tried: u32) {
        let ended = match self.check(&*checks, &head).await {
            Ok(result) => self.keep(&head, result).await,
            Err(e) => Err(e),
        };
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        match ended {
            Ok(()) => {
                runs.remove(&head);
            }
            Err(e) => {
                tracing::warn!(%head, error = %e, "the checks could not be run");
                runs.insert(head, Run::Broken(e.to_string(), tried));
            }
        }
    }

    async fn check(&self, checks: &dyn Checks, head: &Revision) -> Result<CheckResult> {
        let prefix = format!("copy-{}-", std::process::id());
        let copy = tempfile::Builder::new().prefix(&prefix).tempdir_in(&self.folder)?;
        self.repository.export(head, copy.path()).await?;
        checks.run(copy.path(), head).await
    }

    fn file(&self, head: &Revision) -> PathBuf {
        self.folder.join(format!("{head}.json"))
    }

    async fn keep(&self, head: &Revision, result: CheckResult) -> Result<()> {
        let failed = match result {
            CheckResult::Passed => None,
            CheckResult::Failed(feedback) => Some(feedback),
        };
        let (file, record) = (self.file(head), Record { head: head.clone(), failed });
        blocking(move || write_atomically(&file, &record)).await
    }

    async fn result(&self, head: &Revision) -> Result<Option<Checked>> {
        let file = self.file(head);
        let text = match tokio::fs::read(&file).await {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        match serde_json::from_slice::<Record>(&text) {
            Ok(record) if record.head == *head => {
                Ok(Some(record.failed.map_or(Checked::Passed, Checked::Failed)))
            }
            _ => {
                tracing::warn!(file = %file.display(), "no result of checks: they run again");
                Ok(None)
            }
        }
    }
}
