//! What shows that a release runs.

use std::sync::Arc;

use aegis_core::port::RunningRevision;
use aegis_core::stage::{Feedback, Rollout};
use aegis_core::{Result, Revision, Timestamp};
use serde::Deserialize;

use super::pull::Remote;
use crate::repository::{escaped, moment};

/// Deployments, or runs of a workflow, that are looked at, the newest first.
const RECENT: usize = 10;

/// What shows that a release runs: never that it was merged.
#[derive(Debug, Clone)]
pub struct Live(Evidence);

#[derive(Debug, Clone)]
enum Evidence {
    Deployments(String),
    Workflow(String),
    Running(Arc<dyn RunningRevision>),
}

impl Live {
    /// Deployments to this environment whose status is `success`, anyone's.
    pub fn deployments(environment: impl Into<String>) -> Self {
        Self(Evidence::Deployments(environment.into()))
    }

    /// Runs of this workflow on the release branch that succeeded, by its file's name: `deploy.yml`.
    pub fn workflow(file: impl Into<String>) -> Self {
        Self(Evidence::Workflow(file.into()))
    }

    /// The service itself, or whoever runs it.
    pub fn running(running: impl RunningRevision) -> Self {
        Self(Evidence::Running(Arc::new(running)))
    }

    /// The right that it needs on GitHub, and what can be read with that.
    pub(super) fn asks(&self) -> Option<(&'static str, String)> {
        match &self.0 {
            Evidence::Deployments(_) => Some(("deployments", "deployments?per_page=1".to_owned())),
            Evidence::Workflow(file) => {
                Some(("actions", format!("actions/workflows/{}/runs?per_page=1", escaped(file))))
            }
            Evidence::Running(_) => None,
        }
    }
}

/// Something that brought a revision out, or tried to.
#[derive(Debug)]
struct Deployed {
    revision: String,
    at: Timestamp,
    /// Why it did not come out.
    failed: Option<Feedback>,
}

#[derive(Deserialize)]
struct Deployment {
    id: u64,
    sha: String,
}

#[derive(Deserialize)]
struct DeploymentStatus {
    state: String,
    description: Option<String>,
    created_at: String,
}

#[derive(Deserialize)]
struct Runs {
    workflow_runs: Vec<Run>,
}

#[derive(Deserialize)]
struct Run {
    head_sha: String,
    status: Option<String>,
    conclusion: Option<String>,
    updated_at: String,
    html_url: String,
}

/// What came out, and what was tried since, the newest first.
async fn seen(remote: &Remote, live: &Live) -> Result<Vec<Deployed>> {
    match &live.0 {
        Evidence::Deployments(environment) => deployments(remote, environment).await,
        Evidence::Workflow(file) => runs(remote, file).await,
        Evidence::Running(running) => reports(&**running).await,
    }
}

/// What runs, and since when.
pub(super) async fn running(remote: &Remote, live: &Live) -> Result<Option<(Revision, Timestamp)>> {
    let out = seen(remote, live).await?.into_iter().find(|deployed| deployed.failed.is_none());
    Ok(out.map(|deployed| (Revision::new(deployed.revision), deployed.at)))
}

/// How far what is on the release branch as `commit` got.
pub(super) async fn rolled_out(remote: &Remote, live: &Live, commit: &str) -> Result<Rollout> {
    let merged = Rollout::Merged { commit: Revision::new(commit) };
    // The merge is a fact whether or not anybody tells what runs.
    let seen = match seen(remote, live).await {
        Ok(seen) => seen,
        Err(error) => {
            tracing::warn!(target: "aegis", %error, "nobody tells what runs");
            return Ok(merged);
        }
    };
    for deployed in seen {
        let ours = remote.contains(&deployed.revision, commit).await?;
        match deployed.failed {
            Some(feedback) if ours => return Ok(Rollout::Failed(feedback)),
            Some(_) => {}
            None if ours => {
                let (release, commit) = (Revision::new(deployed.revision), Revision::new(commit));
                return Ok(Rollout::Live { release, at: deployed.at, commit: Some(commit) });
            }
            None => {}
        }
    }
    Ok(merged)
}

/// The newest first, up to the newest that came out.
async fn deployments(remote: &Remote, environment: &str) -> Result<Vec<Deployed>> {
    let query = format!("deployments?environment={}&per_page={RECENT}", escaped(environment));
    let all: Vec<Deployment> = remote.github().get(&remote.repository.at(&query)).await?;
    let mut seen = Vec::new();
    for deployment in all {
        let path = remote.repository.at(&format!("deployments/{}/statuses", deployment.id));
        let statuses: Vec<DeploymentStatus> =
            remote.github().get(&format!("{path}?per_page=100")).await?;
        // The newest first; one that was replaced is `inactive` after its success.
        let first = statuses.iter().rev().find(|status| status.state == "success");
        let last = statuses.first();
        let failed = last.filter(|status| matches!(status.state.as_str(), "failure" | "error"));
        let status = match (first, failed) {
            (Some(status), _) | (None, Some(status)) => status,
            (None, None) => continue,
        };
        let failed = first.is_none().then(|| {
            let say = format!("the deployment to {environment} ended as {}", status.state);
            Feedback::new(say, status.description.clone().unwrap_or_default())
        });
        let out = failed.is_none();
        let at = moment(&status.created_at)?;
        seen.push(Deployed { revision: deployment.sha, at, failed });
        if out {
            break;
        }
    }
    Ok(seen)
}

/// The newest first, up to the newest that succeeded.
async fn runs(remote: &Remote, file: &str) -> Result<Vec<Deployed>> {
    let branch = escaped(remote.repository.branch());
    let query =
        format!("actions/workflows/{}/runs?branch={branch}&per_page={RECENT}", escaped(file));
    let all: Runs = remote.github().get(&remote.repository.at(&query)).await?;
    let mut seen = Vec::new();
    for run in all.workflow_runs {
        let failed = match (run.status.as_deref(), run.conclusion.as_deref()) {
            (Some("completed"), Some("success")) => None,
            (Some("completed"), Some("failure" | "timed_out" | "startup_failure")) => {
                Some(Feedback::new(format!("{file} failed"), format!("See {}", run.html_url)))
            }
            _ => continue,
        };
        let (at, out) = (moment(&run.updated_at)?, failed.is_none());
        seen.push(Deployed { revision: run.head_sha, at, failed });
        if out {
            break;
        }
    }
    Ok(seen)
}

async fn reports(running: &dyn RunningRevision) -> Result<Vec<Deployed>> {
    let mut seen = Vec::new();
    if let Some(now) = running.running().await? {
        let (revision, at) = (now.revision.to_string(), now.since);
        seen.push(Deployed { revision, at, failed: None });
    }
    if let Ok(Some(refusal)) = running.refused().await {
        let (revision, failed) = (refusal.revision.to_string(), Some(refusal.feedback));
        seen.push(Deployed { revision, at: Timestamp::from_ms(0), failed });
    }
    Ok(seen)
}
