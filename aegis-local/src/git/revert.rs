//! Taking back what was merged, keeping what came later.

use aegis_core::stage::Rollout;
use aegis_core::{EffectKey, Error, Result, Retry, Revision};
use git2::{Oid, Repository};

use super::error::{oid, revision, wrap};
use super::refs::{self, Names, Swap};
use super::site::Site;
use super::tree::Made;
use super::{find, read, take_back};
use aegis_core::trailer::{self, KEY, REVERTS};

/// How often a release branch that moves meanwhile is tried again, the revert made anew each time.
const TRIES: usize = 5;

/// Commits the revert of `commit` to the release branch; answers the commit that holds it.
pub(super) fn revert(
    repo: &Repository,
    site: &Site,
    key: &EffectKey,
    commit: &Revision,
    reasons: &[String],
) -> Result<Result<Oid, Rollout>> {
    let names = Names::of_revert(key)?;
    let bad = read::find(repo, oid(commit)?)?;
    if let Some(done) = find::revert(repo, site, key)? {
        let text = read::message(&read::find(repo, done)?);
        let ours = trailer::value(&text, KEY) == Some(trailer::key_text(key).as_str());
        if ours && trailer::value(&text, REVERTS) != Some(commit.as_str()) {
            return Err(Error::invalid(format!("{key} reverted another commit")).at("deploy"));
        }
        show(repo, site, &names, done)?;
        return Ok(Ok(done));
    }
    for _ in 0..TRIES {
        let head = read::head(repo, site.repository.branch())?;
        if !read::contains(repo, head, bad.id())? {
            return Ok(Err(Rollout::Conflict));
        }
        let onto = read::find(repo, head)?;
        let made = match take_back::commit(repo, &bad, None, &onto)? {
            Made::Tree(made) => made,
            Made::Conflict(why) => {
                tracing::warn!(%key, why, "the revert is not clean");
                return Ok(Err(Rollout::Conflict));
            }
        };
        let sign = site.sign()?;
        if made == onto.tree_id() {
            // Somebody took it back already: the head is the answer, without an empty commit.
            refs::put(repo, &names.reverting, head, &sign, "aegis: nothing left to revert")?;
            show(repo, site, &names, head)?;
            return Ok(Ok(head));
        }
        let text = write(key, commit, &read::message(&bad), reasons);
        let tree = repo.find_tree(made).map_err(wrap("can't find the tree"))?;
        let new = repo
            .commit(None, &sign, &sign, &text, &tree, &[&onto])
            .map_err(wrap("can't write the revert"))?;
        refs::put(repo, &names.reverting, new, &sign, "aegis: revert")?;
        if site.move_release(repo, head, new, &format!("aegis: revert {commit}"))? == Swap::Done {
            show(repo, site, &names, new)?;
            return Ok(Ok(new));
        }
    }
    Err(Error::conflict(format!("the release branch moved {TRIES} times during a revert"))
        .with_retry(Retry::Backoff)
        .at("deploy"))
}

fn write(key: &EffectKey, commit: &Revision, theirs: &str, reasons: &[String]) -> String {
    let title = theirs.lines().next().unwrap_or_default();
    let reasons: Vec<String> = reasons.iter().map(|r| format!("- {r}")).collect();
    let mut trailers = trailer::signed(key);
    trailers.push((REVERTS, commit.to_string()));
    trailer::compose(
        &format!("Revert \"{title}\""),
        &[&format!("This reverts commit {commit}."), &reasons.join("\n")],
        &trailers,
    )
}

/// Points the branch that people see at the revert; a branch of theirs by that name stays.
fn show(repo: &Repository, site: &Site, names: &Names, at: Oid) -> Result<()> {
    let sign = site.sign()?;
    match refs::get(repo, &names.branch)? {
        Some(id) if id == at => Ok(()),
        Some(id) => {
            tracing::warn!(branch = names.branch, at = %revision(id), "the name is taken");
            Ok(())
        }
        None => refs::swap(repo, &names.branch, None, Some(at), &sign, "aegis: revert").map(|_| ()),
    }
}
