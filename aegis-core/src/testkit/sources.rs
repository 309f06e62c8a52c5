//! A repository in memory.

use std::collections::BTreeMap;
use std::path::Path;

use async_trait::async_trait;

use crate::error::{Error, Result};
use crate::id::{Digest, Revision, Timestamp};
use crate::model::Commit;
use crate::port::{FileEntry, Repository};

type Files = BTreeMap<String, String>;

/// Text files in one revision, or in several that follow each other.
///
/// ```
/// use aegis_core::port::Repository as _;
/// use aegis_core::testkit::Sources;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> aegis_core::Result<()> {
/// let sources = Sources::new("one", &[("a.py", "a = 1\n"), ("b.py", "b = 1\n")])
///     .then("two", "Raise a", &[("a.py", "a = 2\n")]);
/// assert_eq!(sources.head().await?.as_str(), "two");
/// assert_eq!(sources.history(&"two".into(), Some("b.py"), 9).await?.len(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Sources {
    revisions: Vec<(Commit, Files)>,
}

impl Sources {
    /// One revision of these files, by path and text.
    pub fn new(revision: impl Into<Revision>, files: &[(&str, &str)]) -> Self {
        Self { revisions: Vec::new() }.then(revision, "Begin", files)
    }

    /// A later revision with these files changed, committed a minute after the one before.
    #[must_use]
    pub fn then(
        mut self,
        revision: impl Into<Revision>,
        summary: &str,
        files: &[(&str, &str)],
    ) -> Self {
        let last = self.revisions.last();
        let mut all = last.map(|(_, files)| files.clone()).unwrap_or_default();
        let at = last.map_or(0, |(commit, _)| commit.at.as_ms()) + 60_000;
        all.extend(files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())));
        let paths = files.iter().map(|(path, _)| (*path).to_owned()).collect();
        let commit = Commit::new(revision.into(), Timestamp::from_ms(at), summary);
        self.revisions.push((commit.with_author("Ada").with_paths(paths), all));
        self
    }

    fn index(&self, at: &Revision) -> Result<usize> {
        let is = |(commit, _): &(Commit, Files)| commit.revision == *at;
        let found = self.revisions.iter().position(is);
        found.ok_or_else(|| Error::not_found(format!("there is no revision {at}")))
    }

    fn files(&self, at: &Revision) -> Result<&Files> {
        Ok(&self.revisions[self.index(at)?].1)
    }
}

#[async_trait]
impl Repository for Sources {
    async fn head(&self) -> Result<Revision> {
        let last = self.revisions.last().map(|(commit, _)| commit.revision.clone());
        last.ok_or_else(|| Error::not_found("there is no revision"))
    }

    async fn read(&self, at: &Revision, path: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.files(at)?.get(path).map(|text| text.clone().into_bytes()))
    }

    async fn list(&self, at: &Revision) -> Result<Vec<FileEntry>> {
        let entry =
            |(path, text): (&String, &String)| FileEntry::new(path, true, text.len() as u64);
        Ok(self.files(at)?.iter().map(entry).collect())
    }

    async fn history(
        &self,
        at: &Revision,
        path: Option<&str>,
        limit: usize,
    ) -> Result<Vec<Commit>> {
        let before = self.revisions[..=self.index(at)?].iter().rev().map(|(commit, _)| commit);
        let touches =
            |commit: &&Commit| path.is_none_or(|path| commit.paths.iter().any(|p| p == path));
        Ok(before.filter(touches).take(limit).cloned().collect())
    }

    async fn tree(&self, at: &Revision) -> Result<String> {
        Ok(Digest::of_json(self.files(at)?).to_string())
    }

    async fn export(&self, at: &Revision, into: &Path) -> Result<()> {
        let failed = |e| Error::unavailable("the folder can't be written").with_source(e);
        for (path, text) in self.files(at)? {
            let path = into.join(path);
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(failed)?;
            }
            std::fs::write(path, text).map_err(failed)?;
        }
        Ok(())
    }
}
