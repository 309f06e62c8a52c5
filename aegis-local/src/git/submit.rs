//! Offering a fix: one commit on the verified base, on a branch of its own.

use aegis_core::stage::Rollout;
use aegis_core::{Error, ErrorKind, Result};
use git2::{Commit, Oid, Repository};

use super::error::{oid, revision, wrap};
use super::find::{self, Found};
use super::refs::{self, Names, Swap};
use super::site::{Offer, Site};
use super::{read, tree};
use aegis_core::trailer::{self, BASE, FIX, MODE};

/// Puts the fix on its branch, or finds that it is there.
pub(super) fn place(
    repo: &Repository,
    site: &Site,
    offer: &Offer,
) -> Result<Result<Found, Rollout>> {
    let names = Names::of_fix(&offer.key)?;
    match find::fix(repo, site, &offer.key)? {
        Found::Absent => {}
        Found::Open { head, propose } => {
            same_request(repo, head, offer)?;
            let sign = site.sign()?;
            refs::put(repo, &names.submitted, head, &sign, "aegis: submitted")?;
            if propose && !offer.propose_only {
                refs::put(repo, &names.cleared, head, &sign, "aegis: cleared for merging")?;
                return Ok(Ok(Found::Open { head, propose: false }));
            }
            return Ok(Ok(Found::Open { head, propose }));
        }
        other => return Ok(Ok(other)),
    }
    let release = read::head(repo, site.repository.branch())?;
    if revision(release) != offer.base {
        return Ok(Err(Rollout::BaseMoved { base: revision(release) }));
    }
    let base = read::find(repo, release)?;
    let made = match tree::apply(repo, &offer.fix, &base)? {
        tree::Made::Tree(made) => made,
        tree::Made::Conflict(why) => {
            tracing::info!(key = %offer.key, why, "the fix does not apply to its base");
            return Ok(Err(Rollout::Conflict));
        }
    };
    let head = write(repo, site, offer, &base, made)?;
    let sign = site.sign()?;
    match refs::swap(repo, &names.branch, None, Some(head), &sign, "aegis: submit")? {
        Swap::Differs => return Ok(Ok(Found::Foreign)),
        Swap::Done => refs::put(repo, &names.submitted, head, &sign, "aegis: submitted")?,
    }
    Ok(Ok(Found::Open { head, propose: offer.propose_only }))
}

/// The commit's time is its base's plus the attempt, in seconds: everything in it follows from the
/// order, so that the same submit makes the same commit id, before and after a crash. (A change of
/// the configured author between the two makes another; then the branch decides.)
fn write(
    repo: &Repository,
    site: &Site,
    offer: &Offer,
    base: &Commit<'_>,
    tree: Oid,
) -> Result<Oid> {
    let seconds = base.time().seconds().saturating_add(i64::from(offer.key.attempt.max(1)));
    let sign = site.sign_at(seconds)?;
    let mut trailers = trailer::signed(&offer.key);
    trailers.push((FIX, offer.fix.digest().to_string()));
    trailers.push((BASE, offer.base.to_string()));
    if offer.propose_only {
        trailers.push((MODE, String::from("propose")));
    }
    let text = trailer::compose(&offer.fix.title, &[&offer.fix.meaning, &offer.body], &trailers);
    let tree = repo.find_tree(tree).map_err(wrap("can't find the tree"))?;
    repo.commit(None, &sign, &sign, &text, &tree, &[base]).map_err(wrap("can't write the commit"))
}

/// Refuses a key that was used for something else.
fn same_request(repo: &Repository, head: Oid, offer: &Offer) -> Result<()> {
    let text = read::message(&read::find(repo, head)?);
    let same = trailer::value(&text, FIX) == Some(offer.fix.digest().as_str())
        && trailer::value(&text, BASE) == Some(offer.base.as_str());
    if same {
        return Ok(());
    }
    let key = &offer.key;
    Err(Error::new(ErrorKind::Invalid, format!("{key} was submitted with another fix or base"))
        .at("deploy"))
}

/// Whether `head` is one commit on `base`.
pub(super) fn cut_from(repo: &Repository, head: Oid, base: &aegis_core::Revision) -> Result<bool> {
    let commit = read::find(repo, head)?;
    Ok(commit.parent_count() == 1 && commit.parent_id(0).ok() == Some(oid(base)?))
}
