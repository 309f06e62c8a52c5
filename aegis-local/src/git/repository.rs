//! The service's source, read from objects.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aegis_core::model::{Commit, Release};
use aegis_core::port::{FileEntry, Repository};
use aegis_core::{Error, ErrorKind, Result, Revision};
use async_trait::async_trait;
use git2::RepositoryOpenFlags;

use super::error::{revision, wrap};
use super::take_back::{self, TakenBack};
use super::{export, read};

/// A Git repository on this machine and the branch that releases are made from.
///
/// Cheap to clone. The repository is opened anew for each call, so that what other processes write
/// is seen; all work runs on the runtime's blocking threads.
#[derive(Debug, Clone)]
pub struct GitRepository {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    branch: String,
}

impl GitRepository {
    /// Opens the repository at `path` on the branch that is checked out there.
    ///
    /// # Errors
    ///
    /// `NotFound` where there is no repository or the branch has no commit, `Invalid` on a detached
    /// head: then nobody can tell which branch releases are made from.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self> {
        Self::open_inner(path.into(), None).await
    }

    /// Opens the repository at `path` on the branch of this name.
    ///
    /// # Errors
    ///
    /// `NotFound` where there is no repository or no such branch.
    pub async fn open_branch(path: impl Into<PathBuf>, branch: impl Into<String>) -> Result<Self> {
        Self::open_inner(path.into(), Some(branch.into())).await
    }

    async fn open_inner(path: PathBuf, branch: Option<String>) -> Result<Self> {
        blocking(move || {
            let missing = |e| {
                Error::not_found(format!(
                    "no Git repository at {}: name its folder, or make one with `git init` and commit",
                    path.display()
                ))
                .with_source(e)
                .at("git")
            };
            let path = path.canonicalize().map_err(|e| missing(git2::Error::from_str(&e.to_string())))?;
            let repo = open(&path).map_err(|e| match e.kind() {
                ErrorKind::NotFound => missing(git2::Error::from_str("not a repository")),
                _ => e,
            })?;
            let branch = match branch {
                Some(branch) => branch,
                None => checked_out(&repo, &path)?,
            };
            read::head(&repo, &branch)?;
            Ok(Self { inner: Arc::new(Inner { path, branch }) })
        })
        .await
    }

    /// Where the repository is.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// The branch that releases are made from, without `refs/heads/`.
    pub fn branch(&self) -> &str {
        &self.inner.branch
    }

    /// The whole message of a commit.
    pub async fn message(&self, at: &Revision) -> Result<String> {
        let at = at.clone();
        self.with(move |repo| Ok(read::message(&read::commit(repo, &at)?))).await
    }

    /// Ids of a commit's parents, the mainline first.
    pub async fn parents(&self, at: &Revision) -> Result<Vec<Revision>> {
        let at = at.clone();
        self.with(move |repo| Ok(read::commit(repo, &at)?.parent_ids().map(revision).collect()))
            .await
    }

    /// Takes `release` out of `base` as [`GitDeployer`](super::GitDeployer) does, and writes what is
    /// left into the empty folder `into`. The repository is only read.
    ///
    /// # Errors
    ///
    /// `NotFound` where one of the commits is not there.
    pub async fn take_back(
        &self,
        release: &Release,
        base: &Revision,
        into: &Path,
    ) -> Result<TakenBack> {
        let (release, base, into) = (release.clone(), base.clone(), into.to_owned());
        self.with(move |repo| take_back::trial(repo, &release, &base, &into)).await
    }

    /// Name of the ref of the release branch.
    pub(super) fn release_ref(&self) -> String {
        format!("refs/heads/{}", self.inner.branch)
    }

    /// Runs blocking work on the repository.
    pub(super) async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&git2::Repository) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let inner = self.inner.clone();
        blocking(move || work(&open(&inner.path)?)).await
    }
}

/// Runs `work` on a blocking thread.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(e) if e.is_panic() => {
            Err(Error::new(ErrorKind::Panicked, "work on the repository panicked").at("git"))
        }
        Err(e) => {
            Err(Error::new(ErrorKind::Cancelled, "the runtime is shutting down").with_source(e))
        }
    }
}

fn open(path: &Path) -> Result<git2::Repository> {
    let none: [&Path; 0] = [];
    git2::Repository::open_ext(path, RepositoryOpenFlags::NO_SEARCH, none)
        .map_err(wrap(format!("can't open the repository at {}", path.display())))
}

fn checked_out(repo: &git2::Repository, path: &Path) -> Result<String> {
    let head = repo.find_reference("HEAD").map_err(wrap("can't read HEAD"))?;
    let target = head.symbolic_target().ok().flatten();
    target.and_then(|t| t.strip_prefix("refs/heads/")).map(str::to_owned).ok_or_else(|| {
        Error::invalid(format!(
            "{} is on a detached head: check out the branch that releases are made from \
             (`git switch main`)",
            path.display()
        ))
        .at("git")
    })
}

#[async_trait]
impl Repository for GitRepository {
    async fn head(&self) -> Result<Revision> {
        let branch = self.inner.branch.clone();
        self.with(move |repo| Ok(revision(read::head(repo, &branch)?))).await
    }

    async fn read(&self, at: &Revision, path: &str) -> Result<Option<Vec<u8>>> {
        let (at, path) = (at.clone(), path.to_owned());
        self.with(move |repo| read::file(repo, &at, &path)).await
    }

    async fn list(&self, at: &Revision) -> Result<Vec<FileEntry>> {
        let at = at.clone();
        self.with(move |repo| read::list(repo, &at)).await
    }

    async fn history(
        &self,
        at: &Revision,
        path: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Commit>> {
        let (at, path) = (at.clone(), path.map(str::to_owned));
        self.with(move |repo| read::history(repo, &at, path.as_deref(), limit)).await
    }

    async fn tree(&self, at: &Revision) -> Result<String> {
        let at = at.clone();
        self.with(move |repo| Ok(read::commit(repo, &at)?.tree_id().to_string())).await
    }

    async fn export(&self, at: &Revision, into: &Path) -> Result<()> {
        let (at, into) = (at.clone(), into.to_owned());
        self.with(move |repo| export::export(repo, &read::tree(&read::commit(repo, &at)?)?, &into))
            .await
    }
}
