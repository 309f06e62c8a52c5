//! From proof to production on a plain Git repository.

use std::path::PathBuf;
use std::sync::Arc;

use aegis_core::stage::{Deployer, Feedback, MergeOrder, Order, RevertOrder, Rollout};
use aegis_core::{EffectKey, EffectKind, Error, Result, Revision};
use async_trait::async_trait;
use git2::Oid;

use super::checks::Checks;
use super::error::{oid, revision};
use super::find::{self, Found};
use super::ledger::{Checked, Ledger};
use super::repository::{GitRepository, blocking};
use super::site::{Offer, Site, check_author};
use super::{checkout, merge, read, revert, submit, withdraw};
use aegis_core::port::RunningRevision;

/// Ships fixes through branches of a plain Git repository, without any server.
///
/// - `submit` makes one commit on the verified base, on `aegis/fix-<incident>`, and runs the checks on
///   an exported copy of it. The same order makes the same commit id again.
/// - `merge` moves the release branch by compare-and-swap to a merge of exactly that head.
/// - A fix is live once whoever runs the service reports the merge, or something after it, running; a
///   service that would not start with it is `Failed`.
/// - A proposal waits for a person, who merges `aegis/fix-<incident>` into the release branch by any
///   means that keeps its commit, or deletes it. Commits that a person pushes onto it make it theirs:
///   `Conflict`.
/// - `revert` takes a commit out of the release branch by a three-way merge that keeps later work, and
///   points `aegis/revert-<incident>` at what it made.
///
/// What has to be remembered beside the branches is in refs under `refs/aegis/`. `lookup` never
/// writes to the repository; it starts checks that have neither a result nor a run, as after a crash.
///
/// ```no_run
/// use aegis_local::git::{CommandChecks, GitDeployer, GitRepository};
///
/// # async fn example() -> aegis_core::Result<()> {
/// let repository = GitRepository::open("/srv/shop").await?;
/// let deployer = GitDeployer::builder(repository, "/var/lib/aegis")
///     .checks(CommandChecks::new("python3 -m pytest -q"))
///     .open()
///     .await?;
/// # drop(deployer);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct GitDeployer {
    site: Site,
    ledger: Arc<Ledger>,
    running: Option<Arc<dyn RunningRevision>>,
}

/// How a [`GitDeployer`] is set up.
#[derive(Debug)]
pub struct GitDeployerBuilder {
    repository: GitRepository,
    state: PathBuf,
    checks: Option<Option<Arc<dyn Checks>>>,
    running: Option<Arc<dyn RunningRevision>>,
    name: String,
    email: String,
    allow_dirty: bool,
}

impl GitDeployerBuilder {
    /// What a fix has to pass on its branch.
    #[must_use]
    pub fn checks(mut self, checks: impl Checks) -> Self {
        self.checks = Some(Some(Arc::new(checks)));
        self
    }

    /// No checks: what was submitted is ready at once, on the verification alone.
    #[must_use]
    pub fn without_checks(mut self) -> Self {
        self.checks = Some(None);
        self
    }

    /// Who tells the running revision. Without it nothing ever is `Live`.
    #[must_use]
    pub fn running(mut self, running: impl RunningRevision) -> Self {
        self.running = Some(Arc::new(running));
        self
    }

    /// Who signs commits; `Aegis <aegis@localhost>` unless told.
    #[must_use]
    pub fn author(mut self, name: impl Into<String>, email: impl Into<String>) -> Self {
        self.name = name.into();
        self.email = email.into();
        self
    }

    /// Takes a checkout with changes in it; it stays behind its branch then.
    #[must_use]
    pub fn allow_dirty(mut self) -> Self {
        self.allow_dirty = true;
        self
    }

    /// Opens the deployer, and finishes what a crash left of a fast-forward of the checkout.
    ///
    /// # Errors
    ///
    /// `Invalid` where nobody said which checks, for an author that can't sign, and for a checkout
    /// with changes in tracked files.
    pub async fn open(self) -> Result<GitDeployer> {
        let Some(checks) = self.checks else {
            let say = "say which checks a fix has to pass, or `without_checks()`";
            return Err(Error::invalid(say).at("deploy"));
        };
        check_author(&self.name, &self.email)?;
        let (folder, repository) = (self.state.join("checks"), self.repository.clone());
        let ledger = blocking(move || Ledger::open(checks, repository, folder)).await?;
        let state = self.state.canonicalize()?;
        let site = Site { repository: self.repository, state, name: self.name, email: self.email };
        let allow_dirty = self.allow_dirty;
        site.exclusive(move |repo, site| {
            checkout::resume(repo, &site.state)?;
            let changed = checkout::changed(repo)?;
            if changed.is_empty() || allow_dirty {
                return Ok(());
            }
            Err(Error::invalid(format!(
                "the checkout at {} has changes ({}): commit or stash them, or use a bare repository",
                site.repository.path().display(),
                changed.join(", ")
            ))
            .at("deploy"))
        })
        .await?;
        Ok(GitDeployer { site, ledger: Arc::new(ledger), running: self.running })
    }
}

impl GitDeployer {
    /// A deployer to the release branch of `repository` that keeps its results in `state`.
    pub fn builder(repository: GitRepository, state: impl Into<PathBuf>) -> GitDeployerBuilder {
        GitDeployerBuilder {
            repository,
            state: state.into(),
            checks: None,
            running: None,
            name: String::from("Aegis"),
            email: String::from("aegis@localhost"),
            allow_dirty: false,
        }
    }

    pub(super) async fn submit_parts(&self, offer: Offer) -> Result<Rollout> {
        let placed =
            self.site.exclusive(move |repo, site| submit::place(repo, site, &offer)).await?;
        self.answer(placed).await
    }

    pub(super) async fn merge_parts(
        &self,
        key: &EffectKey,
        head: &Revision,
        base: &Revision,
    ) -> Result<Rollout> {
        // The checks are asked again here: nothing merges on somebody's memory of them.
        let found = self.found(key).await?;
        if let Found::Open { head: tip, .. } = found
            && revision(tip) == *head
        {
            match self.ledger.of(head).await? {
                Checked::Passed => {}
                Checked::Running => return Ok(Rollout::Checking),
                Checked::Failed(feedback) => return Ok(Rollout::Failed(feedback)),
            }
        }
        let (key, head, base) = (key.clone(), head.clone(), base.clone());
        let merged = self
            .site
            .exclusive(move |repo, site| merge::merge(repo, site, &key, &head, &base))
            .await?;
        self.answer(merged).await
    }

    pub(super) async fn revert_parts(
        &self,
        key: &EffectKey,
        commit: &Revision,
        reasons: &[String],
    ) -> Result<Rollout> {
        let (key, commit, reasons) = (key.clone(), commit.clone(), reasons.to_vec());
        let reverted = self
            .site
            .exclusive(move |repo, site| revert::revert(repo, site, &key, &commit, &reasons))
            .await?;
        match reverted {
            Ok(commit) => self.rolled_out(commit).await,
            Err(rollout) => Ok(rollout),
        }
    }

    async fn found(&self, key: &EffectKey) -> Result<Found> {
        let (site, key) = (self.site.clone(), key.clone());
        self.site.repository.with(move |repo| find::fix(repo, &site, &key)).await
    }

    async fn answer(&self, found: Result<Found, Rollout>) -> Result<Rollout> {
        let (head, propose) = match found {
            Err(rollout) => return Ok(rollout),
            Ok(Found::Absent) => return Err(Error::internal("nothing was submitted").at("deploy")),
            Ok(Found::Merged(commit)) => return self.rolled_out(commit).await,
            Ok(Found::Withdrawn) => return Ok(Rollout::Withdrawn),
            Ok(Found::Closed) => return Ok(Rollout::ClosedByPerson),
            Ok(Found::Foreign) => return Ok(Rollout::Conflict),
            Ok(Found::Open { head, propose }) => (revision(head), propose),
        };
        Ok(match self.ledger.of(&head).await? {
            Checked::Running => Rollout::Checking,
            Checked::Failed(feedback) => Rollout::Failed(feedback),
            Checked::Passed if propose => Rollout::AwaitingPerson,
            Checked::Passed => Rollout::Ready { head },
        })
    }

    /// Merged, until it is reported running or would not start.
    async fn rolled_out(&self, commit: Oid) -> Result<Rollout> {
        let merged = Rollout::Merged { commit: revision(commit) };
        let Some(running) = &self.running else { return Ok(merged) };
        match running.running().await {
            Ok(Some(now)) if self.contains(&now.revision, commit).await? => {
                let commit = Some(revision(commit));
                return Ok(Rollout::Live { release: now.revision, at: now.since, commit });
            }
            Ok(_) => {}
            // The merge is a fact whether or not its runner answers.
            Err(e) => {
                tracing::warn!(error = %e, "nobody tells the running revision");
                return Ok(merged);
            }
        }
        match running.refused().await {
            Ok(Some(refusal)) if self.contains(&refusal.revision, commit).await? => {
                let Feedback { summary, detail, .. } = refusal.feedback;
                Ok(Rollout::Failed(Feedback::new(summary, detail)))
            }
            _ => Ok(merged),
        }
    }

    /// Whether `at` is `commit` or comes after it; a revision that is not in the repository does not.
    async fn contains(&self, at: &Revision, commit: Oid) -> Result<bool> {
        let Ok(at) = oid(at) else { return Ok(false) };
        self.site
            .repository
            .with(move |repo| {
                if repo.find_commit(at).is_err() {
                    return Ok(false);
                }
                read::contains(repo, at, commit)
            })
            .await
    }
}

impl Drop for GitDeployer {
    fn drop(&mut self) {
        self.ledger.cancel_all();
    }
}

#[async_trait]
impl Deployer for GitDeployer {
    async fn submit(&self, order: &Order) -> Result<Rollout> {
        self.submit_parts(Offer {
            key: order.key().clone(),
            fix: order.fix().clone(),
            base: order.base().clone(),
            body: order.body().to_owned(),
            propose_only: order.propose_only(),
        })
        .await
    }

    async fn lookup(&self, key: &EffectKey) -> Result<Option<Rollout>> {
        if key.kind == EffectKind::Revert {
            let (site, key) = (self.site.clone(), key.clone());
            let found =
                self.site.repository.with(move |repo| find::revert(repo, &site, &key)).await?;
            return match found {
                Some(commit) => self.rolled_out(commit).await.map(Some),
                None => Ok(None),
            };
        }
        match self.found(key).await? {
            Found::Absent => Ok(None),
            found => self.answer(Ok(found)).await.map(Some),
        }
    }

    async fn merge(&self, order: &MergeOrder) -> Result<Rollout> {
        self.merge_parts(order.key(), order.head(), order.base()).await
    }

    async fn withdraw(&self, key: &EffectKey, why: &str) -> Result<Rollout> {
        if let Found::Open { head, .. } = self.found(key).await? {
            self.ledger.cancel(&revision(head));
        }
        let (key, why) = (key.clone(), why.to_owned());
        let found = self
            .site
            .exclusive(move |repo, site| withdraw::withdraw(repo, site, &key, &why))
            .await?;
        self.answer(Ok(found)).await
    }

    async fn revert(&self, order: &RevertOrder) -> Result<Rollout> {
        self.revert_parts(order.key(), order.commit(), order.reasons()).await
    }
}
