//! A plain folder as a repository of one revision.

use std::io;
use std::path::{Path, PathBuf};

use aegis_core::model::Commit;
use aegis_core::port::{FileEntry, Repository};
use aegis_core::{Digest, Error, Result, Revision};
use async_trait::async_trait;

/// Left out: what belongs to tools and not to the project.
const NOT_THEIRS: [&str; 6] =
    [".git", "__pycache__", ".pytest_cache", ".venv", "venv", "node_modules"];

/// Largest folder that is read, in files.
const MOST: usize = 50_000;

/// The folder as it stood when it was opened.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    files: Vec<(String, u64)>,
    name: String,
}

impl Folder {
    /// Lists the folder's files; links are left out.
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        let mut open = vec![PathBuf::new()];
        let mut contents = Vec::new();
        while let Some(folder) = open.pop() {
            for entry in std::fs::read_dir(root.join(&folder))? {
                let entry = entry?;
                let (name, kind) = (entry.file_name(), entry.file_type()?);
                let path = folder.join(&name);
                if NOT_THEIRS.iter().any(|n| name == *n) {
                    continue;
                }
                if kind.is_dir() {
                    open.push(path);
                } else if let (true, Some(text)) = (kind.is_file(), path.to_str()) {
                    let size = entry.metadata()?.len();
                    files.push((text.to_owned(), size));
                }
                if files.len() > MOST {
                    return Err(io::Error::other(format!("over {MOST} files are not read")));
                }
            }
        }
        files.sort_unstable();
        for (path, _) in &files {
            let content = std::fs::read(root.join(path))?;
            contents.push(Digest::of([&*String::from_utf8_lossy(&content)]).to_string());
        }
        let name = Digest::of_json(&(&files, &contents)).to_string();
        Ok(Self { root: root.to_owned(), files, name })
    }

    pub(crate) fn revision(&self) -> Revision {
        Revision::new(&self.name)
    }
}

#[async_trait]
impl Repository for Folder {
    async fn head(&self) -> Result<Revision> {
        Ok(self.revision())
    }

    async fn read(&self, _: &Revision, path: &str) -> Result<Option<Vec<u8>>> {
        match std::fs::read(self.root.join(path)) {
            Ok(content) => Ok(Some(content)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    async fn list(&self, _: &Revision) -> Result<Vec<FileEntry>> {
        Ok(self.files.iter().map(|(path, size)| FileEntry::new(path, true, *size)).collect())
    }

    async fn history(&self, _: &Revision, _: Option<&str>, _: usize) -> Result<Vec<Commit>> {
        Ok(Vec::new())
    }

    async fn tree(&self, at: &Revision) -> Result<String> {
        if *at != self.revision() {
            return Err(Error::not_found(format!("the folder is no revision {at}")));
        }
        Ok(self.name.clone())
    }

    async fn export(&self, _: &Revision, into: &Path) -> Result<()> {
        for (path, _) in &self.files {
            let to = into.join(path);
            if let Some(folder) = to.parent() {
                std::fs::create_dir_all(folder)?;
            }
            std::fs::copy(self.root.join(path), &to)?;
        }
        Ok(())
    }
}
