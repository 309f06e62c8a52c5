//! Writing the files of a commit, from an archive that is not believed.

use std::collections::BTreeSet;
use std::fs::{DirBuilder, File};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use aegis_core::{Error, ErrorKind, Result};
use bytes::Bytes;
use flate2::read::GzDecoder;
use sha1::{Digest as _, Sha1};

use super::tree::Tree;

/// Most bytes of one file.
const FILE: u64 = 256 * 1_024 * 1_024;

/// Writes those files of an archive that are in the tree, as they are there; returns the paths that the
/// archive did not have, or had otherwise.
pub(super) async fn unpack(archive: Bytes, tree: Arc<Tree>, into: PathBuf) -> Result<Vec<String>> {
    let work = move || {
        DirBuilder::new().recursive(true).create(&into)?;
        if std::fs::read_dir(&into)?.next().is_some() {
            let say = format!("can't export into {}: it is not empty", into.display());
            return Err(Error::conflict(say).at("github"));
        }
        let mut missing: BTreeSet<String> = tree.regular().map(|(path, _)| path.clone()).collect();
        let mut archive = tar::Archive::new(GzDecoder::new(&archive[..]));
        let broken = |e: std::io::Error| {
            Error::unavailable(format!("GitHub's archive can't be read: {e}")).at("github")
        };
        for entry in archive.entries().map_err(broken)? {
            let mut entry = entry.map_err(broken)?;
            let bytes = entry.path_bytes().into_owned();
            let path = String::from_utf8(bytes).unwrap_or_default();
            // The first folder is the archive's own.
            let Some((_, path)) = path.split_once('/') else { continue };
            let Some(file) = tree.get(path).filter(|file| file.is_regular()) else { continue };
            let mut content = Vec::new();
            entry.by_ref().take(FILE).read_to_end(&mut content).map_err(broken)?;
            if id(&content) == file.id && missing.remove(path) {
                write(&into, path, file.is_executable(), &content)?;
            }
        }
        Ok(missing.into_iter().collect())
    };
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(e) if e.is_panic() => {
            Err(Error::new(ErrorKind::Panicked, "unpacking an archive panicked").at("github"))
        }
        Err(e) => {
            let say = "the runtime is shutting down";
            Err(Error::new(ErrorKind::Cancelled, say).with_source(e).at("github"))
        }
    }
}

/// Git's name for a file of this content.
fn id(content: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(format!("blob {}\0", content.len()));
    hash.update(content);
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes one file, which must stay below `into`.
pub(super) fn write(into: &Path, path: &str, executable: bool, content: &[u8]) -> Result<()> {
    let relative = Path::new(path);
    let plain = |part: Component<'_>| match part {
        Component::Normal(name) => !name.eq_ignore_ascii_case(".git"),
        _ => false,
    };
    if path.is_empty() || path.contains('\0') || !relative.components().all(plain) {
        return Err(Error::denied(format!("the tree holds an unsafe name, {path:?}")).at("github"));
    }
    let target = into.join(relative);
    if let Some(folder) = target.parent() {
        DirBuilder::new().recursive(true).create(folder)?;
    }
    let mode = if executable { 0o755 } else { 0o644 };
    let mut file = File::options().write(true).create_new(true).mode(mode).open(target)?;
    Ok(file.write_all(content)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_has_the_name_that_git_gives_it() {
        assert_eq!(id(b""), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
        assert_eq!(id(b"hello\n"), "ce013625030ba8dba906f756967f9e9ca394464a");
    }

    #[test]
    fn names_that_climb_or_reach_into_git_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        for bad in ["", "/etc/passwd", "../x", "a/../../x", ".git/config", "a/.GIT/x", "a\0b"] {
            assert!(write(folder.path(), bad, false, b"x").is_err(), "{bad:?}");
        }
        write(folder.path(), "a/.gitignore", true, b"x").unwrap();
        assert!(folder.path().join("a/.gitignore").exists());
    }
}
