//! What to change in a workflow that broke its own pipeline, where that is certain.

mod action;
mod command;
mod report;
mod runner;
mod version;
mod workflow;

use std::collections::BTreeMap;
use std::sync::Arc;

use aegis_core::model::{Case, Cause as Blame, Diagnosis, Hypothesis, IncidentKind, Remedy};
use aegis_core::patch::{FileChange, Tier};
use aegis_core::port::Repository;
use aegis_core::stage::Diagnoser;
use aegis_core::{Confidence, Result, Revision};
use async_trait::async_trait;

use self::report::Report;
use self::workflow::Workflow;
use super::Cause;

const AUTHOR: &str = "pipeline";
const WORKFLOWS: &str = ".github/workflows/";
/// Files that are read of one kind, and bytes of one of them.
const FILES: usize = 50;
const BYTES: u64 = 256 * 1_024;
/// Bytes of a line of the log that is quoted.
const LINE: usize = 300;

/// Diagnoses pipelines that their configuration broke; for everything else it is inconclusive, so that
/// [`or_else`](aegis_core::compose::diagnose::or_else) asks another.
///
/// The cause is what to look at: the workflow, its job and step, and the run. Where the failing job says
/// something that GitHub refuses, and what it has to say is certain, the diagnosis carries a
/// [`Remedy`] that changes those lines of the workflow at the release branch's head and nothing else:
///
/// | what broke | what is changed |
/// |---|---|
/// | `runs-on` names an image that GitHub has retired, and no step ran | the oldest image that is left |
/// | an action's version that GitHub refuses: artifacts, cache | the version that takes its place |
/// | a version of an action that does not exist | the one that this repository's other workflows use, where that is one |
/// | a command that does not exist | nothing: what would install it is told |
///
/// Nothing of `.github` ever ships by itself. The remedy is a diff in the hand-over, or, with
/// [`ProtectedPaths::proposing_workflows`](aegis_core::policy::ProtectedPaths::proposing_workflows), a
/// pull request that only a person merges; the App or token then needs the `workflows` permission. See
/// there how far each kind of file may go.
#[derive(Debug, Clone)]
pub struct PipelineDiagnoser {
    repository: Arc<dyn Repository>,
}

impl PipelineDiagnoser {
    /// Reads workflows from `repository`.
    pub fn new(repository: impl Repository) -> Self {
        Self { repository: Arc::new(repository) }
    }

    /// The workflow at `path`, and where `all` the other workflows and what Python needs, by path; files
    /// that are too large are left out.
    async fn texts(
        &self,
        at: &Revision,
        path: &str,
        all: bool,
    ) -> Result<BTreeMap<String, String>> {
        let wanted =
            |other: &str| other == path || (all && (is_workflow(other) || command::lists(other)));
        let mut files = self.repository.list(at).await?;
        files.retain(|file| file.regular && file.size <= BYTES && wanted(&file.path));
        // The one that failed is read however many there are.
        files.sort_by_key(|file| file.path != path);
        let mut texts = BTreeMap::new();
        for file in files.into_iter().take(FILES) {
            let content = self.repository.read(at, &file.path).await?.unwrap_or_default();
            if let Ok(text) = String::from_utf8(content) {
                texts.insert(file.path, text);
            }
        }
        Ok(texts)
    }
}

/// What a rule is asked about.
struct Scene<'a> {
    report: &'a Report<'a>,
    /// The path of the workflow that failed, and what it says at the head.
    path: &'a str,
    workflow: &'a Workflow<'a>,
    /// All workflows, by path, and the lists of what Python needs.
    files: &'a BTreeMap<String, String>,
}

/// What a rule found.
struct Finding {
    explanation: String,
    evidence: Vec<String>,
    /// Where to look, and what for.
    look: String,
    confidence: Confidence,
    /// The title of the change, and the lines that change, by number from 0.
    mend: Option<(String, Vec<(usize, String)>)>,
}

type Rule = fn(&Scene<'_>) -> Option<Finding>;

/// Asked in this order, where the cause is the configuration.
const RULES: [Rule; 4] = [runner::retired, action::refused, version::missing, command::missing];

#[async_trait]
impl Diagnoser for PipelineDiagnoser {
    async fn diagnose(&self, case: &Case) -> Result<Diagnosis> {
        let base = self.repository.head().await?;
        let inconclusive = Diagnosis::new(base.clone(), AUTHOR, Vec::new());
        let Some(symptom) = case.symptoms.first().filter(|_| case.kind == IncidentKind::Pipeline)
        else {
            return Ok(inconclusive);
        };
        let detail = symptom.detail.as_str();
        // A job that no runner takes has no log, so that its cause is not known yet.
        let rules: &[Rule] = match Cause::told(detail) {
            Some(Cause::Configuration) => &RULES,
            Some(Cause::Unknown) => &RULES[..1],
            Some(Cause::Code) | None => return Ok(inconclusive),
        };
        let report = Report::read(detail);
        let path = workflow_path(&symptom.source);
        if let Some(path) = &path {
            let files = self.texts(&base, path, rules.len() == RULES.len()).await?;
            let text = files.get(path).map_or("", String::as_str);
            let scene =
                Scene { report: &report, path, workflow: &Workflow::read(text), files: &files };
            if let Some(found) = rules.iter().find_map(|rule| rule(&scene)) {
                return found.diagnosis(base, &scene);
            }
        }
        if rules.len() < RULES.len() {
            return Ok(inconclusive);
        }
        let place = path.as_deref().unwrap_or("the workflow");
        let look = report.place(place);
        let told = Hypothesis::new(
            Blame::Environment(look),
            format!("its configuration broke it: {}", symptom.title),
            Confidence::from_percent(60),
        );
        Ok(Diagnosis::new(base, AUTHOR, vec![told]))
    }
}

impl Finding {
    fn diagnosis(self, base: Revision, scene: &Scene<'_>) -> Result<Diagnosis> {
        let told =
            Hypothesis::new(Blame::Environment(self.look), &self.explanation, self.confidence)
                .with_evidence(self.evidence);
        let diagnosis = Diagnosis::new(base.clone(), AUTHOR, vec![told]);
        let Some((title, lines)) = self.mend else { return Ok(diagnosis) };
        let change = FileChange {
            path: scene.path.to_owned(),
            before: Some(scene.workflow.text.to_owned()),
            after: Some(scene.workflow.with(&lines)),
            tier: Tier::Exact,
        };
        let remedy = Remedy::new(base, title, &[change])?.with_meaning(self.explanation);
        Ok(diagnosis.with_remedy(remedy))
    }
}

/// A line of the log, as evidence.
fn said(line: &str) -> String {
    let line = line.trim();
    format!("the log says: {}", &line[..line.floor_char_boundary(LINE)])
}

/// The file of the workflow that a pipeline's source names, where it is a file of the repository.
fn workflow_path(source: &str) -> Option<String> {
    let path = format!("{WORKFLOWS}{}", source.strip_prefix("github:")?);
    is_workflow(&path).then_some(path)
}

fn is_workflow(path: &str) -> bool {
    let file = path.strip_prefix(WORKFLOWS).unwrap_or_default();
    !file.contains('/') && (file.ends_with(".yml") || file.ends_with(".yaml"))
}
