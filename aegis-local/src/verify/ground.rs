//! What every verifier stands on, whatever the service is written in: the sandbox, exported trees, the
//! suite on the base.

use std::path::PathBuf;
use std::sync::Arc;

use aegis_core::model::{Case, Fix, FixKind, Release, Verification};
use aegis_core::patch::{FileChange, Patch};
use aegis_core::policy::Guardrail;
use aegis_core::port::Repository;
use aegis_core::{Digest, Error, ErrorKind, Result, Revision};
use tokio::sync::OnceCell;

use super::base::Base;
use super::cache::Cache;
use super::config::VerifierConfig;
use super::isolation::{Isolation, Tier};
use super::prove::Proof;
use super::suite::Suites;
use super::workbench::Workbench;
use super::workspace::{self, Exports, Tree};
use crate::git::{GitRepository, TakenBack};
use crate::service::ServiceSpec;

/// One service: its repository, its bounds, and what was made for it once.
#[derive(Debug)]
pub(super) struct Ground {
    pub(super) spec: ServiceSpec,
    pub(super) repository: Arc<dyn Repository>,
    pub(super) config: VerifierConfig,
    pub(super) guardrails: Vec<Arc<dyn Guardrail>>,
    pub(super) reverts: Option<GitRepository>,
    exports: Exports,
    isolation: OnceCell<Isolation>,
    bases: Cache<Key, Base>,
}

/// What results on a base depend on: the name of its tree, and the environment.
pub(super) type Key = (String, Digest);

/// A release that is taken back from what came later.
#[derive(Debug)]
pub(super) struct Reverted {
    pub(super) tree: Tree,
    pub(super) changes: Vec<FileChange>,
}

impl Ground {
    pub(super) fn new(
        spec: ServiceSpec,
        repository: Arc<dyn Repository>,
        config: VerifierConfig,
        guardrails: Vec<Arc<dyn Guardrail>>,
    ) -> Self {
        Self {
            exports: Exports::new(config.scratch()),
            spec,
            repository,
            config,
            guardrails,
            reverts: None,
            isolation: OnceCell::new(),
            bases: Cache::default(),
        }
    }

    /// The sandbox, tried once. Errors: `Denied` where there is none.
    pub(super) async fn isolation(&self) -> Result<Isolation> {
        let scratch = self.config.scratch();
        // Sidecars listen, which the Strong tier alone has.
        let tiers = match self.spec.sidecars.is_empty() {
            true => self.config.tiers(),
            false => &[Tier::Strong],
        };
        let probe =
            || async { Isolation::probe_any(self.config.helper()?, Some(&scratch), tiers).await };
        self.isolation.get_or_try_init(probe).await.cloned()
    }

    /// Where the service's commands run on `base`, with these host paths shown beside those that the
    /// configuration shows. Errors: as [`isolation`](Self::isolation).
    pub(super) async fn workbench(
        &self,
        mut visible: Vec<PathBuf>,
        base: &Revision,
    ) -> Result<Workbench> {
        let (spec, limits) = (self.spec.clone(), self.config.limits());
        visible.extend_from_slice(&self.config.visible);
        Ok(Workbench::new(spec, self.isolation().await?, limits, visible, base.clone()))
    }

    /// The exported tree of `at`, and its name.
    pub(super) async fn tree(&self, at: &Revision) -> Result<(String, Tree)> {
        self.exports.get(&self.repository, at).await
    }

    /// The suite on a base, run where it was not yet.
    pub(super) async fn base(
        &self,
        suites: &impl Suites,
        tree: &Tree,
        key: &Key,
    ) -> Result<Arc<Base>> {
        let runs = || Base::measure(suites, tree, self.config.base_runs);
        let base = self.bases.get(key.clone(), runs).await?;
        if base.report.is_err() && !base.empty {
            // A run that broke off says nothing about the next one.
            self.bases.forget(key);
        }
        Ok(base)
    }

    /// What a patch changes; nothing where it does not apply, which the proof then says.
    pub(super) async fn changes(
        &self,
        patch: &Patch,
        proof: &mut Proof<'_>,
    ) -> Result<Option<Vec<FileChange>>> {
        match workspace::changes(self.repository.as_ref(), patch).await {
            Ok(changes) => Ok(Some(changes)),
            Err(e) if matches!(e.kind(), ErrorKind::Invalid | ErrorKind::NotFound) => {
                proof.does_not_apply(&e);
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }

    /// Takes a release back; nothing where it does not come out, which the proof then says.
    pub(super) async fn take_back(
        &self,
        release: &Release,
        git: &GitRepository,
        base: &Revision,
        proof: &mut Proof<'_>,
    ) -> Result<Option<Reverted>> {
        let (from, at, taken) = (git.clone(), base.clone(), release.clone());
        let take = |into: PathBuf| async move { from.take_back(&taken, &at, &into).await };
        let (tree, name, changes, others) =
            match workspace::filled(&self.config.scratch(), take).await {
                Ok((reverted, TakenBack::Clean { tree, changes, others })) => {
                    (reverted, tree, changes, others.len())
                }
                Ok((_, TakenBack::Conflict(why))) => {
                    proof.does_not_come_out(why);
                    return Ok(None);
                }
                Err(e) if matches!(e.kind(), ErrorKind::Invalid | ErrorKind::NotFound) => {
                    proof.does_not_come_out(e.to_string());
                    return Ok(None);
                }
                Err(e) => return Err(e),
            };
        let known = match &release.previous {
            Some(previous) => git.tree(previous).await.is_ok_and(|before| before == name),
            None => false,
        };
        proof.comes_out(&changes, known, others);
        Ok(Some(Reverted { tree, changes }))
    }
}

/// How one kind of service is proven on its ground.
pub(super) trait Proves: Sync {
    fn ground(&self) -> &Ground;

    /// Proves a patch; what is found goes into the proof.
    fn prove(
        &self,
        case: &Case,
        patch: &Patch,
        proof: &mut Proof<'_>,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Proves that a release can be taken back from `base`.
    fn prove_revert(
        &self,
        case: &Case,
        release: &Release,
        git: &GitRepository,
        base: &Revision,
        proof: &mut Proof<'_>,
    ) -> impl Future<Output = Result<()>> + Send;
}

/// A verification by whoever proves that kind of service.
pub(super) async fn verify(prover: &impl Proves, case: &Case, fix: &Fix) -> Result<Verification> {
    let ground = prover.ground();
    let proof = |base: &Revision| Proof::new(fix, base.clone(), ground.config.without.clone());
    let proven = match (&fix.kind, &ground.reverts) {
        (FixKind::Patch(patch), _) => {
            let mut proof = proof(&patch.base);
            prover.prove(case, patch, &mut proof).await.map(|()| proof)
        }
        (FixKind::Revert(release), Some(git)) => {
            let base = ground.repository.head().await?;
            let mut proof = proof(&base);
            prover.prove_revert(case, release, git, &base, &mut proof).await.map(|()| proof)
        }
        (FixKind::Revert(_), None) => Err(Error::invalid(
            "this verifier proves reverts only where it knows the Git repository: `with_reverts`",
        )),
        _ => Err(Error::invalid("this verifier proves patches and reverts only")),
    };
    Ok(proven.map_err(|e| e.at("verify"))?.finish())
}
