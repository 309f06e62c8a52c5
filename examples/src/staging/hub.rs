//! What stands in for GitHub in a run: the shop's repository, its pull requests, and a CI that tests
//! them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aegis_core::port::{Repository as _, RunningRevision};
use aegis_core::{Result, Revision};
use aegis_github::testkit::{Check, NAME, Shared, Stand};
use aegis_github::{GitHubChecks, GitHubDeployer, GitHubRepository, Live};
use aegis_local::git::{CheckResult, Checks as _, CommandChecks, GitRepository};
use tokio::task::JoinHandle;

/// The check that the release branch requires.
const CHECK: &str = "tests";
/// How often the CI looks for a head that it has not tested.
const LOOK: Duration = Duration::from_millis(100);

/// A stand-in for GitHub that runs; it ends with this.
#[derive(Debug)]
pub struct Hub {
    stand: Stand,
    ci: JoinHandle<()>,
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.ci.abort();
    }
}

/// What a run left on it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The oldest first.
    pub pulls: Vec<Opened>,
    /// Calls of its API, and how many of them were writes.
    pub calls: (usize, usize),
}

/// A pull request, as people see it.
#[derive(Debug, Clone)]
pub struct Opened {
    /// From 1.
    pub number: u64,
    /// One line.
    pub title: String,
    /// Markdown.
    pub body: String,
    /// `merged`, `closed` or `open`.
    pub state: &'static str,
}

impl Hub {
    /// Serves a bare repository; each pull request's head is tested by `checks` in a copy.
    ///
    /// # Errors
    ///
    /// Where the repository can't be read, or no port can be had.
    pub async fn start(
        bare: &Path,
        checks: CommandChecks,
    ) -> std::result::Result<Self, crate::heal::Failure> {
        let repository = GitRepository::open(bare).await?;
        let stand = Stand::start(bare).await?;
        stand.inside().hub.required.push(CHECK);
        let shared = stand.shared();
        let ci = tokio::spawn(async move {
            loop {
                tokio::time::sleep(LOOK).await;
                let Some(head) = untested(&shared) else { continue };
                let result = test(&repository, &checks, &head).await;
                answer(&shared, &head, &result);
            }
        });
        Ok(Self { stand, ci })
    }

    /// A deployer to it; `running` shows what runs.
    ///
    /// # Errors
    ///
    /// Where it refuses something, which is a defect.
    pub async fn deployer(&self, running: Arc<dyn RunningRevision>) -> Result<GitHubDeployer> {
        let github = Stand::connect(&self.stand.url())?;
        let repository = GitHubRepository::open(github, NAME).await?;
        let checks = GitHubChecks::required([CHECK]).with_settle(Duration::ZERO);
        let builder = GitHubDeployer::builder(repository);
        builder.checks(checks).live(Live::running(running)).open().await
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> String {
        self.stand.url()
    }

    /// What there is on it so far.
    #[must_use]
    pub fn seen(&self) -> Seen {
        let inside = self.stand.inside();
        let state = |merged: bool, open: bool| match (merged, open) {
            (true, _) => "merged",
            (false, true) => "open",
            (false, false) => "closed",
        };
        let pulls = inside.hub.pulls.iter().map(|pull| Opened {
            number: pull.number,
            title: pull.title.clone(),
            body: pull.body.clone(),
            state: state(pull.merged.is_some(), pull.open),
        });
        let writes = inside.calls.iter().filter(|call| call.method != "GET").count();
        Seen { pulls: pulls.collect(), calls: (inside.calls.len(), writes) }
    }
}

/// The head of an open pull request that no check was begun on; one is begun.
fn untested(shared: &Shared) -> Option<String> {
    let mut inside = shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let tested =
        |sha: &String| inside.hub.checks.iter().any(|check| check.of.as_ref() == Some(sha));
    let open = inside.hub.pulls.iter().filter(|pull| pull.open).map(|pull| &pull.sha);
    let head = open.into_iter().find(|sha| !tested(sha))?.clone();
    let of = Some(head.clone());
    inside.hub.checks.push(Check { of, name: CHECK, conclusion: None, log: None });
    Some(head)
}

async fn test(
    repository: &GitRepository,
    checks: &CommandChecks,
    head: &str,
) -> Result<CheckResult> {
    let failed =
        |e: std::io::Error| aegis_core::Error::unavailable("no folder for CI").with_source(e);
    let copy = tempfile::tempdir().map_err(failed)?;
    let head = Revision::new(head);
    repository.export(&head, copy.path()).await?;
    checks.run(copy.path(), &head).await
}

fn answer(shared: &Shared, head: &str, result: &Result<CheckResult>) {
    let conclusion = match result {
        Ok(CheckResult::Passed) => "success",
        Ok(CheckResult::Failed(_)) => "failure",
        Err(_) => "startup_failure",
    };
    let mut inside = shared.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let of = |check: &&mut Check| check.of.as_deref() == Some(head);
    if let Some(check) = inside.hub.checks.iter_mut().find(of) {
        check.conclusion = Some(conclusion);
    }
}
