//! Releases that a person makes: commits of no good to production, on whatever the shop's head is.

use std::fs;
use std::path::{Path, PathBuf};

use git2::build::{CheckoutBuilder, TreeUpdateBuilder};
use git2::{BranchType, Commit, Diff, FileMode, Oid, Repository, Signature, StatusOptions, Tree};

use super::StagingError;
use super::mail::Mail;
use super::shop::BRANCH;

/// Who merges what Aegis proposes.
const REVIEWER: (&str, &str) = ("Mara Lindqvist", "mara@shop.example");

/// What a person's release does to production. Each passes the shop's own tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// A page that is asked often raises an `AttributeError` on `None` for most requests.
    RaisesNone,
    /// The stock takes twice as long.
    LatencyTwice,
    /// The stock takes 1.3 times as long.
    LatencyThird,
    /// The stock takes longer with each request: 2.5 times as long after about 60 of them.
    SlowRamp,
    /// The first request for the stock of each product takes 0.3 s longer, the later ones do not.
    ColdCache,
}

impl Change {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::RaisesNone, Self::LatencyTwice, Self::LatencyThird, Self::SlowRamp, Self::ColdCache];

    /// Its name, which is its patch's too.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::RaisesNone => "raises-none",
            Self::LatencyTwice => "latency-x2",
            Self::LatencyThird => "latency-x1.3",
            Self::SlowRamp => "slow-ramp",
            Self::ColdCache => "cold-cache",
        }
    }

    fn patch(self) -> PathBuf {
        let file = format!("shop/releases/{}.patch", self.name());
        Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
    }
}

/// Commits `change` on the head of the shop's main branch, as the person who wrote it would at this
/// moment, and gives the commit's id.
///
/// What was merged since the patch was written is kept, by a three-way merge. The branch moves by
/// compare-and-swap, and a checkout of it moves along.
///
/// # Errors
///
/// When the change conflicts with what the branch holds or is in it already, the checkout has
/// changes of its own, the branch moves meanwhile, or Git or the patch can't be read or written.
pub fn release(repo: &Path, change: Change) -> Result<String, StagingError> {
    let file = change.patch();
    let text = fs::read_to_string(&file).map_err(StagingError::io(&file))?;
    let mail =
        Mail::parse(&text).map_err(|why| StagingError::Patch { patch: file.clone(), why })?;
    let refused = |why: &str| StagingError::Release { change: change.name(), why: why.to_owned() };

    let repo = Repository::open(repo)?;
    let main = format!("refs/heads/{BRANCH}");
    let parent = repo.find_reference(&main)?.peel_to_commit()?;
    let follows = follows(&repo, &main)?;
    if follows && !is_clean(&repo)? {
        return Err(refused("the checkout has changes that are not committed"));
    }
    let tree = merged(&repo, &parent, &Diff::from_buffer(mail.diff.as_bytes())?)?
        .ok_or_else(|| refused("it conflicts with what the branch holds"))?;
    if tree == parent.tree_id() {
        return Err(refused("the branch holds it already"));
    }
    let who = Signature::now(mail.name, mail.email)?;
    let tree = repo.find_tree(tree)?;
    let id = repo.commit(None, &who, &who, &mail.message, &tree, &[&parent])?;
    let subject = mail.message.lines().next().unwrap_or_default();
    repo.reference_matching(&main, id, true, parent.id(), &format!("commit: {subject}"))?;
    if follows {
        repo.checkout_head(Some(CheckoutBuilder::new().force()))?;
    }
    Ok(id.to_string())
}

/// Merges `branch` into the shop's main branch, as a person who has read it would at this moment, and
/// gives the merge's id.
///
/// # Errors
///
/// When there is no such branch, it conflicts with the main branch, the checkout has changes of its
/// own, or Git can't be read or written.
pub fn merge(repo: &Path, branch: &str) -> Result<String, StagingError> {
    let refused = |why: &str| StagingError::Release { change: "a merge", why: why.to_owned() };
    let repo = Repository::open(repo)?;
    let main = format!("refs/heads/{BRANCH}");
    let ours = repo.find_reference(&main)?.peel_to_commit()?;
    let theirs = repo.find_branch(branch, BranchType::Local)?.into_reference().peel_to_commit()?;
    let follows = follows(&repo, &main)?;
    if follows && !is_clean(&repo)? {
        return Err(refused("the checkout has changes that are not committed"));
    }
    let mut index = repo.merge_commits(&ours, &theirs, None)?;
    if index.has_conflicts() {
        return Err(refused("the branch conflicts with the main branch"));
    }
    let tree = repo.find_tree(index.write_tree_to(&repo)?)?;
    let who = Signature::now(REVIEWER.0, REVIEWER.1)?;
    let text = format!("Merge branch '{branch}'\n");
    let id = repo.commit(None, &who, &who, &text, &tree, &[&ours, &theirs])?;
    repo.reference_matching(&main, id, true, ours.id(), &format!("merge {branch}"))?;
    if follows {
        repo.checkout_head(Some(CheckoutBuilder::new().force()))?;
    }
    Ok(id.to_string())
}

/// Whether the checkout, where there is one, is on `main`.
fn follows(repo: &Repository, main: &str) -> Result<bool, git2::Error> {
    Ok(!repo.is_bare() && repo.head()?.name().ok() == Some(main))
}

/// The tree with the patch on top; `None` where the two conflict.
fn merged(
    repo: &Repository,
    onto: &Commit<'_>,
    patch: &Diff<'_>,
) -> Result<Option<Oid>, git2::Error> {
    let ours = onto.tree()?;
    let Some(base) = written_against(repo, &ours, patch)? else { return Ok(None) };
    let theirs = repo.find_tree(repo.apply_to_tree(&base, patch, None)?.write_tree_to(repo)?)?;
    let mut index = repo.merge_trees(&base, &ours, &theirs, None)?;
    if index.has_conflicts() { Ok(None) } else { index.write_tree_to(repo).map(Some) }
}

/// `tree`, with the patched files as they were when the patch was written; `None` where the
/// repository never held one of them.
fn written_against<'r>(
    repo: &'r Repository,
    tree: &Tree<'_>,
    patch: &Diff<'_>,
) -> Result<Option<Tree<'r>>, git2::Error> {
    let mut update = TreeUpdateBuilder::new();
    for delta in patch.deltas() {
        let (old, new) = (delta.old_file(), delta.new_file());
        match (old.path_bytes(), new.path()) {
            // A file that the patch adds was not there yet.
            (_, Some(path)) if old.id().is_zero() => {
                if tree.get_path(path).is_ok() {
                    update.remove(path);
                }
            }
            (Some(path), _) if repo.odb()?.exists(old.id()) => {
                update.upsert(path, old.id(), FileMode::Blob);
            }
            _ => return Ok(None),
        }
    }
    repo.find_tree(update.create_updated(repo, tree)?).map(Some)
}

fn is_clean(repo: &Repository) -> Result<bool, git2::Error> {
    let mut options = StatusOptions::new();
    options.include_untracked(false).include_ignored(false);
    Ok(repo.statuses(Some(&mut options))?.is_empty())
}
