//! Proving a fix on a Rust package by `cargo test`.
//!
//! [`CargoVerifier`] shows how another language than Python is proven: the static gates
//! ([`rust_guardrails`]), the suite on the base several times, the patched tree with tests that have to
//! fail planted, and the coverage of the changed lines, in the same sandbox and by the same rules. It
//! does not make the failure happen again, so that nothing merges on its word alone: what it proved is
//! proposed. Each step that is not possible is named in the notes, and lowers the score.
//!
//! # What it needs
//!
//! A toolchain with Cargo on the host (`rustc` on the path, or
//! [`with_toolchain`](CargoVerifier::with_toolchain)), and every dependency already downloaded: there
//! is no network inside, and Cargo's registry is shown read-only (`cargo fetch` fills it; no build
//! script runs for that). Each run compiles from scratch in memory:
//! [`VerifierConfig::for_cargo`] has the bounds for that. The test command is `cargo test ...` in its
//! plain form; it runs with `--no-fail-fast`, by the toolchain itself, so that a `rust-toolchain.toml`
//! is not looked at.
//!
//! # What it does not promise
//!
//! Code under test shares its process with the test harness. A library that prints a report of its own
//! and ends the process is caught by the tests that have to fail, one that knows which tests are ours
//! is not: such code does not pass the static gates.

mod canaries;
mod command;
mod guard;
mod libtest;
mod marks;
mod packages;
mod source;
mod suite;
mod toolchain;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aegis_core::model::{Case, Fix, GateReport, Release, Verification};
use aegis_core::patch::{FileChange, Patch};
use aegis_core::policy::{Guardrail, Touched};
use aegis_core::port::Repository;
use aegis_core::stage::Verifier;
use aegis_core::{Result, Revision};
use async_trait::async_trait;
use tokio::sync::OnceCell;

use self::command::Command;
use self::suite::CargoSuite;
use self::toolchain::Toolchain;
use super::base::BaseSuite;
use super::config::VerifierConfig;
use super::gates;
use super::ground::{self, Ground, Key, Proves, Reverted};
use super::guard::has_extension;
use super::isolation::Tier;
use super::prove::Proof;
use super::suite::{Ask, Suites as _};
use super::workspace::Tree;
use crate::git::GitRepository;
use crate::service::ServiceSpec;

pub use guard::{DangerousRust, InlineTests, NewCrates, rust_guardrails};

/// Names of the gates that a patch of a Rust package meets, in the order in which they are asked.
pub const GATES: [&str; 14] = [
    "isolation",
    "applies",
    "protected-paths",
    "size",
    "unicode",
    "secrets",
    "new-imports",
    "inline-tests",
    "dangerous-code",
    "syntax",
    "claim",
    "base-tests",
    "canaries",
    "tests",
];

/// Why the failure is not made to happen again.
const NOT_REPRODUCED: &str = "not possible under cargo test: no call of a function can be made up";

/// The other steps that are not possible, each with its reason.
const NOT_POSSIBLE: [&str; 4] = [
    "tests under other names: not possible under cargo test, a name may stand in other code",
    "calls around the failure: not possible under cargo test, nothing calls a function by itself",
    "each part left out: not possible under cargo test, the failure is not reproduced",
    "faults in the changed lines: not possible under cargo test, each would be compiled anew",
];

/// Proves or rejects patches on one Rust package or workspace, and reverts of its releases where it
/// knows their Git repository ([`with_reverts`](Self::with_reverts)).
///
/// ```no_run
/// # use std::sync::Arc;
/// # use aegis_core::port::Repository;
/// # async fn example(repository: Arc<dyn Repository>) -> aegis_core::Result<()> {
/// use aegis_local::{service::ServiceSpec, verify::cargo::CargoVerifier};
/// let health = "http://127.0.0.1:8000/health";
/// let service = ServiceSpec::new("rates", "target/release/rates", health, "cargo test --workspace");
/// let verifier = CargoVerifier::new(service, repository);
/// verifier.warm(&"main".into()).await?; // the suite on the base, ahead of time
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct CargoVerifier {
    ground: Ground,
    folder: Option<PathBuf>,
    toolchain: OnceCell<Toolchain>,
}

impl CargoVerifier {
    /// A verifier with [`VerifierConfig::for_cargo`].
    pub fn new(spec: ServiceSpec, repository: Arc<dyn Repository>) -> Self {
        Self::with_config(spec, repository, VerifierConfig::for_cargo())
    }

    /// A verifier with these bounds.
    pub fn with_config(
        spec: ServiceSpec,
        repository: Arc<dyn Repository>,
        config: VerifierConfig,
    ) -> Self {
        Self {
            ground: Ground::new(spec, repository, config, rust_guardrails()),
            folder: None,
            toolchain: OnceCell::new(),
        }
    }

    /// Takes the toolchain in `folder`, which holds `bin/cargo` and `bin/rustc`, in place of the one on
    /// the path.
    #[must_use]
    pub fn with_toolchain(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Proves reverts too: as a three-way merge in `repository`, which has to be the service's.
    #[must_use]
    pub fn with_reverts(mut self, repository: GitRepository) -> Self {
        self.ground.reverts = Some(repository);
        self
    }

    /// Asks `guardrail` about each patch too, after [`rust_guardrails`].
    #[must_use]
    pub fn with_guardrail(mut self, guardrail: Arc<dyn Guardrail>) -> Self {
        self.ground.guardrails.push(guardrail);
        self
    }

    /// Asks these about each patch in place of [`rust_guardrails`], in their order.
    #[must_use]
    pub fn with_guardrails(mut self, guardrails: Vec<Arc<dyn Guardrail>>) -> Self {
        self.ground.guardrails = guardrails;
        self
    }

    /// Tries isolation, toolchain and test command, so that a host can say at its start what is missing.
    ///
    /// Errors: `Denied` where there is no isolation, `NotFound` where there is no toolchain, `Invalid`
    /// for a test command that is not `cargo test` or hides its report.
    pub async fn check(&self) -> Result<()> {
        Command::parse(&self.ground.spec.test)?;
        self.toolchain().await?;
        self.ground.isolation().await.map(|_| ())
    }

    /// How well code under test is held here. Errors: `Denied` where it can't be held.
    pub async fn tier(&self) -> Result<Tier> {
        Ok(self.ground.isolation().await?.tier())
    }

    /// Exports `base` and runs its suite ahead of time; how that went is what every fix is compared
    /// with.
    ///
    /// Errors: as [`check`](Self::check), and `NotFound` for a base that is not in the repository.
    pub async fn warm(&self, base: &Revision) -> Result<BaseSuite> {
        let (suite, tree, key) = self.prepare(base).await?;
        self.ground.base(&suite, &tree, &key).await.map(|base| BaseSuite::of(&base))
    }

    async fn toolchain(&self) -> Result<&Toolchain> {
        self.toolchain.get_or_try_init(|| Toolchain::find(self.folder.as_deref())).await
    }

    async fn prepare(&self, base: &Revision) -> Result<(CargoSuite, Tree, Key)> {
        Command::parse(&self.ground.spec.test)?;
        let toolchain = self.toolchain().await?.clone();
        let bench = self.ground.workbench(toolchain.visible(), base).await?;
        let (name, tree) = self.ground.tree(base).await?;
        let key = (name, toolchain.digest().clone());
        let suite = CargoSuite { bench, toolchain };
        Ok((suite, tree, key))
    }

    /// Runs the suite on both trees, and the marked one where there is time and a point.
    async fn run(
        &self,
        suite: &CargoSuite,
        (tree, patched, key): (&Tree, &Tree, &Key),
        changes: &[FileChange],
        proof: &mut Proof<'_>,
    ) -> Result<()> {
        let base = self.ground.base(suite, tree, key).await?;
        let deadline = Instant::now() + Duration::from_millis(self.ground.config.deadline_ms);
        let ask = Ask { plant: base.planted, ..Ask::default() };
        let mut after = suite.run(patched, &ask).await?;
        let compiled = match &after.report {
            Err(why) if why.starts_with(libtest::NOT_COMPILED) => Err(why.clone()),
            _ => Ok(()),
        };
        proof.compare(compiled, &base, &after);
        proof.provoke(Err(NOT_REPRODUCED));
        if !proof.is_denied() {
            let marked = suite.coverage(patched, changes);
            match tokio::time::timeout_at(deadline.into(), marked).await {
                Ok(measured) => match measured? {
                    Ok(coverage) => after.coverage = Some(coverage),
                    Err(why) => proof.note(format!("coverage: could not be measured, {why}")),
                },
                Err(_) => proof.note("coverage: did not fit the deadline"),
            }
        }
        proof.score_by_suite(changes, &base, &after);
        NOT_POSSIBLE.into_iter().for_each(|note| proof.note(note));
        Ok(())
    }
}

/// What does not parse, needs no compiler.
fn refused(changes: &[FileChange]) -> Option<GateReport> {
    let rust = changes.iter().filter(|c| is_rust(&c.path));
    let refused = |c: &FileChange| {
        let why = source::read(c.after.as_deref()?, |_| ()).err()?;
        Some(gates::deny(gates::SYNTAX, format!("{}: {why}", c.path)))
    };
    rust.filter_map(refused).next()
}

impl Proves for CargoVerifier {
    fn ground(&self) -> &Ground {
        &self.ground
    }

    async fn prove(&self, case: &Case, patch: &Patch, proof: &mut Proof<'_>) -> Result<()> {
        let (suite, tree, key) = self.prepare(&patch.base).await?;
        proof.isolated(suite.bench.tier());
        let Some(changes) = self.ground.changes(patch, proof).await? else { return Ok(()) };
        let files = tree.files()?;
        proof.inspect(case, &Touched::new(&changes, &files), &self.ground.guardrails);
        proof.refuse(refused(&changes));
        if proof.is_denied() {
            return Ok(());
        }
        // Tests stay those of the base, whatever a host's guardrails let pass.
        let kept = changes.iter().filter(|change| !guard::belongs(&change.path));
        let patched = tree.changed(&kept.cloned().collect::<Vec<_>>());
        self.run(&suite, (&tree, &patched, &key), &changes, proof).await
    }

    async fn prove_revert(
        &self,
        _case: &Case,
        release: &Release,
        git: &GitRepository,
        base: &Revision,
        proof: &mut Proof<'_>,
    ) -> Result<()> {
        let (suite, tree, key) = self.prepare(base).await?;
        proof.isolated(suite.bench.tier());
        let taken = self.ground.take_back(release, git, base, proof).await?;
        let Some(Reverted { tree: reverted, changes }) = taken else { return Ok(()) };
        self.run(&suite, (&tree, &reverted, &key), &changes, proof).await
    }
}

/// Whether a file is Rust source.
fn is_rust(path: &str) -> bool {
    has_extension(path, &["rs"])
}

#[async_trait]
impl Verifier for CargoVerifier {
    async fn verify(&self, case: &Case, fix: &Fix) -> Result<Verification> {
        ground::verify(self, case, fix).await
    }
}
