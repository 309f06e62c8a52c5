//! The files of one commit.

use std::collections::BTreeMap;

use aegis_core::port::FileEntry;
use aegis_core::{Error, Result};
use serde::Deserialize;

use crate::client::GitHub;

/// Folders that are asked for one by one, where the whole is too large for one answer.
const FOLDERS: usize = 2_000;

/// All files of a commit, by their paths.
#[derive(Debug)]
pub(crate) struct Tree {
    /// Equal for equal contents.
    pub(super) id: String,
    files: BTreeMap<String, File>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct File {
    pub(crate) id: String,
    mode: String,
    size: u64,
}

#[derive(Deserialize)]
struct Answer {
    tree: Vec<Node>,
    truncated: bool,
}

#[derive(Deserialize)]
struct Node {
    path: String,
    mode: String,
    #[serde(rename = "type")]
    kind: String,
    sha: String,
    #[serde(default)]
    size: u64,
}

impl File {
    /// Whether it is a regular file, not a symbolic link or a submodule.
    pub(crate) fn is_regular(&self) -> bool {
        matches!(self.mode.as_str(), "100644" | "100755" | "100664")
    }

    /// As Git has it: `100755`.
    pub(crate) fn mode(&self) -> &str {
        &self.mode
    }

    pub(super) fn is_executable(&self) -> bool {
        self.mode == "100755"
    }
}

impl Tree {
    pub(super) async fn read(github: &GitHub, repository: &str, id: &str) -> Result<Self> {
        let path = format!("{repository}/git/trees/{id}?recursive=1");
        let whole: Answer = github.get(&path).await?;
        let mut files = BTreeMap::new();
        if !whole.truncated {
            take(&mut files, "", whole.tree);
            return Ok(Self { id: id.to_owned(), files });
        }
        let mut folders = vec![(String::new(), id.to_owned())];
        for _ in 0..FOLDERS {
            let Some((above, id)) = folders.pop() else {
                return Ok(Self { id: id.to_owned(), files });
            };
            let part: Answer = github.get(&format!("{repository}/git/trees/{id}")).await?;
            folders.extend(take(&mut files, &above, part.tree));
        }
        let say =
            format!("{repository} has more than {FOLDERS} folders, which is too many to read");
        Err(Error::invalid(say).at("github"))
    }

    pub(crate) fn get(&self, path: &str) -> Option<&File> {
        self.files.get(path)
    }

    pub(crate) fn is_folder(&self, path: &str) -> bool {
        let inside = format!("{path}/");
        self.files.range(inside.clone()..).next().is_some_and(|(at, _)| at.starts_with(&inside))
    }

    /// Of everything that is no folder.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Regular files, by their paths.
    pub(super) fn regular(&self) -> impl Iterator<Item = (&String, &File)> {
        self.files.iter().filter(|(_, file)| file.is_regular())
    }

    pub(super) fn list(&self) -> Vec<FileEntry> {
        let entry = |(path, file): (&String, &File)| {
            let regular = file.is_regular();
            FileEntry::new(path, regular, if regular { file.size } else { 0 })
        };
        self.files.iter().map(entry).collect()
    }
}

/// Takes the files; returns the folders.
fn take(
    files: &mut BTreeMap<String, File>,
    above: &str,
    nodes: Vec<Node>,
) -> Vec<(String, String)> {
    let mut folders = Vec::new();
    for Node { path, mode, kind, sha, size } in nodes {
        let path = format!("{above}{path}");
        match kind.as_str() {
            "tree" => folders.push((path + "/", sha)),
            _ => drop(files.insert(path, File { id: sha, mode, size })),
        }
    }
    folders
}
