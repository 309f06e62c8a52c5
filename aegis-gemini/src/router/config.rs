//! Which models do what, and within which bounds.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use aegis_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::QuotaDay;
use crate::model::{Catalogue, Family, Quota};

/// What models are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// What kind of trouble it is.
    Triage,
    /// Where the cause is.
    Diagnosis,
    /// A patch.
    Fix,
    /// Whether a release did harm. A fifth of every quota and budget is kept for it.
    Judgement,
    /// Whether what another answer says holds.
    Validation,
}

impl Task {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Triage, Self::Diagnosis, Self::Fix, Self::Judgement, Self::Validation];
}

/// A model, on one of the accounts by which it can be asked.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// The account, as the router was told of it.
    pub project: String,
    /// The model, as the provider names it.
    pub model: String,
}

impl Choice {
    /// `model` on `project`.
    pub fn new(project: impl Into<String>, model: impl Into<String>) -> Self {
        Self { project: project.into(), model: model.into() }
    }
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.project, self.model)
    }
}

/// The quota of one model on one project, where it is another than that of its family.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Allotment {
    /// The model.
    pub choice: Choice,
    /// How often it may be asked.
    pub quota: Quota,
}

/// A router as configured.
///
/// ```
/// use aegis_gemini::gemini::catalogue;
/// use aegis_gemini::router::{Choice, QuotaDay, RouterConfig, Task};
///
/// let lite = Choice::new("main", "gemini-3.5-flash-lite");
/// let config = RouterConfig::new(catalogue(), QuotaDay::UsPacific)
///     .with_task(Task::Fix, [Choice::new("main", "gemini-3.8-flash"), lite.clone()])
///     .with_others([lite])
///     .with_day_cost(2_000_000);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct RouterConfig {
    /// What is known of the models.
    pub catalogue: Catalogue,
    /// When quotas of a day are renewed.
    pub day: QuotaDay,
    /// For each task the models that do it, the first one first.
    pub tasks: BTreeMap<Task, Vec<Choice>>,
    /// Quotas that are others than those of the families.
    #[serde(default)]
    pub quotas: Vec<Allotment>,
    /// Millionths of a US dollar that a day may cost; without bound unless set.
    #[serde(default)]
    pub day_cost: Option<u64>,
    /// How long one request may take, in milliseconds; 60,000 unless set.
    #[serde(default = "attempt_ms")]
    pub attempt_ms: u64,
    /// The pause before a repeat of what failed, in milliseconds, doubled once and shortened by up to a
    /// half at random; 1,000 unless set.
    #[serde(default = "backoff_ms")]
    pub backoff_ms: u64,
    /// How long a model rests after a limit that names no time, in milliseconds; 60,000 unless set.
    #[serde(default = "cooldown_ms")]
    pub cooldown_ms: u64,
    /// Most bytes of answers that are kept; 4 MiB unless set.
    #[serde(default = "cache_bytes")]
    pub cache_bytes: usize,
}

fn attempt_ms() -> u64 {
    60_000
}

fn backoff_ms() -> u64 {
    1_000
}

fn cooldown_ms() -> u64 {
    60_000
}

fn cache_bytes() -> usize {
    4 * 1_024 * 1_024
}

impl RouterConfig {
    /// No task is done by any model yet.
    pub fn new(catalogue: Catalogue, day: QuotaDay) -> Self {
        Self {
            catalogue,
            day,
            tasks: BTreeMap::new(),
            quotas: Vec::new(),
            day_cost: None,
            attempt_ms: attempt_ms(),
            backoff_ms: backoff_ms(),
            cooldown_ms: cooldown_ms(),
            cache_bytes: cache_bytes(),
        }
    }

    /// Does `task` by these models, the first one first.
    #[must_use]
    pub fn with_task(mut self, task: Task, choices: impl IntoIterator<Item = Choice>) -> Self {
        self.tasks.insert(task, choices.into_iter().collect());
        self
    }

    /// Does every task that has no models yet by these.
    #[must_use]
    pub fn with_others(mut self, choices: impl IntoIterator<Item = Choice>) -> Self {
        let choices: Vec<Choice> = choices.into_iter().collect();
        for task in Task::ALL {
            self.tasks.entry(task).or_insert_with(|| choices.clone());
        }
        self
    }

    /// Gives one model on one project this quota.
    #[must_use]
    pub fn with_quota(mut self, choice: Choice, quota: Quota) -> Self {
        self.quotas.retain(|known| known.choice != choice);
        self.quotas.push(Allotment { choice, quota });
        self
    }

    /// Lets a day cost so many millionths of a dollar.
    #[must_use]
    pub fn with_day_cost(mut self, millionths: u64) -> Self {
        self.day_cost = Some(millionths);
        self
    }

    /// Keeps so many bytes of answers; with 0, none.
    #[must_use]
    pub fn with_cache_bytes(mut self, most: usize) -> Self {
        self.cache_bytes = most;
        self
    }

    pub(super) fn quota(&self, choice: &Choice, family: &Family) -> Quota {
        let own = self.quotas.iter().find(|known| known.choice == *choice);
        own.map_or(family.quota, |own| own.quota)
    }

    pub(super) fn attempt(&self) -> Duration {
        Duration::from_millis(self.attempt_ms)
    }

    /// `Invalid` where a task has no model, or one of no family or of no project.
    pub(super) fn check(&self, is_project: impl Fn(&str) -> bool) -> Result<()> {
        let wrong = |say: String| Err(Error::invalid(say).at("router"));
        for task in Task::ALL {
            let choices = self.tasks.get(&task).map_or(&[][..], Vec::as_slice);
            if choices.is_empty() {
                return wrong(format!("no model does {task:?}; name one in tasks"));
            }
            for choice in choices {
                if !is_project(&choice.project) {
                    return wrong(format!("{choice}: there is no such project; give its model"));
                }
                // Whoever is not known has no price and no quota to be held to.
                if self.catalogue.of(&choice.model).is_none() {
                    return wrong(format!("{choice} is of no family; add it to the catalogue"));
                }
            }
        }
        Ok(())
    }
}
