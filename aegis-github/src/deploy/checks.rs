//! What a repository's own checks say of a commit.

use std::collections::BTreeSet;
use std::time::Duration;

use aegis_core::stage::Feedback;
use aegis_core::{Result, ci};
use serde::Deserialize;

use super::pull::Remote;
use crate::client::unless_missing;
use crate::repository::escaped;

/// Bytes of what a check says that are kept.
const DETAIL: usize = 16 * 1_024;

/// Check runs of one commit that are read.
const CHECKS: usize = 1_000;

/// Which checks a fix has to pass on its branch.
///
/// A check is a check run of any App, as of a workflow's job, or a commit status; it is named by what
/// GitHub shows. Those that the branch's rules require always count.
///
/// `success` and `neutral` pass. `skipped` passes where the check is not required. `failure`,
/// `timed_out`, `cancelled`, `action_required` and `startup_failure` fail, the check required or not.
/// `stale` is waited for, as is one that is required and not there.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct GitHubChecks {
    required: BTreeSet<String>,
    ignored: BTreeSet<String>,
    any: bool,
    settle: Duration,
}

impl GitHubChecks {
    /// All that report, at least one, and those that the branch's rules require.
    pub fn all() -> Self {
        Self {
            required: BTreeSet::new(),
            ignored: BTreeSet::new(),
            any: true,
            settle: Duration::from_secs(20),
        }
    }

    /// These at least, whatever the branch's rules say, and all others that report.
    pub fn required(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { required: names.into_iter().map(Into::into).collect(), ..Self::all() }
    }

    /// None need report: what does report counts, and the branch's rules do.
    pub fn none() -> Self {
        Self { any: false, settle: Duration::ZERO, ..Self::all() }
    }

    /// Takes no notice of these.
    #[must_use]
    pub fn ignoring(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.ignored.extend(names.into_iter().map(Into::into));
        self
    }

    /// Believes that all have reported so long after the pull request was opened; 20 s unless set.
    /// Workflows begin one after the other.
    #[must_use]
    pub fn with_settle(mut self, settle: Duration) -> Self {
        self.settle = settle;
        self
    }
}

/// What they say together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    Waiting,
    Passed,
    Failed(Feedback),
}

/// What one of them says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    Waits,
    Passes,
    Skipped,
    Fails(String),
}

#[derive(Debug)]
struct Check {
    name: String,
    word: Word,
    /// What it says itself.
    says: String,
    /// The number of the workflow's job that it is, where it is one.
    job: Option<u64>,
}

#[derive(Deserialize)]
struct Run {
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

/// What they say of `head`, whose pull request was opened so long ago.
pub(super) async fn verdict(
    remote: &Remote,
    wanted: &GitHubChecks,
    head: &str,
    age: Duration,
) -> Result<Verdict> {
    let mut checks = reported(remote, head).await?;
    checks.retain(|check| !wanted.ignored.contains(&check.name));
    if let Some(failed) = checks.iter().find(|check| matches!(check.word, Word::Fails(_))) {
        return Ok(Verdict::Failed(feedback(remote, failed).await));
    }
    let mut required = required(remote).await?;
    required.extend(wanted.required.iter().cloned());
    Ok(together(wanted, &required, &checks, age))
}

/// The verdict where none failed.
fn together(
    wanted: &GitHubChecks,
    required: &BTreeSet<String>,
    checks: &[Check],
    age: Duration,
) -> Verdict {
    let passes = |name: &String| {
        let mut named = checks.iter().filter(|check| check.name == *name).peekable();
        named.peek().is_some() && named.all(|check| check.word == Word::Passes)
    };
    let waits = checks.iter().any(|check| check.word == Word::Waits);
    let enough = !wanted.any || !checks.is_empty();
    let missing = required.iter().any(|name| !passes(name));
    if waits || missing || !enough || age < wanted.settle {
        Verdict::Waiting
    } else {
        Verdict::Passed
    }
}

/// The newest word of each check.
async fn reported(remote: &Remote, head: &str) -> Result<Vec<Check>> {
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

fn run(run: Run) -> Check {
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
async fn required(remote: &Remote) -> Result<BTreeSet<String>> {
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

/// What the next draft can learn: what failed in a job's log, else what the check says of itself.
async fn feedback(remote: &Remote, check: &Check) -> Feedback {
    let Check { name, word, says, job } = check;
    let how = if let Word::Fails(how) = word { how.as_str() } else { "failure" };
    let mut detail = says.clone();
    if let Some(job) = job {
        let path = remote.repository.at(&format!("actions/jobs/{job}/logs"));
        match remote.github().download(&path).await {
            Ok(log) => detail = ci::read(&String::from_utf8_lossy(&log)).to_string(),
            Err(failure) => {
                let error = aegis_core::Error::from(failure);
                tracing::warn!(target: "aegis", check = name, %error, "the log can't be read");
            }
        }
    }
    let detail = &detail[detail.floor_char_boundary(detail.len().saturating_sub(DETAIL))..];
    Feedback::new(format!("check {name}: {how}"), detail)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn check(name: &str, conclusion: &str) -> Check {
        let status = if conclusion.is_empty() { "in_progress" } else { "completed" };
        let text = serde_json::json!({
            "id": 1, "name": name, "status": status,
            "conclusion": Some(conclusion).filter(|c| !c.is_empty()),
        });
        run(serde_json::from_value(text).unwrap())
    }

    #[test]
    fn each_conclusion_is_decided() {
        for (conclusion, word) in [
            ("", Word::Waits),
            ("success", Word::Passes),
            ("neutral", Word::Passes),
            ("skipped", Word::Skipped),
            ("stale", Word::Waits),
            ("failure", Word::Fails("failure".into())),
            ("cancelled", Word::Fails("cancelled".into())),
            ("timed_out", Word::Fails("timed_out".into())),
            ("action_required", Word::Fails("action_required".into())),
            ("startup_failure", Word::Fails("startup_failure".into())),
        ] {
            assert_eq!(check("test", conclusion).word, word, "{conclusion}");
        }
    }

    #[test]
    fn silence_is_no_pass_and_what_is_required_must_pass_itself() {
        let late = Duration::from_secs(60);
        let names = |names: &[&str]| names.iter().map(|&name| name.into()).collect::<BTreeSet<_>>();
        let (all, none) = (GitHubChecks::all(), GitHubChecks::none());
        for (wanted, required, checks, age, expected) in [
            (&all, &[][..], vec![], late, Verdict::Waiting),
            (&none, &[], vec![], Duration::ZERO, Verdict::Passed),
            (&all, &[], vec![check("a", "success")], late, Verdict::Passed),
            (&all, &[], vec![check("a", "success")], Duration::ZERO, Verdict::Waiting),
            (&all, &[], vec![check("a", "success"), check("b", "")], late, Verdict::Waiting),
            (&all, &["b"], vec![check("a", "success")], late, Verdict::Waiting),
            (&none, &["b"], vec![check("b", "skipped")], late, Verdict::Waiting),
            (
                &all,
                &["a"],
                vec![check("a", "success"), check("b", "skipped")],
                late,
                Verdict::Passed,
            ),
            (
                &all,
                &["a"],
                vec![check("a", "success"), check("a", "skipped")],
                late,
                Verdict::Waiting,
            ),
        ] {
            let seen = together(wanted, &names(required), &checks, age);
            assert_eq!(seen, expected, "{required:?} {checks:?}");
        }
    }
}
