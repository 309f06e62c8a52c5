//! Trees of files: copied, and changed.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};

use super::mounts::trying;
use super::order::Change;

/// Copies what is in the folder `from` into the folder `to`: files, folders and links, the links as
/// they are. What is none of these stays behind.
pub(crate) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut folders = vec![(from.to_owned(), to.to_owned())];
    while let Some((from, to)) = folders.pop() {
        for entry in fs::read_dir(&from)? {
            let entry = entry?;
            let (source, target) = (entry.path(), to.join(entry.file_name()));
            let kind = entry.file_type()?;
            if kind.is_dir() {
                fs::create_dir(&target)?;
                folders.push((source, target));
            } else if kind.is_symlink() {
                symlink(fs::read_link(&source)?, &target)?;
            } else if kind.is_file() {
                fs::copy(&source, &target)?;
            }
        }
    }
    Ok(())
}

/// Puts the changed files over a tree. An error where a path leads out of it, or through a link.
pub(super) fn change(changes: &[Change], tree: &Path) -> io::Result<()> {
    for Change { path, text } in changes {
        let file = within(tree, path)?;
        match text {
            None => trying(path, fs::remove_file(&file))?,
            Some(text) => {
                file.parent().map_or(Ok(()), fs::create_dir_all)?;
                trying(path, fs::write(&file, text))?;
            }
        }
    }
    Ok(())
}

/// Where a path of the tree's is. An error where it leads out of it, or through a link.
pub(crate) fn within(tree: &Path, path: &str) -> io::Result<PathBuf> {
    if Path::new(path).components().any(|part| !matches!(part, Component::Normal(_))) {
        return Err(io::Error::other(format!("{path:?} leads out of the tree")));
    }
    let file = tree.join(path);
    if file.ancestors().take_while(|above| *above != tree).any(Path::is_symlink) {
        return Err(io::Error::other(format!("{path:?} leads through a link")));
    }
    Ok(file)
}

/// A name without a folder.
pub(super) fn plain(name: &str) -> io::Result<&str> {
    let odd = name.is_empty() || name.contains(['/', '\0']) || matches!(name, "." | "..");
    if odd { Err(io::Error::other(format!("{name:?} is no name of a file"))) } else { Ok(name) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_change_through_a_link_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (tree, outside) = (folder.path().join("tree"), folder.path().join("outside"));
        fs::create_dir_all(&tree).unwrap();
        fs::create_dir_all(&outside).unwrap();
        symlink("../outside", tree.join("link")).unwrap();
        fs::write(tree.join("kept"), "before").unwrap();
        let of = |path: &str| vec![Change { path: path.into(), text: Some("after".into()) }];
        for path in ["link/file", "link", "../outside/file", "/file"] {
            assert!(change(&of(path), &tree).is_err(), "{path}");
        }
        change(&of("a/b"), &tree).unwrap();
        change(&of("kept"), &tree).unwrap();
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
        let copied = folder.path().join("copied");
        fs::create_dir(&copied).unwrap();
        copy(&tree, &copied).unwrap();
        assert_eq!(fs::read_to_string(copied.join("a/b")).unwrap(), "after");
        assert_eq!(fs::read_link(copied.join("link")).unwrap(), Path::new("../outside"));
    }
}
