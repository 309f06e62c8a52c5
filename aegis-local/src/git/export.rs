//! Writing a tree's files without a checkout: no hook, filter, attribute or link has a say.

use std::fs::{DirBuilder, File};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use aegis_core::{Error, Result};
use git2::{ObjectType, Repository, Tree};

use super::error::wrap;
use super::read::regular;

/// Deepest folder that is written.
const MAX_DEPTH: usize = 128;

/// Writes the regular files of `tree` into `into`, which must be empty; makes it where it is missing.
pub(super) fn export(repo: &Repository, tree: &Tree<'_>, into: &Path) -> Result<()> {
    DirBuilder::new().recursive(true).create(into)?;
    if std::fs::read_dir(into)?.next().is_some() {
        let into = into.display();
        return Err(Error::conflict(format!("can't export into {into}: it is not empty")).at("git"));
    }
    write(repo, tree, into, 0)
}

fn write(repo: &Repository, tree: &Tree<'_>, into: &Path, depth: usize) -> Result<()> {
    if depth > MAX_DEPTH {
        return Err(Error::invalid("the tree has more than 128 levels of folders").at("git"));
    }
    for entry in tree {
        let name = entry.name_bytes();
        if !safe(name) {
            let name = String::from_utf8_lossy(name);
            return Err(Error::denied(format!("the tree holds an unsafe name, {name:?}")).at("git"));
        }
        let path = into.join(std::ffi::OsStr::from_bytes(name));
        match entry.kind() {
            Some(ObjectType::Tree) => {
                let below = repo.find_tree(entry.id()).map_err(wrap("can't read a folder"))?;
                DirBuilder::new().create(&path)?;
                write(repo, &below, &path, depth + 1)?;
            }
            Some(ObjectType::Blob) if regular(entry.filemode()) => {
                let blob = repo.find_blob(entry.id()).map_err(wrap("can't read a file"))?;
                let mode = if entry.filemode() & 0o100 == 0 { 0o644 } else { 0o755 };
                let mut file =
                    File::options().write(true).create_new(true).mode(mode).open(&path)?;
                file.write_all(blob.content())?;
            }
            // Links and submodules are left out.
            _ => {}
        }
    }
    Ok(())
}

/// Names that stay where they are put; libgit2 does not check the trees it reads.
fn safe(name: &[u8]) -> bool {
    !name.is_empty()
        && name != b"."
        && name != b".."
        && !name.eq_ignore_ascii_case(b".git")
        && !name.contains(&b'/')
        && !name.contains(&0)
}

#[cfg(test)]
mod tests {
    use super::safe;

    #[test]
    fn names_that_climb_or_reach_into_git_are_refused() {
        for bad in [&b""[..], b".", b"..", b".git", b".GIT", b"a/b", b"a\0"] {
            assert!(!safe(bad), "{bad:?}");
        }
        assert!(safe(b".gitignore") && safe(b"a.py"));
    }
}
