//! The service's source.

use std::path::Path;

use async_trait::async_trait;

use super::CodeOwners;
use crate::error::Result;
use crate::id::Revision;
use crate::model::Commit;

/// One file of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileEntry {
    /// Path relative to the root, with `/`.
    pub path: String,
    /// Whether it is a regular file, not a symbolic link or a submodule.
    pub regular: bool,
    /// Size in bytes; 0 where it is not a regular file.
    pub size: u64,
}

impl FileEntry {
    /// A regular file of `size` bytes.
    pub fn new(path: impl Into<String>, regular: bool, size: u64) -> Self {
        Self { path: path.into(), regular, size }
    }
}

/// Reads the source of a service, never by its live checkout.
///
/// All methods only read and may be dropped at any await. Errors: `NotFound` for a revision that does
/// not exist, `Unavailable` where the repository can't be reached.
#[async_trait]
pub trait Repository: std::fmt::Debug + Send + Sync + 'static {
    /// The head of the release branch.
    async fn head(&self) -> Result<Revision>;

    /// The content of a regular file; `None` where there is none at that revision.
    async fn read(&self, at: &Revision, path: &str) -> Result<Option<Vec<u8>>>;

    /// Every file of the tree, sorted by path.
    async fn list(&self, at: &Revision) -> Result<Vec<FileEntry>>;

    /// Commits that lead to `at`, newest first, at most `limit`; those that touch `path` where given.
    async fn history(&self, at: &Revision, path: Option<&str>, limit: usize)
    -> Result<Vec<Commit>>;

    /// A name for the tree of `at` that is equal for equal contents.
    async fn tree(&self, at: &Revision) -> Result<String>;

    /// Writes the tree of `at` into the empty folder `into`, regular files only, without any hook,
    /// filter or link.
    async fn export(&self, at: &Revision, into: &Path) -> Result<()>;

    /// Who owns which files at that revision; nobody owns any where it does not say.
    async fn code_owners(&self, at: &Revision) -> Result<CodeOwners> {
        for place in CodeOwners::PLACES {
            let Some(content) = self.read(at, place).await? else { continue };
            let small = content.len() <= CodeOwners::MOST_BYTES;
            let text = String::from_utf8_lossy(&content);
            return Ok(CodeOwners::parse(if small { &text } else { "" }));
        }
        Ok(CodeOwners::default())
    }
}
