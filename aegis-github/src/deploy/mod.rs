//! From proof to production by pull requests.

mod amend;
mod change;
mod checks;
mod commit;
mod find;
mod live;
mod merge;
mod note;
mod pull;
mod releases;
mod revert;
mod rights;
mod submit;
mod verify;
mod waiting;
mod withdraw;

use std::sync::Arc;

use aegis_core::port::{Clock as _, Journal, Repository as _, SystemClock};
use aegis_core::stage::{Deployer, MergeOrder, Order, RevertOrder, Rollout};
use aegis_core::{EffectKey, Error, Result, Revision, ServiceName};
use async_trait::async_trait;
use serde::Deserialize;

pub use self::checks::GitHubChecks;
use self::checks::Verdict;
use self::find::{Found, find};
pub use self::live::Live;
use self::note::Note;
pub use self::pull::MergeMethod;
use self::pull::{Pull, Remote};
pub use self::releases::GitHubReleases;
pub use self::verify::{ActionsVerifier, ActionsVerifierBuilder};
use self::waiting::Waiting;
use crate::repository::{GitHubRepository, moment};

/// Ships fixes by pull requests, and takes them back by pull requests.
///
/// - `submit` makes one commit on the verified base, on `aegis/fix-<incident>`, and opens a pull
///   request whose first line says, hidden, what it is for: GitHub alone answers after a crash.
/// - A fix is ready once the repository's own checks pass on exactly the commit that was submitted.
/// - `merge` merges exactly that commit, and only onto the base that was verified. GitHub compares the
///   head as it merges and not the base: what is pushed within these two calls is merged with it.
///   Branch protection that asks for branches to be up to date closes that gap.
/// - Where the credentials are a personal token, GitHub makes the commits and signs them; what an App
///   commits it signs anyway. See [`signed`](GitHubDeployerBuilder::signed).
/// - It is live by what [`Live`] shows, whoever deployed it.
/// - A person stops it by closing the pull request, or takes it over by pushing to its branch.
/// - `revert` opens a pull request of its own, on `aegis/revert-<incident>`, that puts each file back
///   that nobody changed since, and merges it under the same rules. GitHub's own `revertPullRequest` is
///   not used: it names the branch and words the commit itself, merges into files that were changed
///   since, and leaves nothing to tell its second call from the first before there is a note.
/// - Where GitHub has to merge later, by auto-merge or through a merge queue, see
///   [`waits_on_github`](GitHubDeployerBuilder::waits_on_github).
///
/// ```no_run
/// use aegis_github::{Credentials, GitHub, GitHubChecks, GitHubConfig, GitHubDeployer};
/// use aegis_github::{GitHubRepository, Live};
///
/// # async fn example() -> aegis_core::Result<()> {
/// let token = std::env::var("GITHUB_TOKEN").unwrap_or_default();
/// let github = GitHub::new(Credentials::token(token), GitHubConfig::new())?;
/// let repository = GitHubRepository::open(github, "acme/shop").await?;
/// let deployer = GitHubDeployer::builder(repository)
///     .checks(GitHubChecks::all())
///     .live(Live::deployments("production"))
///     .open()
///     .await?;
/// # drop(deployer);
/// # Ok(())
/// # }
/// ```
#[doc = include_str!("faults.md")]
#[derive(Debug)]
pub struct GitHubDeployer {
    remote: Remote,
    checks: GitHubChecks,
    live: Live,
    method: MergeMethod,
    labels: Vec<String>,
    /// Whether the repository lets GitHub merge by itself.
    auto: bool,
    waiting: Option<Waiting>,
}

/// How a [`GitHubDeployer`] is set up.
#[derive(Debug)]
pub struct GitHubDeployerBuilder {
    repository: GitHubRepository,
    checks: Option<GitHubChecks>,
    live: Option<Live>,
    method: MergeMethod,
    labels: Vec<String>,
    signed: Option<bool>,
    waiting: Option<Waiting>,
}

#[derive(Deserialize)]
struct About {
    permissions: Option<Permissions>,
    allow_merge_commit: Option<bool>,
    allow_squash_merge: Option<bool>,
    allow_rebase_merge: Option<bool>,
    allow_auto_merge: Option<bool>,
}

#[derive(Deserialize)]
struct Permissions {
    push: bool,
}

impl GitHubDeployerBuilder {
    /// What a fix has to pass on its branch.
    #[must_use]
    pub fn checks(mut self, checks: GitHubChecks) -> Self {
        self.checks = Some(checks);
        self
    }

    /// What shows that a release runs.
    #[must_use]
    pub fn live(mut self, live: Live) -> Self {
        self.live = Some(live);
        self
    }

    /// How pull requests are merged; by a merge commit unless set.
    #[must_use]
    pub fn merged_by(mut self, method: MergeMethod) -> Self {
        self.method = method;
        self
    }

    /// Labels of pull requests; `aegis` unless set. GitHub makes those that are not there.
    #[must_use]
    pub fn labels(mut self, labels: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.labels = labels.into_iter().map(Into::into).collect();
        self
    }

    /// Whether GitHub makes the commits itself, so that they are verified as signed by whoever the
    /// credentials are; unless set, it does where those are a personal token. It can't set a file's
    /// mode, so a commit that has to, as one of an executable file, is made of Git's objects, and so
    /// is each on a server that can't do it. Of these GitHub signs those of an App.
    #[must_use]
    pub fn signed(mut self, signed: bool) -> Self {
        self.signed = Some(signed);
        self
    }

    /// Lets GitHub merge later what it does not merge at once: by auto-merge, where the repository
    /// allows that and checks are required that were not told, or through its merge queue, where the
    /// branch has one. Unless said, the first is asked for again and the second refused.
    ///
    /// `journal` is the planner's. While something waits, its kill switch and people's freezes are read
    /// each second, and the pull request is taken out where one holds, where it can't be read, where
    /// head or base moved, and after an hour. Weekly freezes and storms only stop what does not wait
    /// yet. This holds while a process with this deployer runs; what one leaves that ends is watched
    /// again from the next look at it.
    #[must_use]
    pub fn waits_on_github(mut self, journal: Arc<dyn Journal>) -> Self {
        self.waiting = Some(Waiting::new(journal));
        self
    }

    /// Opens the deployer, and sees whether it may do what it will have to.
    ///
    /// # Errors
    ///
    /// `Invalid` where nobody said which checks, or what shows that a release runs, and where the
    /// repository does not merge like that; `Denied` where the credentials lack a right of those that
    /// [`Credentials`](crate::Credentials) lists, as far as GitHub tells that before.
    pub async fn open(self) -> Result<GitHubDeployer> {
        let Some(checks) = self.checks else {
            return Err(said("say which checks a fix has to pass, or `GitHubChecks::none()`"));
        };
        let Some(live) = self.live else {
            return Err(said(
                "say what shows that a release runs: `Live::deployments(..)`, \
                             `Live::workflow(..)` or `Live::running(..)`",
            ));
        };
        let name = self.repository.name().to_owned();
        let about: About = self.repository.github().get(&format!("repos/{name}")).await?;
        if about.permissions.is_some_and(|may| !may.push) {
            let say = format!(
                "whose credentials these are may only read {name}: give them the role Write, and the \
                 token contents and pull requests to read and write"
            );
            return Err(Error::denied(say).at("deploy"));
        }
        let allowed = match self.method {
            MergeMethod::Merge => about.allow_merge_commit,
            MergeMethod::Squash => about.allow_squash_merge,
            MergeMethod::Rebase => about.allow_rebase_merge,
        };
        if allowed == Some(false) {
            let say = format!(
                "{name} does not allow to merge by {:?}: set another `merged_by`, or allow it in the \
                 repository's settings",
                self.method
            );
            return Err(Error::invalid(say).at("deploy"));
        }
        let (method, labels) = (self.method, self.labels);
        let signed = self.signed.unwrap_or_else(|| self.repository.github().is_person());
        let remote = Remote { repository: self.repository, signed };
        let head = remote.repository.head().await?;
        let mut needs = vec![rights::contents(), rights::pulls()];
        needs.extend(rights::checks(head.as_str()));
        needs.extend(rights::live(&live));
        rights::check(&remote, &needs).await?;
        let (auto, waiting) = (about.allow_auto_merge == Some(true), self.waiting);
        Ok(GitHubDeployer { remote, checks, live, method, labels, auto, waiting })
    }
}

fn said(what: &str) -> Error {
    Error::invalid(what).at("deploy")
}

impl GitHubDeployer {
    /// A deployer to the release branch of `repository`.
    pub fn builder(repository: GitHubRepository) -> GitHubDeployerBuilder {
        GitHubDeployerBuilder {
            repository,
            checks: None,
            live: None,
            method: MergeMethod::default(),
            labels: vec![String::from("aegis")],
            signed: None,
            waiting: None,
        }
    }

    /// The releases of `service`, whoever makes them, as events.
    pub fn releases(&self, service: impl Into<ServiceName>) -> GitHubReleases {
        GitHubReleases::new(self.remote.clone(), self.live.clone(), service.into())
    }

    /// What the repository's checks say of the head of a pull request.
    async fn verdict(&self, pull: &Pull) -> Result<Verdict> {
        let age = SystemClock.now().since(moment(&pull.created_at)?);
        checks::verdict(&self.remote, &self.checks, &pull.head.sha, age).await
    }

    async fn rolled_out(&self, commit: &str) -> Result<Rollout> {
        live::rolled_out(&self.remote, &self.live, commit).await
    }

    /// Whether GitHub merges it by itself.
    async fn waits(&self, pull: &Pull, note: &Note) -> Result<bool> {
        let Some(waiting) = &self.waiting else { return Ok(false) };
        waiting.was_begun(&self.remote, pull, note).await
    }

    async fn answer(&self, found: Found) -> Result<Rollout> {
        let (pull, note) = match found {
            Found::Absent | Found::Branch { .. } => {
                return Err(Error::internal("nothing was submitted").at("deploy"));
            }
            Found::Merged(commit, _) => return self.rolled_out(&commit).await,
            Found::Closed(note) if note.withdrawn.is_some() => return Ok(Rollout::Withdrawn),
            Found::Closed(_) => return Ok(Rollout::ClosedByPerson),
            Found::Foreign => return Ok(Rollout::Conflict),
            Found::Open(pull, note) => (pull, note),
        };
        Ok(match self.verdict(&pull).await? {
            Verdict::Waiting => Rollout::Checking,
            Verdict::Failed(feedback) => Rollout::Failed(feedback),
            Verdict::Passed if note.propose => Rollout::AwaitingPerson,
            Verdict::Passed if self.waits(&pull, &note).await? => Rollout::Checking,
            Verdict::Passed => Rollout::Ready { head: Revision::new(note.head) },
        })
    }
}

#[async_trait]
impl Deployer for GitHubDeployer {
    async fn submit(&self, order: &Order) -> Result<Rollout> {
        match submit::place(self, order).await? {
            Ok(found) => self.answer(found).await,
            Err(rollout) => Ok(rollout),
        }
    }

    async fn lookup(&self, key: &EffectKey) -> Result<Option<Rollout>> {
        match find(&self.remote, key).await? {
            Found::Absent | Found::Branch { .. } => Ok(None),
            found => self.answer(found).await.map(Some),
        }
    }

    async fn merge(&self, order: &MergeOrder) -> Result<Rollout> {
        merge::merge(self, order).await
    }

    async fn withdraw(&self, key: &EffectKey, why: &str) -> Result<Rollout> {
        match withdraw::withdraw(self, key, why).await? {
            Some(found) => self.answer(found).await,
            None => Ok(Rollout::Withdrawn),
        }
    }

    async fn revert(&self, order: &RevertOrder) -> Result<Rollout> {
        revert::revert(self, order).await
    }

    async fn amend(&self, key: &EffectKey, body: &str) -> Result<()> {
        amend::amend(&self.remote, key, body).await
    }
}
