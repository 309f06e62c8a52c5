//! Workflows of GitHub Actions: how they do, and what failed in them.

mod cause;
mod diagnose;
mod events;
mod metrics;
mod runs;
mod tell;

use std::sync::Arc;
use std::time::Duration;

use aegis_core::model::{Metric, Unit};
use aegis_core::port::{Clock, SystemClock};
use aegis_core::{ServiceName, Timestamp};

use self::runs::Run;
use crate::client::Failure;
use crate::repository::{GitHubRepository, escaped};

pub use self::cause::{Cause, Conclusion, cause_of};
pub use self::diagnose::PipelineDiagnoser;
pub use self::events::PipelineEvents;

/// The least time between two looks.
const LEAST: Duration = Duration::from_secs(10);
/// Endings of what is a setting and nothing else.
const SETTINGS: [&str; 5] = [".ini", ".json", ".toml", ".yaml", ".yml"];

/// The workflow runs on a repository's branch.
///
/// A [`MetricSource`](aegis_core::stage::MetricSource) of two metrics, and by
/// [`events`](Self::events) a source of failures. Runs of pull requests are left out, whatever their
/// branch is called. Cheap to clone.
///
/// ```no_run
/// use aegis_github::{GitHubRepository, Pipelines};
/// # fn of(repository: GitHubRepository) {
/// let pipelines = Pipelines::new(repository).watch("ci.yml");
/// let failures = pipelines.events("shop");
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Pipelines {
    repository: GitHubRepository,
    workflows: Vec<String>,
    every: Duration,
    clock: Arc<dyn Clock>,
}

impl Pipelines {
    /// All workflows that run on the branch of `repository`.
    pub fn new(repository: GitHubRepository) -> Self {
        let (workflows, every) = (Vec::new(), Duration::from_secs(60));
        Self { repository, workflows, every, clock: Arc::new(SystemClock) }
    }

    /// Leaves out all workflows but those named so, by file (`ci.yml`) or by name; may be called again
    /// for another one.
    #[must_use]
    pub fn watch(mut self, workflow: impl Into<String>) -> Self {
        self.workflows.push(workflow.into());
        self
    }

    /// Looks for failures so often; 60 s unless set, 10 s at least.
    #[must_use]
    pub fn every(mut self, every: Duration) -> Self {
        self.every = every.max(LEAST);
        self
    }

    /// Takes the time of looks from `clock`.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Runs that failed, as events of `service`.
    pub fn events(&self, service: impl Into<ServiceName>) -> PipelineEvents {
        PipelineEvents::new(self.clone(), service.into())
    }

    /// The metric `ci.success_rate`: runs that succeeded over runs that succeeded or failed, a ratio in
    /// `0.0..=1.0`. A run that timed out or could not start failed; one that was cancelled, skipped,
    /// stale, neutral or waits for somebody does not count.
    pub fn success_rate() -> Metric {
        Metric::Custom(String::from("ci.success_rate"), Unit::Ratio)
    }

    /// The metric `ci.duration`: the median of what those runs took, from the start of their last
    /// attempt, in seconds; 0 at least.
    pub fn duration() -> Metric {
        Metric::Custom(String::from("ci.duration"), Unit::Seconds)
    }

    /// Whether a change of this file may ship by itself where it mends a pipeline: only settings that
    /// are data, which are `.ini`, `.json`, `.toml`, `.yaml` and `.yml` below a folder `config` at the
    /// top. What says how to build, to test or to ship never does: nothing of `.github`, no manifest,
    /// no script. A workflow is proposed at most, see [`PipelineDiagnoser`].
    ///
    /// ```
    /// use aegis_github::Pipelines;
    /// assert!(Pipelines::may_ship("config/limits.toml"));
    /// assert!(!Pipelines::may_ship(".github/workflows/ci.yml"));
    /// assert!(!Pipelines::may_ship("config/../.github/workflows/ci.yml"));
    /// assert!(!Pipelines::may_ship("Cargo.toml"));
    /// ```
    pub fn may_ship(path: &str) -> bool {
        let Some(below) = path.strip_prefix("config/") else { return false };
        let plain = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains('\\');
        below.split('/').all(plain) && SETTINGS.iter().any(|ending| below.ends_with(ending))
    }

    /// The newest completed runs that are watched, of at most `most` of the branch; made since then.
    async fn runs(&self, since: Option<Timestamp>, most: usize) -> Result<Vec<Run>, Failure> {
        let (branch, page) = (self.repository.branch(), most.clamp(1, 100));
        let mut path = format!(
            "actions/runs?branch={}&status=completed&exclude_pull_requests=true&per_page={page}",
            escaped(branch)
        );
        if let Some(since) = since.and_then(runs::written) {
            path += &format!("&created={}", escaped(&format!(">={since}")));
        }
        let path = self.repository.at(&path);
        let mut runs: Vec<Run> =
            self.repository.github().pages_of("workflow_runs", &path, most).await?;
        runs.retain(|run| {
            run.ran_on(branch, self.repository.name())
                && (self.workflows.is_empty() || self.workflows.iter().any(|w| run.is_of(w)))
        });
        Ok(runs)
    }
}
