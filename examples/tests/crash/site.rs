//! A real Git repository as the remote, bare or behind what stands in for GitHub, and what it tells
//! afterwards.

use std::path::{Path, PathBuf};

use aegis_core::stage::{Deployer, MergeOrder, Order, RevertOrder, Rollout};
use aegis_core::{EffectKey, Result};
use async_trait::async_trait;
use git2::{Oid, Repository};

use super::points::at;

/// A deployer with points before and after each write.
#[derive(Debug)]
pub(super) struct Pointed {
    pub(super) inner: Box<dyn Deployer>,
    pub(super) folder: PathBuf,
}

impl Pointed {
    async fn around(
        &self,
        name: &str,
        write: impl Future<Output = Result<Rollout>>,
    ) -> Result<Rollout> {
        at(&self.folder, &format!("{name} before"));
        let done = write.await;
        at(&self.folder, &format!("{name} after"));
        done
    }
}

#[async_trait]
impl Deployer for Pointed {
    async fn submit(&self, order: &Order) -> Result<Rollout> {
        self.around("submit", self.inner.submit(order)).await
    }

    async fn lookup(&self, key: &EffectKey) -> Result<Option<Rollout>> {
        self.inner.lookup(key).await
    }

    async fn merge(&self, order: &MergeOrder) -> Result<Rollout> {
        self.around("merge", self.inner.merge(order)).await
    }

    async fn withdraw(&self, key: &EffectKey, why: &str) -> Result<Rollout> {
        self.around("withdraw", self.inner.withdraw(key, why)).await
    }

    async fn revert(&self, order: &RevertOrder) -> Result<Rollout> {
        self.around("revert", self.inner.revert(order)).await
    }

    async fn amend(&self, key: &EffectKey, body: &str) -> Result<()> {
        self.inner.amend(key, body).await
    }
}

/// What may run out of space: the journal, the repository, the deployer's state.
pub(super) fn disk(folder: &Path) -> PathBuf {
    folder.join("disk")
}

pub(super) fn state(folder: &Path) -> PathBuf {
    disk(folder).join("state")
}

pub(super) fn path(folder: &Path) -> PathBuf {
    disk(folder).join("services.git")
}

pub(super) fn repository(folder: &Path) -> Repository {
    Repository::open_bare(path(folder)).unwrap()
}

/// Branches of fixes, by their whole names, and where they point.
pub(super) fn branches(repository: &Repository) -> Vec<(String, Oid)> {
    let found = repository.references_glob("refs/heads/aegis/fix-*").unwrap();
    let branch =
        |found: git2::Reference<'_>| (found.name().unwrap().to_owned(), found.target().unwrap());
    found.map(|found| branch(found.unwrap())).collect()
}

/// What the release branch holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tally {
    /// Commits that mend the service.
    pub(super) fixes: usize,
    /// Merges, whoever made them.
    pub(super) merges: usize,
    /// Commits that take something back.
    pub(super) reverts: usize,
    /// All refs, and where they point.
    pub(super) refs: Vec<(String, Oid)>,
}

pub(super) fn tally(folder: &Path) -> Tally {
    let repository = repository(folder);
    let mut walk = repository.revwalk().unwrap();
    walk.push_ref("refs/heads/main").unwrap();
    let (mut fixes, mut merges, mut reverts) = (0, 0, 0);
    for id in walk {
        let commit = repository.find_commit(id.unwrap()).unwrap();
        let text = commit.message().unwrap();
        let takes_back = text.contains("\nAegis-Reverts:");
        merges += usize::from(commit.parent_count() == 2);
        reverts += usize::from(takes_back);
        fixes +=
            usize::from(commit.parent_count() == 1 && !takes_back && text.contains("\nAegis-Key:"));
    }
    let refs = repository.references().unwrap();
    let refs = refs.filter_map(|found| {
        let found = found.unwrap();
        Some((found.name().ok()?.to_owned(), found.target()?))
    });
    Tally { fixes, merges, reverts, refs: refs.collect() }
}
