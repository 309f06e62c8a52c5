//! The verifier: what is asked once, what is cached, and in which order things are proven.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aegis_core::model::{Case, Fix, Release, Reproduction, Trigger, Verification};
use aegis_core::patch::{FileChange, Patch};
use aegis_core::policy::{Guardrail, Touched};
use aegis_core::port::Repository;
use aegis_core::stage::Verifier;
use aegis_core::{Digest, Error, Result, Revision};
use async_trait::async_trait;
use tokio::sync::Mutex as AsyncMutex;

use super::base::BaseSuite;
use super::cache::Cache;
use super::config::VerifierConfig;
use super::deep::Deep;
use super::environment::Environment;
use super::gates;
use super::ground::{self, Ground, Key, Proves, Reverted};
use super::guard::standard_guardrails;
use super::isolation::Tier;
use super::prove::{NO_TRACE, Proof};
use super::reproduce::{OnBase, OnPatched, Reproducer};
use super::runner::Runner;
use super::suite::{self, Ask, Suites as _};
use super::wanted::{Target, Wanted};
use super::workspace::Tree;
use crate::git::GitRepository;
use crate::service::ServiceSpec;

/// Proves or rejects patches on one Python service, and reverts of its releases where it knows their
/// Git repository ([`with_reverts`](Self::with_reverts)).
///
/// ```no_run
/// # use std::sync::Arc;
/// # use aegis_core::port::Repository;
/// # async fn example(repository: Arc<dyn Repository>) -> aegis_core::Result<()> {
/// use aegis_local::{service::ServiceSpec, verify::PythonVerifier};
/// let shop = ServiceSpec::new("shop", "python app.py", "http://127.0.0.1:8000/health", "pytest")
///     .with_python("/srv/shop/.venv");
/// let verifier = PythonVerifier::new(shop, repository);
/// verifier.warm(&"main".into()).await?; // the suite on the base, ahead of time
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct PythonVerifier {
    pub(super) ground: Ground,
    environment: AsyncMutex<Option<Environment>>,
    failures: Cache<(Key, Digest), OnBase>,
}

impl PythonVerifier {
    /// A verifier with the default bounds.
    pub fn new(spec: ServiceSpec, repository: Arc<dyn Repository>) -> Self {
        Self::with_config(spec, repository, VerifierConfig::default())
    }

    /// A verifier with these bounds.
    pub fn with_config(
        spec: ServiceSpec,
        repository: Arc<dyn Repository>,
        config: VerifierConfig,
    ) -> Self {
        Self {
            ground: Ground::new(spec, repository, config, standard_guardrails()),
            environment: AsyncMutex::default(),
            failures: Cache::default(),
        }
    }

    /// Proves reverts too: as a three-way merge in `repository`, which has to be the service's.
    #[must_use]
    pub fn with_reverts(mut self, repository: GitRepository) -> Self {
        self.ground.reverts = Some(repository);
        self
    }

    /// Asks `guardrail` about each patch too, after [`standard_guardrails`].
    #[must_use]
    pub fn with_guardrail(mut self, guardrail: Arc<dyn Guardrail>) -> Self {
        self.ground.guardrails.push(guardrail);
        self
    }

    /// Asks these about each patch in place of [`standard_guardrails`], in their order.
    #[must_use]
    pub fn with_guardrails(mut self, guardrails: Vec<Arc<dyn Guardrail>>) -> Self {
        self.ground.guardrails = guardrails;
        self
    }

    /// Tries isolation and interpreter, so that a host can say at its start what is missing.
    ///
    /// Errors: `Denied` where there is no isolation, `NotFound` where there is no interpreter.
    pub async fn check(&self) -> Result<()> {
        self.environment().await?;
        self.ground.isolation().await.map(|_| ())
    }

    /// How well code under test is held here.
    ///
    /// Errors: `Denied` where it can't be held.
    pub async fn tier(&self) -> Result<Tier> {
        Ok(self.ground.isolation().await?.tier())
    }

    /// Exports `base` and runs its suite ahead of time; how that went is what every fix is compared
    /// with.
    ///
    /// Errors: as [`check`](Self::check), and `NotFound` for a base that is not in the repository.
    pub async fn warm(&self, base: &Revision) -> Result<BaseSuite> {
        let (runner, tree, name) = self.prepare(base).await?;
        self.ground.base(&runner, &tree, &name).await.map(|base| BaseSuite::of(&base))
    }

    /// Tries to make the case's failure happen on `base`, with no fix in sight.
    pub async fn reproduce(&self, case: &Case, base: &Revision) -> Result<Reproduction> {
        let (runner, tree, key) = self.prepare(base).await?;
        let Some((wanted, targets)) = Wanted::of(case, &tree.files()?) else {
            return Ok(Reproduction::NotReproduced(String::from(NO_TRACE)));
        };
        let bounds = self.ground.config.bounds();
        let reproducer = Reproducer { runner: &runner, bounds: &bounds, wanted: &wanted };
        let failure = self.failure(&reproducer, &targets, triggers(case), (&tree, &key), None);
        Ok(failure.await?.0.reproduction())
    }

    /// The failure on the base, and, where there is a patched tree, several times on that.
    async fn failure(
        &self,
        reproducer: &Reproducer<'_>,
        targets: &[Target],
        triggers: &[Trigger],
        (tree, key): (&Tree, &Key),
        patched: Option<(&Tree, &[&str])>,
    ) -> Result<(Arc<OnBase>, Vec<OnPatched>)> {
        let question = Digest::of_json(&(reproducer.wanted, targets, triggers));
        let key = (key.clone(), question);
        let on_base = || reproducer.on_base(tree, triggers, targets);
        let on_base = self.failures.get(key, on_base).await?;
        let mut again = Vec::new();
        if let (Some(recipe), Some((patched, measured))) = (&on_base.recipe, patched) {
            let once = || reproducer.on_patched(patched, recipe, measured);
            for _ in 0..self.ground.config.repeats / 2 {
                let (a, b) = tokio::try_join!(once(), once())?;
                again.extend([a, b]);
            }
            if self.ground.config.repeats % 2 == 1 {
                again.push(once().await?);
            }
        }
        Ok((on_base, again))
    }

    async fn environment(&self) -> Result<Environment> {
        let mut known = self.environment.lock().await;
        match &*known {
            Some(environment) if !environment.is_stale() => Ok(environment.clone()),
            _ => Ok(known.insert(Environment::of(&self.ground.spec).await?).clone()),
        }
    }

    async fn prepare(&self, base: &Revision) -> Result<(Runner, Tree, Key)> {
        let environment = self.environment().await?;
        let bench = self.ground.workbench(environment.visible(), base).await?;
        let (name, tree) = self.ground.tree(base).await?;
        let key = (name, environment.digest().clone());
        let runner = Runner::new(bench, environment);
        Ok((runner, tree, key))
    }

    /// Runs what needs processes, and concludes.
    async fn run(
        &self,
        case: &Case,
        runner: &Runner,
        trees: Trees<'_>,
        changes: &[FileChange],
        proof: &mut Proof<'_>,
    ) -> Result<()> {
        let Trees { base: tree, key, files, after: patched } = trees;
        let measured: Vec<&str> = changes
            .iter()
            .filter(|c| c.after.is_some() && c.path.ends_with(".py"))
            .map(|c| c.path.as_str())
            .collect();
        let wanted = Wanted::of(case, files);
        let bounds = self.ground.config.bounds();
        let reproducer = wanted.as_ref().map(|(wanted, targets)| {
            (Reproducer { runner, bounds: &bounds, wanted }, &targets[..])
        });
        let failure = async {
            let Some((reproducer, targets)) = &reproducer else { return Ok(None) };
            let patched = Some((patched, &measured[..]));
            self.failure(reproducer, targets, triggers(case), (tree, key), patched).await.map(Some)
        };
        let suites = async {
            // What the base can be asked decides what the patched tree is asked.
            let base = self.ground.base(runner, tree, key).await?;
            let begun = Instant::now();
            let ask = Ask { measured: Some(&measured), plant: base.planted, seed: 0 };
            let after = runner.run(patched, &ask).await?;
            Ok::<_, Error>((base, after, begun))
        };
        let (compiled, (base, after, begun), failure) =
            tokio::try_join!(runner.compile(patched, &measured), suites, failure)?;
        let (compile, compiled) = compiled;
        proof.ran([&compile.ran]);
        proof.compare(compiled, &base, &after);
        proof.provoke(failure.as_ref().ok_or(NO_TRACE));
        if proof.goes_deeper() {
            let deep = Deep {
                runner,
                reproducer: reproducer.as_ref().map(|(reproducer, _)| reproducer),
                on_base: failure.as_ref().map(|(on_base, _)| on_base.as_ref()),
                base: &base,
                after: &after,
                tree,
                patched,
                changes,
                deadline: begun + Duration::from_millis(self.ground.config.deadline_ms),
                faults: self.ground.config.faults,
                runs: Mutex::default(),
            };
            proof.deepen(deep.ask().await?);
        }
        proof.score(changes, &base, &after);
        if after.coverage.is_none() {
            proof.note("the suite's coverage could not be measured: install coverage");
        }
        Ok(())
    }
}

/// Requests that a diagnosis found to set off the failure.
fn triggers(case: &Case) -> &[Trigger] {
    case.diagnosis.as_ref().map_or(&[][..], |d| &d.triggers)
}

/// The two trees that are compared.
#[derive(Debug)]
struct Trees<'a> {
    base: &'a Tree,
    key: &'a Key,
    /// Files of the base.
    files: &'a [String],
    after: &'a Tree,
}

impl Proves for PythonVerifier {
    fn ground(&self) -> &Ground {
        &self.ground
    }

    async fn prove(&self, case: &Case, patch: &Patch, proof: &mut Proof<'_>) -> Result<()> {
        let (runner, tree, key) = self.prepare(&patch.base).await?;
        proof.isolated(runner.tier());
        let Some(changes) = self.ground.changes(patch, proof).await? else { return Ok(()) };
        let files = tree.files()?;
        let touched = Touched::new(&changes, &files);
        proof.inspect(case, &touched, &self.ground.guardrails);
        proof.refuse(gates::refused_syntax(&changes, runner.python_version()));
        if proof.is_denied() {
            return Ok(());
        }
        // Tests and what configures them stay those of the base, whatever a host's guardrails let pass.
        let kept: Vec<FileChange> =
            changes.iter().filter(|c| !suite::belongs(&c.path)).cloned().collect();
        let patched = tree.changed(&kept);
        let trees = Trees { base: &tree, key: &key, files: &files, after: &patched };
        self.run(case, &runner, trees, &changes, proof).await
    }

    async fn prove_revert(
        &self,
        case: &Case,
        release: &Release,
        git: &GitRepository,
        base: &Revision,
        proof: &mut Proof<'_>,
    ) -> Result<()> {
        let (runner, tree, key) = self.prepare(base).await?;
        proof.isolated(runner.tier());
        let taken = self.ground.take_back(release, git, base, proof).await?;
        let Some(Reverted { tree: reverted, changes }) = taken else { return Ok(()) };
        proof.refuse(gates::refused_syntax(&changes, runner.python_version()));
        if proof.is_denied() {
            return Ok(());
        }
        let files = tree.files()?;
        let trees = Trees { base: &tree, key: &key, files: &files, after: &reverted };
        self.run(case, &runner, trees, &changes, proof).await
    }
}

#[async_trait]
impl Verifier for PythonVerifier {
    async fn verify(&self, case: &Case, fix: &Fix) -> Result<Verification> {
        ground::verify(self, case, fix).await
    }
}
