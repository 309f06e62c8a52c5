//! The shop's Git repository, built from patches.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use git2::build::CheckoutBuilder;
use git2::{Commit, Diff, Oid, Repository, RepositoryInitOptions, Signature};

use super::StagingError;
use super::mail::Mail;

/// The branch that the shop is released from.
pub const BRANCH: &str = "main";
/// Starts the shop, from the root of its tree.
pub const START: &str = "python -m shop";
/// Runs the shop's own tests, from the root of its tree.
pub const TESTS: &str = "python -m pytest -q";
/// The variable that names the port on 127.0.0.1.
pub const PORT: &str = "SHOP_PORT";
/// The variable that names the access log's file.
pub const ACCESS_LOG: &str = "SHOP_ACCESS_LOG";
/// The variable that says how many seconds the warehouse takes to answer; 0.2 where it is not set.
pub const WAREHOUSE_SECONDS: &str = "SHOP_WAREHOUSE_SECONDS";

/// The shop's repository, with `main` checked out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Shop {
    /// Its folder.
    pub repo: PathBuf,
    /// The newest commit, 40 hex digits.
    pub head: String,
    /// All commits, oldest first.
    pub commits: Vec<String>,
}

/// Builds the shop in `into`, which must be missing or empty.
///
/// Works on objects alone and needs no git program. Authors, dates and therefore commit ids are the
/// same everywhere. The folder appears complete or not at all.
///
/// # Errors
///
/// When the folder holds something, a patch is damaged or does not give the commit that it names,
/// or a file can't be written.
pub fn build(into: &Path) -> Result<Shop, StagingError> {
    build_from(&Path::new(env!("CARGO_MANIFEST_DIR")).join("shop/patches"), into)
}

/// As [`build`], from a folder of patches of your choice.
///
/// # Errors
///
/// As [`build`].
pub fn build_from(patches: &Path, into: &Path) -> Result<Shop, StagingError> {
    if fs::read_dir(into).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(StagingError::NotEmpty(into.to_owned()));
    }
    let partial = into.with_extension("partial");
    match fs::remove_dir_all(&partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(StagingError::io(&partial)(error));
        }
        _ => {}
    }
    let commits = replay(patches, &partial)?;
    fs::rename(&partial, into).map_err(StagingError::io(into))?;
    let head = commits.last().map(Oid::to_string).unwrap_or_default();
    let commits = commits.iter().map(Oid::to_string).collect();
    Ok(Shop { repo: into.to_owned(), head, commits })
}

/// Commits every patch in the order of the file names, then checks the last one out.
fn replay(patches: &Path, into: &Path) -> Result<Vec<Oid>, StagingError> {
    let files = patch_files(patches)?;
    // Templates of this machine may hold hooks.
    let repo = Repository::init_opts(
        into,
        RepositoryInitOptions::new().external_template(false).initial_head(BRANCH),
    )?;
    let mut commits = Vec::with_capacity(files.len());
    for file in &files {
        let text = fs::read_to_string(file).map_err(StagingError::io(file))?;
        let wrong = |why: String| StagingError::Patch { patch: file.clone(), why };
        let mail = Mail::parse(&text).map_err(wrong)?;
        let parent = commits.last().map(|&id| repo.find_commit(id)).transpose()?;
        let id = commit(&repo, parent.as_ref(), &mail).map_err(|why| wrong(why.to_string()))?;
        if id != mail.commit {
            return Err(wrong(format!("it gives commit {id}, but it names {}", mail.commit)));
        }
        commits.push(id);
    }
    if let Some(&head) = commits.last() {
        repo.reference(&format!("refs/heads/{BRANCH}"), head, false, "built from patches")?;
        repo.checkout_head(Some(CheckoutBuilder::new().force()))?;
    }
    Ok(commits)
}

fn patch_files(folder: &Path) -> Result<Vec<PathBuf>, StagingError> {
    let mut files = fs::read_dir(folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>())
        .map_err(StagingError::io(folder))?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "patch"));
    files.sort();
    if files.is_empty() {
        let why = "there is no *.patch in it".to_owned();
        return Err(StagingError::Patch { patch: folder.to_owned(), why });
    }
    Ok(files)
}

fn commit(
    repo: &Repository,
    parent: Option<&Commit<'_>>,
    mail: &Mail<'_>,
) -> Result<Oid, git2::Error> {
    let before = match parent {
        Some(parent) => parent.tree()?,
        None => repo.find_tree(repo.treebuilder(None)?.write()?)?,
    };
    let diff = Diff::from_buffer(mail.diff.as_bytes())?;
    let tree = repo.apply_to_tree(&before, &diff, None)?.write_tree_to(repo)?;
    let author = Signature::new(mail.name, mail.email, &mail.time)?;
    let parents: Vec<_> = parent.into_iter().collect();
    repo.commit(None, &author, &author, &mail.message, &repo.find_tree(tree)?, &parents)
}
