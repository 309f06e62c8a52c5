//! How an [`ActionsVerifier`] is set up.

use std::sync::Arc;
use std::time::Duration;

use aegis_core::policy::{Guardrail, ProtectedPaths};
use aegis_core::port::{Clock, Repository as _, SystemClock};
use aegis_core::{Error, Result};

use super::super::checks::GitHubChecks;
use super::super::pull::Remote;
use super::super::rights;
use super::{ActionsVerifier, candidate};
use crate::repository::GitHubRepository;

/// How an [`ActionsVerifier`] is set up.
#[derive(Debug)]
pub struct ActionsVerifierBuilder(ActionsVerifier);

impl ActionsVerifierBuilder {
    pub(super) fn new(repository: GitHubRepository) -> Self {
        Self(ActionsVerifier {
            remote: Remote { repository, signed: false },
            checks: GitHubChecks::all(),
            limit: Duration::from_secs(1_500),
            first: Duration::from_secs(120),
            guardrails: vec![Arc::new(ProtectedPaths::default())],
            clock: Arc::new(SystemClock),
        })
    }

    /// Which checks have to pass; all that report, at least one, unless set.
    #[must_use]
    pub fn checks(mut self, checks: GitHubChecks) -> Self {
        self.0.checks = checks;
        self
    }

    /// How long the checks of one candidate may take; 25 minutes unless set, which is less than what
    /// a planner gives a verifier (`PlannerConfig::verify_deadline`).
    #[must_use]
    pub fn within(mut self, limit: Duration) -> Self {
        self.0.limit = limit;
        self
    }

    /// How long the first check may take to report; 2 minutes unless set.
    #[must_use]
    pub fn first_within(mut self, first: Duration) -> Self {
        self.0.first = first;
        self
    }

    /// Asks this about each fix too, before anything is pushed.
    #[must_use]
    pub fn guardrail(mut self, guardrail: Arc<dyn Guardrail>) -> Self {
        self.0.guardrails.push(guardrail);
        self
    }

    /// Asks these, in their order, in place of [`ProtectedPaths`].
    #[must_use]
    pub fn guardrails(mut self, guardrails: Vec<Arc<dyn Guardrail>>) -> Self {
        self.0.guardrails = guardrails;
        self
    }

    /// Waits by this clock; the machine's unless set.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.0.clock = clock;
        self
    }

    /// Opens the verifier, and removes the branches that a crash left behind.
    ///
    /// # Errors
    ///
    /// `Invalid` where no check is asked for, or its time is none; `Denied` where the credentials lack
    /// a right, as far as GitHub tells that before.
    pub async fn open(self) -> Result<ActionsVerifier> {
        let Self(verifier) = self;
        if !verifier.checks.asks_any() {
            let say = "no check proves nothing: use `GitHubChecks::all()` or `required(..)`";
            return Err(Error::invalid(say).at("verify"));
        }
        if verifier.limit.is_zero() {
            return Err(Error::invalid("give the checks some time: `within`").at("verify"));
        }
        let head = verifier.remote.repository.head().await?;
        let mut needs = vec![rights::contents()];
        needs.extend(rights::checks(head.as_str()));
        rights::check(&verifier.remote, &needs).await?;
        candidate::sweep(&verifier.remote, verifier.clock.now()).await?;
        Ok(verifier)
    }
}
