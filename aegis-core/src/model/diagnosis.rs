//! The diagnosis: hypotheses about the cause, each with its evidence.

use serde::{Deserialize, Serialize};

use super::{Release, Remedy};
use crate::id::{Confidence, Revision};
use crate::port::CodeOwners;

/// A place in the source.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Location {
    /// File, relative to the repository's root.
    pub path: String,
    /// Line, from 1.
    pub line: u32,
    /// The function around it, where there is one.
    pub function: Option<String>,
}

impl Location {
    /// A line of a file.
    pub fn new(path: impl Into<String>, line: u32) -> Self {
        Self { path: path.into(), line, function: None }
    }

    /// Names the function around it.
    #[must_use]
    pub fn with_function(mut self, function: impl Into<String>) -> Self {
        self.function = Some(function.into());
        self
    }
}

/// The request that makes the failure happen.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Trigger {
    /// HTTP method.
    pub method: String,
    /// Path with query, as requested.
    pub target: String,
    /// The route it belongs to, as the metric source counts it.
    pub route: String,
}

impl Trigger {
    /// A request on a route.
    pub fn new(
        method: impl Into<String>,
        target: impl Into<String>,
        route: impl Into<String>,
    ) -> Self {
        Self { method: method.into(), target: target.into(), route: route.into() }
    }
}

/// What a hypothesis blames.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Cause {
    /// A defect in the service's code.
    Code(Location),
    /// A release; taking it back comes before patching it.
    Release(Release),
    /// Something outside the code: a resource, a dependency, an operator. Says what to look at.
    Environment(String),
}

/// One possible cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Hypothesis {
    /// What is blamed.
    pub cause: Cause,
    /// Why, in a sentence or two.
    pub explanation: String,
    /// What in the case supports it.
    pub evidence: Vec<String>,
    /// How sure its author is.
    pub confidence: Confidence,
    /// What a model said of its own confidence, before that was checked and calibrated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claimed: Option<Confidence>,
}

impl Hypothesis {
    /// Blames `cause`, with the reason and how sure its author is.
    pub fn new(cause: Cause, explanation: impl Into<String>, confidence: Confidence) -> Self {
        let (explanation, evidence) = (explanation.into(), Vec::new());
        Self { cause, explanation, evidence, confidence, claimed: None }
    }

    /// Keeps what a model said of its own confidence.
    #[must_use]
    pub fn with_claimed(mut self, claimed: Confidence) -> Self {
        self.claimed = Some(claimed);
        self
    }

    /// Adds what supports it.
    #[must_use]
    pub fn with_evidence(mut self, evidence: Vec<String>) -> Self {
        self.evidence = evidence;
        self
    }
}

/// Owners that a diagnosis names.
const MOST_OWNERS: usize = 10;

/// What is believed to be the cause. No hypothesis at all means inconclusive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Diagnosis {
    /// The revision whose source was read.
    pub base: Revision,
    /// Hypotheses, most likely first.
    pub hypotheses: Vec<Hypothesis>,
    /// Requests that make the failure happen, most telling first.
    pub triggers: Vec<Trigger>,
    /// Who made it: `python-trace`, a model's name.
    pub author: String,
    /// Who owns the code that is blamed, as the repository says it: people and teams to ask.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owners: Vec<String>,
    /// A change that a person may apply, where the cause is outside the code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<Remedy>,
}

impl Diagnosis {
    /// A diagnosis read from `base`, most likely hypothesis first.
    pub fn new(base: Revision, author: impl Into<String>, hypotheses: Vec<Hypothesis>) -> Self {
        let (triggers, owners) = (Vec::new(), Vec::new());
        Self { base, hypotheses, triggers, author: author.into(), owners, remedy: None }
    }

    /// Adds who owns the code that the likely hypothesis blames; nobody where it blames no code.
    #[must_use]
    pub fn with_owners(mut self, owners: &CodeOwners) -> Self {
        if let Some(Cause::Code(at)) = self.likely().map(|hypothesis| &hypothesis.cause) {
            self.owners = owners.of(&at.path).iter().take(MOST_OWNERS).cloned().collect();
        }
        self
    }

    /// Adds the requests that make the failure happen.
    #[must_use]
    pub fn with_triggers(mut self, triggers: Vec<Trigger>) -> Self {
        self.triggers = triggers;
        self
    }

    /// Adds what a person may apply, where the cause is outside the code.
    #[must_use]
    pub fn with_remedy(mut self, remedy: Remedy) -> Self {
        self.remedy = Some(remedy);
        self
    }

    /// The remedy, where it is drafted as a fix: policy let it be offered, and no code is to blame.
    pub fn offered(&self) -> Option<&Remedy> {
        let outside = matches!(self.likely()?.cause, Cause::Environment(_));
        self.remedy.as_ref().filter(|remedy| outside && remedy.is_offered())
    }

    /// The most likely hypothesis.
    pub fn likely(&self) -> Option<&Hypothesis> {
        self.hypotheses.first()
    }
}
