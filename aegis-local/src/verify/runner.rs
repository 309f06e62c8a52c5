//! The jobs of one Python service: its interpreter's scripts, its suite.

use aegis_core::Result;

use super::canary::Canaries;
use super::environment::Environment;
use super::isolation::{Job, Outcome, Tier};
use super::suite::{Ask, Suite, Suites};
use super::tool::{COVERAGE, JUNIT, Plan};
use super::workbench::Workbench;
use super::workspace::Tree;
use crate::service::ServiceSpec;

const COMPILE: &str = include_str!("harness/compile.py");

/// Makes and runs the jobs of one service on one base.
#[derive(Debug)]
pub(super) struct Runner {
    bench: Workbench,
    environment: Environment,
}

impl Runner {
    pub(super) fn new(bench: Workbench, environment: Environment) -> Self {
        Self { bench, environment }
    }

    pub(super) fn spec(&self) -> &ServiceSpec {
        &self.bench.spec
    }

    pub(super) fn python_version(&self) -> &str {
        self.environment.version()
    }

    pub(super) fn tier(&self) -> Tier {
        self.bench.tier()
    }

    pub(super) async fn start(&self, job: &Job) -> Result<Outcome> {
        self.bench.start(job).await
    }

    /// A script of ours under the service's interpreter.
    pub(super) fn python(&self, tree: &Tree, script: &str) -> Job {
        let python = self.environment.python().display().to_string();
        self.job(tree, [python, "-B".to_owned(), script.to_owned()])
    }

    fn job(&self, tree: &Tree, argv: impl IntoIterator<Item = impl Into<String>>) -> Job {
        let defaults =
            [("PYTHONHASHSEED", "0"), ("PYTHONUNBUFFERED", "1"), ("PYTHONDONTWRITEBYTECODE", "1")];
        let defaults = defaults.map(|(name, value)| (name, value.to_owned()));
        self.bench.job(tree, argv, &self.environment.search_path(), defaults)
    }

    /// Compiles files of the tree; the reason where one does not.
    pub(super) async fn compile(
        &self,
        tree: &Tree,
        files: &[&str],
    ) -> Result<(Outcome, Result<(), String>)> {
        let mut job = self.python(tree, "/aegis/compile.py");
        job.argv.insert(1, "-I".to_owned());
        job.sidecars.clear();
        job.argv.extend(files.iter().map(|f| (*f).to_owned()));
        job.files.insert("compile.py".to_owned(), COMPILE.to_owned());
        job.limits.wall_ms = job.limits.wall_ms.min(20_000);
        let outcome = self.start(&job).await?;
        let verdict = match outcome.end {
            super::isolation::End::Exited(0) => Ok(()),
            _ => {
                let said = outcome.stdout.text() + &outcome.stderr.text();
                Err(said.lines().next().unwrap_or("the compiler said nothing").to_owned())
            }
        };
        Ok((outcome, verdict))
    }

    /// Runs another command as the suite is run.
    pub(super) async fn command(&self, tree: &Tree, command: &str) -> Result<Suite> {
        let plan = Plan::new(command, None, None, &self.spec().env);
        let outcome = self.start(&self.planned(tree, plan, 0)).await?;
        Ok(Suite::read(&outcome, None))
    }

    fn planned(&self, tree: &Tree, plan: Plan, seed: u32) -> Job {
        let mut job = self.job(tree, ["/bin/sh", "-c", &plan.command]);
        if !self.spec().env.contains_key("PYTHONHASHSEED") {
            job.env.insert("PYTHONHASHSEED".to_owned(), seed.to_string());
        }
        job.env.extend(plan.env);
        job.files.extend(plan.files);
        job.collect = vec![JUNIT.to_owned(), COVERAGE.to_owned()];
        job
    }
}

impl Suites for Runner {
    async fn run(&self, tree: &Tree, ask: &Ask<'_>) -> Result<Suite> {
        let canaries = ask.plant.then(|| Canaries::draw(1));
        let measured = ask.measured.filter(|_| self.environment.distribution("coverage").is_some());
        let plan = Plan::new(&self.spec().test, measured, canaries.as_ref(), &self.spec().env);
        let outcome = self.start(&self.planned(tree, plan, ask.seed)).await?;
        Ok(Suite::read(&outcome, canaries.as_ref()))
    }
}
