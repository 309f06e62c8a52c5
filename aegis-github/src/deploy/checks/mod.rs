//! What a repository's own checks say of a commit.

mod read;

use std::collections::BTreeSet;
use std::time::Duration;

use aegis_core::stage::Feedback;
use aegis_core::{Result, ci};

use self::read::{reported, required};
use super::pull::Remote;

/// Bytes of what a check says that are kept.
const DETAIL: usize = 16 * 1_024;

/// Which checks a fix has to pass on its branch.
///
/// A check is a check run of any App, as of a workflow's job, or a commit status; it is named by what
/// GitHub shows. Those that the branch's rules require always count.
///
/// `success` and `neutral` pass. `skipped` passes where the check is not required, and is no pass where
/// nothing else reports. `failure`,
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
    /// All that report, of which at least one has to pass, and those that the branch's rules require.
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

    /// Whether any check has to report.
    pub(super) fn asks_any(&self) -> bool {
        self.any || !self.required.is_empty()
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
pub(super) enum Word {
    Waits,
    Passes,
    Skipped,
    Fails(String),
}

#[derive(Debug)]
pub(super) struct Check {
    pub(super) name: String,
    pub(super) word: Word,
    /// What it says itself.
    says: String,
    /// The number of the workflow's job that it is, where it is one.
    job: Option<u64>,
}

/// What they say of `head`, whose pull request was opened so long ago.
pub(super) async fn verdict(
    remote: &Remote,
    wanted: &GitHubChecks,
    head: &str,
    age: Duration,
) -> Result<Verdict> {
    let checks = counted(remote, wanted, head).await?;
    if let Some(failed) = checks.iter().find(|check| matches!(check.word, Word::Fails(_))) {
        return Ok(Verdict::Failed(feedback(remote, failed).await));
    }
    let mut required = required(remote).await?;
    required.extend(wanted.required.iter().cloned());
    Ok(together(wanted, &required, &checks, age))
}

/// The newest word of each check of `head` that counts.
pub(super) async fn counted(
    remote: &Remote,
    wanted: &GitHubChecks,
    head: &str,
) -> Result<Vec<Check>> {
    let mut checks = reported(remote, head).await?;
    checks.retain(|check| !wanted.ignored.contains(&check.name));
    Ok(checks)
}

/// The verdict of checks of which none failed, whatever the branch's rules require.
pub(super) fn settled(wanted: &GitHubChecks, checks: &[Check], age: Duration) -> Verdict {
    together(wanted, &wanted.required, checks, age)
}

/// The checks that are waited for, by their names.
pub(super) fn open<'a>(wanted: &'a GitHubChecks, checks: &'a [Check]) -> Vec<&'a str> {
    let waits = checks.iter().filter(|check| check.word == Word::Waits);
    let missing = wanted.required.iter().filter(|&name| !passes(checks, name));
    let mut names: Vec<&str> = waits.map(|check| check.name.as_str()).collect();
    names.extend(missing.map(String::as_str));
    names.dedup();
    names
}

fn passes(checks: &[Check], name: &str) -> bool {
    let mut named = checks.iter().filter(|check| check.name == name).peekable();
    named.peek().is_some() && named.all(|check| check.word == Word::Passes)
}

/// The verdict where none failed.
fn together(
    wanted: &GitHubChecks,
    required: &BTreeSet<String>,
    checks: &[Check],
    age: Duration,
) -> Verdict {
    let waits = checks.iter().any(|check| check.word == Word::Waits);
    // One that was skipped says nothing.
    let enough = !wanted.any || checks.iter().any(|check| check.word == Word::Passes);
    let missing = required.iter().any(|name| !passes(checks, name));
    if waits || missing || !enough || age < wanted.settle {
        Verdict::Waiting
    } else {
        Verdict::Passed
    }
}

/// What the next draft can learn: what failed in a job's log, else what the check says of itself.
pub(super) async fn feedback(remote: &Remote, check: &Check) -> Feedback {
    let Check { name, word, says, job } = check;
    let how = if let Word::Fails(how) = word { how.as_str() } else { "failure" };
    let mut detail = says.clone();
    if let Some(job) = job {
        let path = remote.repository.at(&format!("actions/jobs/{job}/logs"));
        match remote.github().download(&path).await {
            Ok(log) => {
                let failure = ci::read(&String::from_utf8_lossy(&log));
                detail = format!("{failure}\n{}", failure.excerpt);
            }
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
        read::run(serde_json::from_value(text).unwrap())
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
            (&all, &[], vec![check("a", "skipped")], late, Verdict::Waiting),
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
