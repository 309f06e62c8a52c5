//! Trees to run in: exported from the repository once, changed per candidate inside the isolation.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aegis_core::patch::{FileChange, Patch, apply};
use aegis_core::port::Repository;
use aegis_core::{Error, Result, Revision};
use tempfile::TempDir;

use super::cache::Cache;
use crate::sandbox::copy::{copy, within};
use crate::sandbox::order::Change;

/// A base tree and what is changed on it.
///
/// The base is never written to: inside the isolation it is the lower layer of an overlay, so a
/// changed tree costs its changed files and each run starts from the same state.
#[derive(Debug, Clone)]
pub struct Tree {
    base: Arc<TempDir>,
    changes: Arc<Vec<Change>>,
}

impl Tree {
    /// A tree without any file, in a folder of its own under `scratch`.
    pub fn empty(scratch: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("aegis-tree-").tempdir_in(scratch)?;
        Ok(Self { base: Arc::new(folder), changes: Arc::default() })
    }

    /// A copy of a folder, in one of its own under `scratch`: files, folders, and links as they are.
    ///
    /// May block. Errors: what can't be read or written.
    pub fn copy_of(folder: &Path, scratch: &Path) -> Result<Self> {
        let tree = Self::empty(scratch)?;
        copy(folder, tree.base())?;
        Ok(tree)
    }

    /// This tree with the changed files in place.
    #[must_use]
    pub fn changed(&self, changes: &[FileChange]) -> Self {
        let changes = changes
            .iter()
            .map(|c| Change { path: c.path.clone(), text: c.after.clone() })
            .collect();
        Self { base: self.base.clone(), changes: Arc::new(changes) }
    }

    /// This tree with one more file.
    pub(super) fn with_file(&self, path: &str, text: String) -> Self {
        let mut changes = Vec::clone(&self.changes);
        changes.push(Change { path: path.to_owned(), text: Some(text) });
        Self { base: self.base.clone(), changes: Arc::new(changes) }
    }

    /// The text of one of its files; nothing where there is none, or a link leads to it.
    pub(super) fn read(&self, path: &str) -> Option<String> {
        if let Some(change) = self.changes.iter().rev().find(|c| c.path == path) {
            return change.text.clone();
        }
        std::fs::read_to_string(within(self.base(), path).ok()?).ok()
    }

    /// The folder of the unchanged tree.
    pub fn base(&self) -> &Path {
        self.base.path()
    }

    pub(super) fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// Paths of the unchanged tree's files, relative to its root, sorted.
    pub fn files(&self) -> Result<Vec<String>> {
        let mut found = Vec::new();
        let mut folders = vec![PathBuf::new()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(self.base().join(&folder))? {
                let entry = entry?;
                let path = folder.join(entry.file_name());
                if entry.file_type()?.is_dir() {
                    folders.push(path);
                } else if let Some(text) = path.to_str() {
                    found.push(text.to_owned());
                }
            }
        }
        found.sort_unstable();
        Ok(found)
    }
}

/// Exported bases by the name of their tree, the newest kept.
#[derive(Debug)]
pub(super) struct Exports {
    scratch: PathBuf,
    trees: Cache<String, Tree>,
}

impl Exports {
    pub(super) fn new(scratch: PathBuf) -> Self {
        Self { scratch, trees: Cache::default() }
    }

    /// The exported tree of `at`, and the tree's name; one export at a time for each.
    pub(super) async fn get(
        &self,
        repository: &Arc<dyn Repository>,
        at: &Revision,
    ) -> Result<(String, Tree)> {
        let name = repository.tree(at).await?;
        let (from, at) = (Arc::clone(repository), at.clone());
        let write = |into: PathBuf| async move { from.export(&at, &into).await };
        let export = || async { Ok(filled(&self.scratch, write).await?.0) };
        let tree = self.trees.get(name.clone(), export).await?;
        Ok((name, Tree::clone(&tree)))
    }
}

/// A new tree with what `write` puts into its folder, in a task of its own: where the caller goes away
/// the folder stays until nothing writes into it any longer, and goes then.
pub(super) async fn filled<T: Send + 'static, F: Future<Output = Result<T>> + Send>(
    scratch: &Path,
    write: impl FnOnce(PathBuf) -> F + Send + 'static,
) -> Result<(Tree, T)> {
    let tree = Tree::empty(scratch)?;
    let task = tokio::spawn(async move {
        let written = write(tree.base().to_owned()).await;
        written.map(|written| (tree, written))
    });
    task.await.map_err(|e| Error::internal("writing a tree broke off").with_source(e))?
}

/// What `patch` changes at its base, read from the repository.
pub(super) async fn changes(repository: &dyn Repository, patch: &Patch) -> Result<Vec<FileChange>> {
    let mut before = BTreeMap::new();
    for path in patch.paths() {
        if let Some(content) = repository.read(&patch.base, path).await? {
            let text = String::from_utf8(content)
                .map_err(|e| Error::invalid(format!("{path} is not UTF-8")).with_source(e))?;
            before.insert(path.to_owned(), text);
        }
    }
    apply(&patch.edits, &before)
}
