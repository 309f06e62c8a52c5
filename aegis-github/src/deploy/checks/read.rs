//! What GitHub tells of a commit's checks, and which of them it requires.

use std::collections::BTreeSet;

use aegis_core::Result;
use serde::Deserialize;

use super::super::pull::Remote;
use super::{Check, Word};
use crate::client::unless_missing;
use crate::repository::escaped;

/// Check runs of one commit that are read.
const CHECKS: usize = 1_000;

#[derive(Deserialize)]
pub(super) struct Run {
    id: u64,
    name: String,
    status: String,
    conclusion: Option<String>,
    output: Option<Output>,
    app: Option<App>,
}

#[derive(Deserialize)]
struct Output {
    title: Option<String>,
    summary: Option<String>,
}

#[derive(Deserialize)]
struct App {
    slug: Option<String>,
}

#[derive(Deserialize)]
struct Statuses {
    statuses: Vec<Status>,
}

#[derive(Deserialize)]
struct Status {
    context: String,
    state: String,
    description: Option<String>,
}

#[derive(Deserialize)]
struct Rule {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Deserialize, Default)]
struct Parameters {
    #[serde(default)]
    required_status_checks: Vec<Context>,
}

#[derive(Deserialize)]
struct Context {
    context: String,
}

#[derive(Deserialize)]
struct Branch {
    protection: Option<Protection>,
}

#[derive(Deserialize)]
struct Protection {
    required_status_checks: Option<Contexts>,
}

#[derive(Deserialize)]
struct Contexts {
    #[serde(default)]
    contexts: Vec<String>,
}

/// The newest word of each check.
pub(super) async fn reported(remote: &Remote, head: &str) -> Result<Vec<Check>> {
    let (github, repository) = (remote.github(), &remote.repository);
    let path = repository.at(&format!("commits/{head}/check-runs?filter=latest&per_page=100"));
    let runs: Vec<Run> = github.pages_of("check_runs", &path, CHECKS).await?;
    let mut checks: Vec<Check> = runs.into_iter().map(run).collect();
    let path = repository.at(&format!("commits/{head}/status?per_page=100"));
    let statuses: Statuses = github.get(&path).await?;
    checks.extend(statuses.statuses.into_iter().map(|status| {
        let Status { context, state, description } = status;
        let word = match state.as_str() {
            "success" => Word::Passes,
            "pending" => Word::Waits,
            _ => Word::Fails(state),
        };
        Check { name: context, word, says: description.unwrap_or_default(), job: None }
    }));
    Ok(checks)
}

pub(super) fn run(run: Run) -> Check {
    let word = match (run.status.as_str(), run.conclusion.as_deref()) {
        ("completed", Some("success" | "neutral")) => Word::Passes,
        ("completed", Some("skipped")) => Word::Skipped,
        ("completed", Some("stale") | None) => Word::Waits,
        ("completed", Some(other)) => Word::Fails(other.to_owned()),
        _ => Word::Waits,
    };
    let said = run.output.map(|output| [output.title, output.summary]);
    let says = said.into_iter().flatten().flatten().collect::<Vec<_>>().join("\n");
    let is_job = run.app.and_then(|app| app.slug).as_deref() == Some("github-actions");
    Check { name: run.name, word, says, job: is_job.then_some(run.id) }
}

/// The checks that the release branch asks for, by rules and by classic protection.
pub(super) async fn required(remote: &Remote) -> Result<BTreeSet<String>> {
    let (github, branch) = (remote.github(), escaped(remote.repository.branch()));
    let path = remote.repository.at(&format!("rules/branches/{branch}?per_page=100"));
    // An older Enterprise Server has no rules.
    let rules: Vec<Rule> = unless_missing(github.get(&path).await)?.unwrap_or_default();
    let checks = rules.into_iter().filter(|rule| rule.kind == "required_status_checks");
    let checks = checks.flat_map(|rule| rule.parameters.required_status_checks);
    let mut names: BTreeSet<String> = checks.map(|check| check.context).collect();
    let path = remote.repository.at(&format!("branches/{branch}"));
    let known: Option<Branch> = unless_missing(github.get(&path).await)?;
    let protection = known.and_then(|branch| branch.protection);
    let contexts = protection.and_then(|protection| protection.required_status_checks);
    names.extend(contexts.into_iter().flat_map(|contexts| contexts.contexts));
    Ok(names)
}
