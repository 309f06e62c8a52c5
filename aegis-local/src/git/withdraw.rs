//! Taking back what was offered and not merged.

use aegis_core::{EffectKey, Result};
use git2::Repository;

use super::find::{self, Found};
use super::refs::{self, Names, Swap};
use super::site::Site;

/// Deletes the branch where it is still ours; what a person made of it stays.
pub(super) fn withdraw(
    repo: &Repository,
    site: &Site,
    key: &EffectKey,
    why: &str,
) -> Result<Found> {
    let names = Names::of_fix(key)?;
    let found = find::fix(repo, site, key)?;
    let head = match found {
        Found::Absent => return Ok(Found::Withdrawn),
        Found::Merged(_) | Found::Foreign => return Ok(found),
        Found::Open { head, .. } => Some(head),
        Found::Withdrawn | Found::Closed => refs::get(repo, &names.submitted)?,
    };
    let checked_out = repo
        .find_reference("HEAD")
        .is_ok_and(|h| h.symbolic_target().ok().flatten() == Some(names.branch.as_str()));
    if checked_out {
        return Ok(Found::Foreign);
    }
    if let Some(head) = head {
        let why: String = why.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let why = format!("aegis: withdrawn: {why}");
        let sign = site.sign()?;
        // Noted first: after a crash in between it is withdrawn, and the next call deletes the rest.
        refs::put(repo, &names.withdrawn, head, &sign, &why)?;
        if refs::get(repo, &names.branch)? == Some(head)
            && refs::swap(repo, &names.branch, Some(head), None, &sign, &why)? == Swap::Differs
        {
            return Ok(Found::Foreign);
        }
    }
    Ok(Found::Withdrawn)
}
