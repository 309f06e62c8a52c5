//! A real repository in a temporary folder, and orders cleared by the real gate.

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use aegis_core::model::{Case, Fix, FixKind};
use aegis_core::patch::{Edit, Patch};
use aegis_core::stage::{Deployer as _, Order, Rollout};
use aegis_core::testkit::mint;
use aegis_core::{EffectKey, EffectKind, Result, Revision};
use aegis_local::git::{GitDeployer, GitRepository, Refusal, Running, RunningRevision};
use async_trait::async_trait;
use git2::build::{CheckoutBuilder, TreeUpdateBuilder};
use git2::{FileMode, Oid, Repository, RepositoryInitOptions, Signature, Time};
use tempfile::TempDir;

pub(crate) const APP: &str =
    "def share(total, n):\n    return total / n\n\n\ndef other():\n    return 1\n";

pub(crate) struct Workshop {
    pub(crate) dir: TempDir,
}

impl Workshop {
    pub(crate) fn new() -> Self {
        Self::init(false)
    }

    pub(crate) fn bare() -> Self {
        Self::init(true)
    }

    fn init(bare: bool) -> Self {
        let it = Self { dir: tempfile::tempdir().unwrap() };
        let mut options = RepositoryInitOptions::new();
        options.bare(bare).initial_head("main").external_template(false);
        Repository::init_opts(it.path(), &options).unwrap();
        it.commit(&[("app.py", Some(APP)), ("doc/readme.md", Some("# Shop\n"))], "Begin");
        it
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.dir.path().join("shop")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    pub(crate) fn raw(&self) -> Repository {
        Repository::open(self.path()).unwrap()
    }

    pub(crate) fn head(&self) -> Revision {
        self.at("refs/heads/main").unwrap()
    }

    pub(crate) fn at(&self, name: &str) -> Option<Revision> {
        self.raw().refname_to_id(name).ok().map(|id| Revision::new(id.to_string()))
    }

    /// Every ref with its target.
    pub(crate) fn refs(&self) -> Vec<(String, String)> {
        let repo = self.raw();
        let mut all: Vec<(String, String)> = repo
            .references()
            .unwrap()
            .map(|r| r.unwrap())
            .map(|r| (r.name().unwrap().to_owned(), r.target().unwrap().to_string()))
            .collect();
        all.sort();
        all
    }

    /// A person commits to `main`, in the checkout where there is one.
    pub(crate) fn commit(&self, files: &[(&str, Option<&str>)], message: &str) -> Revision {
        let made = self.commit_to("refs/heads/main", files, message);
        self.check_out();
        made
    }

    /// Brings the checkout to the head of its branch.
    pub(crate) fn check_out(&self) {
        let repo = self.raw();
        if !repo.is_bare() {
            repo.checkout_head(Some(CheckoutBuilder::new().force())).unwrap();
        }
    }

    /// A person commits to any ref, without a checkout.
    pub(crate) fn commit_to(
        &self,
        name: &str,
        files: &[(&str, Option<&str>)],
        message: &str,
    ) -> Revision {
        let repo = self.raw();
        let parent = repo.refname_to_id(name).ok().map(|id| repo.find_commit(id).unwrap());
        let tree = match &parent {
            Some(parent) => parent.tree().unwrap(),
            None => repo.find_tree(repo.treebuilder(None).unwrap().write().unwrap()).unwrap(),
        };
        let mut update = TreeUpdateBuilder::new();
        for (path, text) in files {
            let mode =
                if path.ends_with(".sh") { FileMode::BlobExecutable } else { FileMode::Blob };
            match text {
                Some(text) => update.upsert(*path, repo.blob(text.as_bytes()).unwrap(), mode),
                None => update.remove(*path),
            };
        }
        let tree = repo.find_tree(update.create_updated(&repo, &tree).unwrap()).unwrap();
        let parents: Vec<_> = parent.iter().collect();
        let id = repo.commit(Some(name), &person(), &person(), message, &tree, &parents).unwrap();
        Revision::new(id.to_string())
    }

    /// A person merges `branch` into `main`, with a merge commit.
    pub(crate) fn merge_by_hand(&self, branch: &str) -> Revision {
        let repo = self.raw();
        let ours = repo.find_commit(repo.refname_to_id("refs/heads/main").unwrap()).unwrap();
        let name = format!("refs/heads/{branch}");
        let theirs = repo.find_commit(repo.refname_to_id(&name).unwrap()).unwrap();
        let mut index = repo.merge_commits(&ours, &theirs, None).unwrap();
        let tree = repo.find_tree(index.write_tree_to(&repo).unwrap()).unwrap();
        let id = repo
            .commit(
                Some("refs/heads/main"),
                &person(),
                &person(),
                "Merge it",
                &tree,
                &[&ours, &theirs],
            )
            .unwrap();
        self.check_out();
        Revision::new(id.to_string())
    }

    pub(crate) fn delete(&self, name: &str) {
        self.raw().find_reference(name).unwrap().delete().unwrap();
    }

    pub(crate) fn text(&self, at: &Revision, path: &str) -> Option<String> {
        let repo = self.raw();
        let tree = repo.find_commit(id(at)).unwrap().tree().unwrap();
        let entry = tree.get_path(Path::new(path)).ok()?;
        let blob = repo.find_blob(entry.id()).unwrap();
        Some(String::from_utf8(blob.content().to_vec()).unwrap())
    }

    pub(crate) fn message(&self, at: &Revision) -> String {
        self.raw().find_commit(id(at)).unwrap().message().unwrap().to_owned()
    }

    pub(crate) async fn repository(&self) -> GitRepository {
        GitRepository::open(self.path()).await.unwrap()
    }

    /// A deployer without checks.
    pub(crate) async fn deployer(&self) -> GitDeployer {
        GitDeployer::builder(self.repository().await, self.state())
            .without_checks()
            .open()
            .await
            .unwrap()
    }

    /// A deployer without checks that is told what runs.
    pub(crate) async fn deployer_beside(&self, running: impl RunningRevision) -> GitDeployer {
        GitDeployer::builder(self.repository().await, self.state())
            .without_checks()
            .running(running)
            .open()
            .await
            .unwrap()
    }

    /// The guard that heals [`APP`], on the head of `main`.
    pub(crate) fn guard(&self) -> Fix {
        let search = "    return total / n\n";
        let replace = "    if n == 0:\n        return 0\n    return total / n\n";
        self.replace("app.py", search, replace)
    }

    pub(crate) fn replace(&self, path: &str, search: &str, replace: &str) -> Fix {
        let edit =
            Edit::Replace { path: path.into(), search: search.into(), replace: replace.into() };
        let patch = Patch::new(self.head(), vec![edit]);
        Fix::new(FixKind::Patch(patch), format!("Change {path}"), "test")
            .with_meaning("An empty basket costs nothing.")
    }

    pub(crate) fn order(&self, incident: &str, fix: &Fix) -> Order {
        mint::order(&case(incident), 1, fix, &self.head(), false).unwrap()
    }
}

/// Whoever runs the service; a test says what runs.
#[derive(Debug, Default)]
pub(crate) struct Runner {
    pub(crate) running: Mutex<Option<Running>>,
    pub(crate) refused: Mutex<Option<Refusal>>,
}

#[async_trait]
impl RunningRevision for Runner {
    async fn running(&self) -> Result<Option<Running>> {
        Ok(self.running.lock().unwrap().clone())
    }

    async fn refused(&self) -> Result<Option<Refusal>> {
        Ok(self.refused.lock().unwrap().clone())
    }
}

pub(crate) fn case(incident: &str) -> Case {
    mint::case("shop", incident)
}

pub(crate) fn key(incident: &str, kind: EffectKind) -> EffectKey {
    mint::key(&case(incident), 1, kind)
}

pub(crate) fn branch(incident: &str) -> String {
    format!("refs/heads/aegis/fix-{incident}")
}

pub(crate) fn id(at: &Revision) -> Oid {
    Oid::from_str(at.as_str()).unwrap()
}

pub(crate) fn person() -> Signature<'static> {
    Signature::new("Ada", "ada@example.org", &Time::new(1_700_000_000, 60)).unwrap()
}

/// The head of a rollout that is ready.
pub(crate) fn ready(rollout: Rollout) -> Revision {
    match rollout {
        Rollout::Ready { head } => head,
        other => panic!("not ready: {other:?}"),
    }
}

/// The commit of a rollout that is merged.
pub(crate) fn merged(rollout: Rollout) -> Revision {
    match rollout {
        Rollout::Merged { commit } => commit,
        other => panic!("not merged: {other:?}"),
    }
}

/// Submits `fix` and merges it.
pub(crate) async fn ship(
    shop: &Workshop,
    deployer: &GitDeployer,
    incident: &str,
    fix: &Fix,
) -> Revision {
    let base = shop.head();
    let head = ready(deployer.submit(&shop.order(incident, fix)).await.unwrap());
    let order = mint::merge_order(&case(incident), 1, fix, &base, head).unwrap();
    merged(deployer.merge(&order).await.unwrap())
}

/// Looks again until `found` answers, at most half a minute.
pub(crate) async fn until<T>(what: &str, mut found: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(value) = found().await {
            return value;
        }
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
