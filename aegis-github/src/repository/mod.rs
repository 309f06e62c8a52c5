//! The service's source, read by GitHub's API.

mod export;
mod tree;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aegis_core::model::Commit;
use aegis_core::port::{FileEntry, Repository};
use aegis_core::{Error, Result, Revision, Timestamp};
use async_trait::async_trait;
use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

pub(crate) use self::tree::Tree;
use crate::client::{Failure, GitHub};
use crate::config::is_name;

/// Trees, and what single commits touched, that are kept: neither ever changes.
const KEPT: usize = 8;
const COMMITS_KEPT: usize = 256;
/// Commits of a history whose files are asked for, a call each.
const DETAILED: usize = 30;

/// A repository on GitHub and the branch that releases are made from.
///
/// Cheap to clone. Nothing is checked out: files are read as objects.
#[derive(Debug, Clone)]
pub struct GitHubRepository {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    github: GitHub,
    /// `repos/OWNER/NAME`.
    path: String,
    branch: String,
    trees: Recent<Arc<Tree>>,
    commits: Recent<Commit>,
}

#[derive(Deserialize)]
struct About {
    default_branch: String,
    archived: bool,
}

#[derive(Deserialize)]
struct Ref {
    object: Object,
}

#[derive(Deserialize)]
struct Object {
    sha: String,
}

#[derive(Deserialize)]
struct Listed {
    sha: String,
    commit: Described,
    #[serde(default)]
    files: Vec<Touched>,
}

#[derive(Deserialize)]
struct Described {
    message: String,
    author: Option<Signed>,
    committer: Option<Signed>,
}

/// A commit as Git has it, which is less to tell than what it changed.
#[derive(Deserialize)]
struct Bare {
    tree: Object,
}

#[derive(Deserialize)]
struct Signed {
    name: Option<String>,
    date: Option<String>,
}

#[derive(Deserialize)]
struct Touched {
    filename: String,
}

impl GitHubRepository {
    /// The repository `name` (`owner/repository`) on its default branch.
    ///
    /// # Errors
    ///
    /// `NotFound` where there is none that these credentials see, `Denied` where it is archived,
    /// `Invalid` for what is no name.
    pub async fn open(github: GitHub, name: &str) -> Result<Self> {
        Self::open_inner(github, name, None).await
    }

    /// The repository `name` on the branch `branch`.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open), and `NotFound` where there is no such branch.
    pub async fn open_branch(github: GitHub, name: &str, branch: &str) -> Result<Self> {
        Self::open_inner(github, name, Some(branch)).await
    }

    async fn open_inner(github: GitHub, name: &str, branch: Option<&str>) -> Result<Self> {
        is_name(name)?;
        let path = format!("repos/{name}");
        let about: About = github.get(&path).await?;
        if about.archived {
            let say = format!("{name} is archived: nothing can be shipped to it");
            return Err(Error::denied(say).at("github"));
        }
        let branch = branch.map_or(about.default_branch, str::to_owned);
        let (trees, commits) = (Recent::of(KEPT), Recent::of(COMMITS_KEPT));
        let inner = Inner { github, path, branch, trees, commits };
        let repository = Self { inner: Arc::new(inner) };
        repository.head().await?;
        Ok(repository)
    }

    /// `owner/repository`.
    pub fn name(&self) -> &str {
        self.inner.path.trim_start_matches("repos/")
    }

    /// The branch that releases are made from.
    pub fn branch(&self) -> &str {
        &self.inner.branch
    }

    /// The connection that it is read by.
    pub(crate) fn github(&self) -> &GitHub {
        &self.inner.github
    }

    /// The address of what belongs to it.
    pub(crate) fn at(&self, path: &str) -> String {
        format!("{}/{path}", self.inner.path)
    }

    /// The tree of a commit, which is kept.
    pub(crate) async fn files(&self, at: &Revision) -> Result<Arc<Tree>> {
        if let Some(tree) = self.inner.trees.get(at) {
            return Ok(tree);
        }
        let path = self.at(&format!("git/commits/{}", checked(at)?));
        let bare = self.inner.github.get::<Bare>(&path).await;
        let id = bare.map_err(|failure| unknown(failure, at))?.tree.sha;
        let tree = Arc::new(Tree::read(&self.inner.github, &self.inner.path, &id).await?);
        self.inner.trees.keep(at.clone(), Arc::clone(&tree));
        Ok(tree)
    }

    pub(crate) async fn blob(&self, id: &str) -> Result<Vec<u8>> {
        let path = self.at(&format!("git/blobs/{id}"));
        Ok(self.inner.github.raw(&path).await.map_err(Error::from)?.into())
    }

    /// What a commit is, with the files that it touched; kept.
    async fn commit(&self, at: Revision) -> Result<Commit> {
        if let Some(known) = self.inner.commits.get(&at) {
            return Ok(known);
        }
        let path = self.at(&format!("commits/{}", checked(&at)?));
        let listed = self.inner.github.get(&path).await.map_err(|failure| unknown(failure, &at))?;
        let commit = described(listed)?;
        self.inner.commits.keep(at, commit.clone());
        Ok(commit)
    }
}

#[async_trait]
impl Repository for GitHubRepository {
    async fn head(&self) -> Result<Revision> {
        let path = self.at(&format!("git/ref/heads/{}", escaped(&self.inner.branch)));
        let head = self.inner.github.get::<Ref>(&path).await;
        Ok(Revision::new(
            head.map_err(|failure| match failure {
                Failure::Refused(refused) if refused.is_missing() => {
                    let (name, branch) = (self.name(), self.branch());
                    let say = format!("{name} has no branch {branch}; was it renamed or deleted?");
                    Error::not_found(say).at("github")
                }
                failure => failure.into(),
            })?
            .object
            .sha,
        ))
    }

    async fn read(&self, at: &Revision, path: &str) -> Result<Option<Vec<u8>>> {
        let tree = self.files(at).await?;
        match tree.get(path).filter(|entry| entry.is_regular()) {
            Some(entry) => self.blob(&entry.id).await.map(Some),
            None => Ok(None),
        }
    }

    async fn list(&self, at: &Revision) -> Result<Vec<FileEntry>> {
        Ok(self.files(at).await?.list())
    }

    async fn history(
        &self,
        at: &Revision,
        path: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Commit>> {
        let page = limit.clamp(1, 100);
        let mut query = format!("commits?sha={}&per_page={page}", checked(at)?);
        if let Some(path) = path {
            query += &format!("&path={}", escaped(path));
        }
        let listed = self.inner.github.pages::<Listed>(&self.at(&query), limit).await;
        let listed = listed.map_err(|failure| unknown(failure, at))?;
        let mut history = Vec::with_capacity(listed.len());
        for (n, commit) in listed.into_iter().enumerate() {
            history.push(match n < DETAILED {
                true => self.commit(Revision::new(commit.sha)).await?,
                false => described(commit)?,
            });
        }
        Ok(history)
    }

    async fn tree(&self, at: &Revision) -> Result<String> {
        Ok(self.files(at).await?.id.clone())
    }

    async fn export(&self, at: &Revision, into: &Path) -> Result<()> {
        let tree = self.files(at).await?;
        let path = self.at(&format!("tarball/{}", checked(at)?));
        let archive = self.inner.github.download(&path).await.map_err(Error::from)?;
        let missing = export::unpack(archive, Arc::clone(&tree), into.to_owned()).await?;
        for path in missing {
            // An archive leaves out, or changes, what attributes say; the objects are what counts.
            if let Some(entry) = tree.get(&path) {
                let content = self.blob(&entry.id).await?;
                export::write(into, &path, entry.is_executable(), &content)?;
            }
        }
        Ok(())
    }
}

/// What was read of single revisions, which never changes; the oldest is forgotten first.
#[derive(Debug)]
struct Recent<T> {
    most: usize,
    kept: Mutex<VecDeque<(Revision, T)>>,
}

impl<T: Clone> Recent<T> {
    fn of(most: usize) -> Self {
        Self { most, kept: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(Revision, T)>> {
        // It is valid after every single change.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, at: &Revision) -> Option<T> {
        self.lock().iter().find(|(revision, _)| revision == at).map(|(_, known)| known.clone())
    }

    fn keep(&self, at: Revision, known: T) {
        let mut kept = self.lock();
        kept.push_front((at, known));
        kept.truncate(self.most);
    }
}

fn described(listed: Listed) -> Result<Commit> {
    let Listed { sha, commit, files } = listed;
    let date = commit.committer.and_then(|signed| signed.date).unwrap_or_default();
    let at = moment(&date)?;
    let summary = commit.message.lines().next().unwrap_or_default();
    let author = commit.author.and_then(|signed| signed.name).unwrap_or_default();
    let paths = files.into_iter().map(|touched| touched.filename).collect();
    Ok(Commit::new(Revision::new(sha), at, summary).with_author(author).with_paths(paths))
}

/// A moment as GitHub writes it.
pub(crate) fn moment(text: &str) -> Result<Timestamp> {
    let at = OffsetDateTime::parse(text, &Rfc3339)
        .map_err(|e| Error::unavailable(format!("{text:?} is no time: {e}")).at("github"))?;
    let ms = at.unix_timestamp() * 1_000 + i64::from(at.millisecond());
    Ok(Timestamp::from_ms(ms))
}

/// A revision as a part of an address: names of branches would move.
fn checked(at: &Revision) -> Result<&str> {
    let id = at.as_str();
    let hex = matches!(id.len(), 40 | 64) && id.bytes().all(|b| b.is_ascii_hexdigit());
    hex.then_some(id).ok_or_else(|| {
        let say = format!("{id:?} is no commit's id; give all of its 40 digits");
        Error::invalid(say).at("github")
    })
}

fn unknown(failure: Failure, at: &Revision) -> Error {
    match failure {
        // A commit that does not exist is 422, 404 or 409, by the endpoint.
        Failure::Refused(refused) if matches!(refused.status, 404 | 409 | 422) => {
            Error::not_found(format!("no commit {at}: {}", refused.message)).at("github")
        }
        failure => failure.into(),
    }
}

/// Text as a part of an address.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => {
                out.push(char::from(byte));
            }
            _ => out += &format!("%{byte:02X}"),
        }
    }
    out
}
