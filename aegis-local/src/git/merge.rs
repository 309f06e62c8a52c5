//! Merging the head that was verified, and nothing else.

use aegis_core::stage::Rollout;
use aegis_core::{EffectKey, Error, Result, Revision};
use git2::Repository;

use super::error::{oid, revision, wrap};
use super::find::{self, Found};
use super::read;
use super::refs::Swap;
use super::site::Site;
use super::submit::cut_from;
use aegis_core::trailer::{self, BASE, FIX};

/// Merges `head`, which was cut from `base`, where the branch and the release branch still stand there.
pub(super) fn merge(
    repo: &Repository,
    site: &Site,
    key: &EffectKey,
    head: &Revision,
    base: &Revision,
) -> Result<Result<Found, Rollout>> {
    let tip = match find::fix(repo, site, key)? {
        Found::Open { head, .. } => head,
        Found::Absent => {
            return Err(Error::not_found(format!("{key}: nothing was submitted")).at("deploy"));
        }
        other => return Ok(Ok(other)),
    };
    if revision(tip) != *head {
        return Ok(Err(Rollout::Conflict));
    }
    let release = read::head(repo, site.repository.branch())?;
    if release != oid(base)? {
        return Ok(Err(Rollout::BaseMoved { base: revision(release) }));
    }
    if !cut_from(repo, tip, base)? {
        return Err(Error::invalid(format!("{key}: {head} was not cut from {base}")).at("deploy"));
    }
    let (onto, fix) = (read::find(repo, release)?, read::find(repo, tip)?);
    let theirs = read::message(&fix);
    let title = theirs.lines().next().unwrap_or_default();
    let branch = key.of_kind(aegis_core::EffectKind::Submit).branch();
    let mut trailers = trailer::signed(key);
    for name in [FIX, BASE] {
        if let Some(value) = trailer::value(&theirs, name) {
            trailers.push((name, value.to_owned()));
        }
    }
    let text = trailer::compose(&format!("Merge {branch}: {title}"), &[], &trailers);
    let sign = site.sign()?;
    // The base is still the head's only parent, so that the head's tree is the merge.
    let commit = repo
        .commit(None, &sign, &sign, &text, &read::tree(&fix)?, &[&onto, &fix])
        .map_err(wrap("can't write the merge"))?;
    match site.move_release(repo, release, commit, &format!("aegis: merge {branch}"))? {
        Swap::Done => Ok(Ok(Found::Merged(commit))),
        Swap::Differs => {
            let base = revision(read::head(repo, site.repository.branch())?);
            Ok(Err(Rollout::BaseMoved { base }))
        }
    }
}
