//! Runs and their jobs, as GitHub lists them.

use aegis_core::Timestamp;
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Conclusion;
use crate::repository::moment;

/// One run of a workflow, in its latest attempt.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Run {
    pub(super) id: u64,
    pub(super) name: Option<String>,
    /// The file, with `@` and a reference behind it for workflows of elsewhere.
    #[serde(default)]
    path: String,
    pub(super) workflow_id: u64,
    head_branch: Option<String>,
    pub(super) head_sha: String,
    #[serde(default)]
    event: String,
    conclusion: Option<String>,
    #[serde(default)]
    pub(super) html_url: String,
    run_attempt: Option<u32>,
    run_started_at: Option<String>,
    updated_at: String,
    head_repository: Option<Named>,
}

#[derive(Debug, Clone, Deserialize)]
struct Named {
    full_name: Option<String>,
}

/// One job of a run.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Job {
    pub(super) id: u64,
    pub(super) name: String,
    conclusion: Option<String>,
    #[serde(default)]
    steps: Option<Vec<Step>>,
}

#[derive(Debug, Clone, Deserialize)]
struct Step {
    name: String,
    conclusion: Option<String>,
}

impl Run {
    pub(super) fn attempt(&self) -> u32 {
        self.run_attempt.unwrap_or(1)
    }

    /// Its attempt, where GitHub says it.
    pub(super) fn attempted(&self) -> Option<u32> {
        self.run_attempt
    }

    /// The workflow, the same in each of its runs: its file, where it is known.
    pub(super) fn workflow(&self) -> &str {
        let file = self.path.split('@').next().unwrap_or_default();
        let file = file.strip_prefix(".github/workflows/").unwrap_or(file);
        let name = || self.name.as_deref().filter(|name| !name.is_empty());
        Some(file).filter(|file| !file.is_empty()).or_else(name).unwrap_or("a workflow")
    }

    pub(super) fn is_of(&self, workflow: &str) -> bool {
        self.workflow() == workflow || self.name.as_deref() == Some(workflow)
    }

    /// Whether it ran what is on `branch` of `repository`. GitHub lists runs for pull requests, of forks
    /// too, under the name of the branch that they come from: what strangers wrote.
    pub(super) fn ran_on(&self, branch: &str, repository: &str) -> bool {
        let from = self.head_repository.as_ref().and_then(|named| named.full_name.as_deref());
        self.head_branch.as_deref() == Some(branch)
            && !self.event.starts_with("pull_request")
            && from.is_none_or(|from| from.eq_ignore_ascii_case(repository))
    }

    pub(super) fn conclusion(&self) -> Conclusion {
        Conclusion::of(self.conclusion.as_deref())
    }

    pub(super) fn ended_at(&self) -> Option<Timestamp> {
        moment(&self.updated_at).ok()
    }

    /// Seconds that this attempt took; `None` where its times can't be read.
    pub(super) fn seconds(&self) -> Option<f64> {
        let (start, end) = (moment(self.run_started_at.as_deref()?).ok()?, self.ended_at()?);
        (start <= end).then(|| end.since(start).as_secs_f64())
    }
}

impl Job {
    pub(super) fn failed(&self) -> bool {
        Conclusion::of(self.conclusion.as_deref()).is_failure()
    }

    /// The step that failed, as GitHub names it.
    pub(super) fn step(&self) -> Option<&str> {
        let failed = |step: &&Step| Conclusion::of(step.conclusion.as_deref()).is_failure();
        self.steps.as_deref()?.iter().find(failed).map(|step| step.name.as_str())
    }
}

/// A moment as an address takes it.
pub(super) fn written(at: Timestamp) -> Option<String> {
    let at = OffsetDateTime::from_unix_timestamp(at.as_ms().div_euclid(1_000)).ok()?;
    at.format(&Rfc3339).ok()
}
