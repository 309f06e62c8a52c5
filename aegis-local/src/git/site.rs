//! What every write needs: the repository, the state folder, a name to sign with, and the lock.

use std::path::PathBuf;

use aegis_core::model::Fix;
use aegis_core::{EffectKey, Error, Result, Revision};
use git2::{Oid, Repository, Signature, Time};

use super::error::wrap;
use super::refs::{self, Swap};
use super::repository::GitRepository;
use super::{checkout, lock};

/// Where fixes are shipped, and in whose name.
#[derive(Debug, Clone)]
pub(super) struct Site {
    pub(super) repository: GitRepository,
    pub(super) state: PathBuf,
    pub(super) name: String,
    pub(super) email: String,
}

/// What an order to submit says, in plain parts.
#[derive(Debug, Clone)]
pub(super) struct Offer {
    pub(super) key: EffectKey,
    pub(super) fix: Fix,
    pub(super) base: Revision,
    pub(super) body: String,
    pub(super) propose_only: bool,
}

impl Site {
    /// Runs blocking work on the repository while no other writer does.
    pub(super) async fn exclusive<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Repository, &Self) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let site = self.clone();
        self.repository
            .with(move |repo| {
                lock::exclusive(site.repository.path(), &site.state, || work(repo, &site))
            })
            .await
    }

    /// Signs with the wall clock: what happens at a moment of its own, a merge or a revert.
    pub(super) fn sign(&self) -> Result<Signature<'static>> {
        Signature::now(&self.name, &self.email).map_err(wrap("can't sign a commit"))
    }

    /// Signs with a given second, UTC.
    pub(super) fn sign_at(&self, seconds: i64) -> Result<Signature<'static>> {
        Signature::new(&self.name, &self.email, &Time::new(seconds, 0))
            .map_err(wrap("can't sign a commit"))
    }

    /// Moves the release branch, and the repository's own checkout with it where that is clean.
    pub(super) fn move_release(
        &self,
        repo: &Repository,
        old: Oid,
        new: Oid,
        why: &str,
    ) -> Result<Swap> {
        let release = self.repository.release_ref();
        let follows = checkout::prepare(repo, &self.state, &release, old, new)?;
        let swapped = refs::swap(repo, &release, Some(old), Some(new), &self.sign()?, why);
        if follows {
            if matches!(swapped, Ok(Swap::Done))
                && let Err(e) = checkout::fast_forward(repo, old, new)
            {
                tracing::warn!(error = %e, "the checkout was left behind its branch");
            }
            if let Err(e) = checkout::settle(repo, &self.state) {
                tracing::warn!(error = %e, "can't forget a step of the checkout");
            }
        }
        swapped
    }
}

/// Refuses a signature that Git could not write.
pub(super) fn check_author(name: &str, email: &str) -> Result<()> {
    let written = |text: &str| !text.trim().is_empty() && !text.contains(['<', '>', '\n', '\0']);
    if written(name) && written(email) {
        Ok(())
    } else {
        Err(Error::invalid(format!("{name:?} <{email:?}> can't sign a commit")).at("git"))
    }
}
