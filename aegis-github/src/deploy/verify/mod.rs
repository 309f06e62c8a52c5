//! Proof by the repository's own checks.

mod builder;
mod candidate;
mod gates;

use std::sync::Arc;
use std::time::Duration;

use aegis_core::model::{Case, Fix, GateAnswer, GateReport, Isolation, Score, Verification};
use aegis_core::patch::check_path;
use aegis_core::policy::{Guardrail, check_all};
use aegis_core::port::{Clock, Repository as _};
use aegis_core::stage::Verifier;
use aegis_core::{Confidence, Error, Result, Retry};
use async_trait::async_trait;

pub use self::builder::ActionsVerifierBuilder;
use self::candidate::Candidate;
use super::change::{self, Made};
use super::checks::{self, GitHubChecks, Verdict};
use super::pull::Remote;
use crate::repository::GitHubRepository;

/// The first pause between two looks at the checks, doubled up to the longest.
const PAUSE: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(60);

/// Proves fixes by the repository's own checks, for suites that need what a sandbox does not have: a
/// database, a platform, a device.
///
/// The fix becomes one commit on the base that it is verified on, on a branch of its own,
/// `aegis/verify-<incident>-<random>`. Each check of that commit is a gate: what failed denies, with
/// the part of the job's log that says why. The branch is removed whatever came of it; what a crash
/// leaves behind is removed by the next [`open`](ActionsVerifierBuilder::open), once its time is over.
///
/// Which checks count, and how long the first ones are waited for, is said by [`GitHubChecks`]. What the
/// release branch's rules require is not asked for: those are often checks of pull requests, which the
/// deployer waits for. A check that was `cancelled`, waits for a person or could not start says nothing
/// of the fix: it could not be told.
///
/// A push of its branch has to start the workflows:
///
/// ```yaml
/// on:
///   push:
///     branches: [main, 'aegis/verify-**']
/// ```
///
/// # What it can't keep apart
///
/// The candidate runs where the repository's own code runs, with the secrets that the workflow gives to
/// pushes. Let a sandbox say first whether it may, and give those workflows no secrets:
///
/// ```no_run
/// use aegis_core::compose::verify::and_then;
/// # use aegis_core::stage::Verifier;
/// # async fn example(
/// #     repository: aegis_github::GitHubRepository,
/// #     sandbox: impl Verifier,
/// # ) -> aegis_core::Result<()> {
/// use aegis_github::{ActionsVerifier, GitHubChecks};
///
/// let checks = GitHubChecks::required(["integration"]);
/// let ci = ActionsVerifier::builder(repository).checks(checks).open().await?;
/// let verifier = and_then(sandbox, ci);
/// # drop(verifier);
/// # Ok(())
/// # }
/// ```
///
/// A fix that touches `.github`, or what its guardrails deny, is denied before anything is pushed.
#[derive(Debug)]
pub struct ActionsVerifier {
    remote: Remote,
    checks: GitHubChecks,
    limit: Duration,
    first: Duration,
    guardrails: Vec<Arc<dyn Guardrail>>,
    clock: Arc<dyn Clock>,
}

impl ActionsVerifier {
    /// A verifier by the checks of `repository`.
    pub fn builder(repository: GitHubRepository) -> ActionsVerifierBuilder {
        ActionsVerifierBuilder::new(repository)
    }

    /// Waits for the checks of a candidate that is pushed.
    async fn watch(&self, candidate: &Candidate) -> Result<Vec<GateReport>> {
        candidate.push().await?;
        let (begun, mut pause) = (self.clock.now(), PAUSE);
        loop {
            let age = self.clock.now().since(begun);
            let checks = match checks::counted(&self.remote, &self.checks, &candidate.head).await {
                Ok(checks) => Some(checks),
                // It is bounded by the time that the checks have.
                Err(error) if error.retry() != Retry::Never && age < self.limit => {
                    tracing::warn!(target: "aegis", %error, "checks can't be read");
                    None
                }
                Err(error) => return Err(error),
            };
            if let Some(checks) = checks {
                if let Some(gates) = gates::decided(&self.remote, &checks).await? {
                    return Ok(gates);
                }
                if checks::settled(&self.checks, &checks, age) == Verdict::Passed {
                    return Ok(gates::passed(&checks));
                }
                if checks.is_empty() && age >= self.first {
                    return Err(silent(candidate, self.first));
                }
                if age >= self.limit {
                    return Err(late(candidate, self.limit, &checks, &self.checks));
                }
            }
            let left = self.limit.saturating_sub(age);
            self.clock.sleep_until(self.clock.now().plus(pause.min(left))).await;
            pause = (pause * 2).min(LONGEST);
        }
    }
}

#[async_trait]
impl Verifier for ActionsVerifier {
    async fn verify(&self, case: &Case, fix: &Fix) -> Result<Verification> {
        let begun = self.clock.now();
        let base = match fix.patch() {
            Some(patch) => patch.base.clone(),
            None => self.remote.repository.head().await?,
        };
        let proof = Verification::new(fix.digest(), base.clone(), Isolation::External);
        let mut said = check_all(&self.guardrails, case, fix);
        let paths = fix.patch().into_iter().flat_map(|patch| patch.paths());
        let wrong = paths.filter_map(|path| check_path(path).err());
        said.extend(wrong.map(|error| deny("paths", error.to_string())));
        let denied = |said: &[GateReport]| said.iter().any(|gate| gate.answer == GateAnswer::Deny);
        if denied(&said) {
            return Ok(proof.with_gates(said));
        }
        let changes = match change::of_fix(&self.remote, fix, &base).await? {
            Made::Changes(changes) => changes,
            Made::Conflict(why) => {
                said.push(deny("applies", why));
                return Ok(proof.with_gates(said));
            }
        };
        said.extend(gates::pipelines(&changes));
        if denied(&said) {
            return Ok(proof.with_gates(said));
        }
        // Whoever drops this may not hear of it; the next one to open knows by then.
        let until = begun.plus(self.limit.saturating_mul(2));
        let candidate = Candidate::commit(&self.remote, case, fix, &base, &changes, until).await?;
        let (branch, seen) = (candidate.branch.clone(), self.watch(&candidate).await);
        let mut notes = vec![format!("its checks ran on {}, a branch of its own", candidate.head)];
        if let Err(error) = candidate.remove().await {
            tracing::warn!(target: "aegis", branch, %error, "the branch of a proof is left");
            notes.push(format!("{branch} could not be removed: {error}"));
        }
        said.extend(seen?);
        let waited = self.clock.now().since(begun).as_millis();
        let full = if denied(&said) { Confidence::NONE } else { Confidence::FULL };
        Ok(proof
            .with_gates(said)
            // Nobody measured what its suite covers.
            .with_score(Score::new(full, Confidence::NONE, Confidence::NONE))
            .with_notes(notes)
            .with_test_ms(u64::try_from(waited).unwrap_or(u64::MAX)))
    }
}

fn deny(gate: &str, why: impl Into<String>) -> GateReport {
    GateReport::new(gate, GateAnswer::Deny, why)
}

fn silent(candidate: &Candidate, first: Duration) -> Error {
    let say = format!(
        "no check reported on a push of {} within {first:?}: workflows that run on `pull_request` \
         alone see none; add `push: branches: ['{}**']` to those that should prove fixes, and push as \
         an App or a person, since the token of a workflow run starts none",
        candidate.branch,
        candidate::PREFIX
    );
    Error::invalid(say).at("verify")
}

fn late(
    candidate: &Candidate,
    limit: Duration,
    checks: &[checks::Check],
    wanted: &GitHubChecks,
) -> Error {
    let waits = checks::open(wanted, checks);
    let named = waits.join(", ");
    let say = format!("the checks of {} are not done within {limit:?}: {named}", candidate.branch);
    Error::timeout(say).at("verify")
}
