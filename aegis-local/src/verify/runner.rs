//! The jobs of one service: its environment, its variables, its covered folders.

use std::path::{Path, PathBuf};

use aegis_core::{Result, Revision};

use super::canary::Canaries;
use super::environment::Environment;
use super::isolation::{Isolation, Job, Limits, Outcome, Tier};
use super::suite::{Base, Suite};
use super::tool::{COVERAGE, JUNIT, Plan};
use super::workspace::Tree;
use crate::service::ServiceSpec;

const COMPILE: &str = include_str!("harness/compile.py");

/// Makes and runs the jobs of one service on one base.
#[derive(Debug)]
pub(super) struct Runner {
    spec: ServiceSpec,
    environment: Environment,
    isolation: Isolation,
    limits: Limits,
    visible: Vec<PathBuf>,
    base: Revision,
}

impl Runner {
    pub(super) fn new(
        spec: ServiceSpec,
        environment: Environment,
        isolation: Isolation,
        limits: Limits,
        visible: &[PathBuf],
        base: Revision,
    ) -> Self {
        let mut shown = environment.visible();
        shown.extend_from_slice(visible);
        Self { spec, environment, isolation, limits, visible: shown, base }
    }

    pub(super) fn spec(&self) -> &ServiceSpec {
        &self.spec
    }

    pub(super) fn python_version(&self) -> &str {
        self.environment.version()
    }

    pub(super) fn tier(&self) -> Tier {
        self.isolation.tier()
    }

    pub(super) async fn run(&self, job: &Job) -> Result<Outcome> {
        self.isolation.run(job).await
    }

    /// A script of ours under the service's interpreter.
    pub(super) fn python(&self, tree: &Tree, script: &str) -> Job {
        let python = self.environment.python().display().to_string();
        self.job(tree, [python, "-B".to_owned(), script.to_owned()])
    }

    fn job(&self, tree: &Tree, argv: impl IntoIterator<Item = impl Into<String>>) -> Job {
        let mut job = Job::new(tree.clone(), argv);
        job.limits = self.limits.clone();
        job.visible.clone_from(&self.visible);
        job.covers = covers(&self.spec);
        job.sidecars.clone_from(&self.spec.sidecars);
        let mut set = |name: &str, value: &str| {
            job.env.insert(name.to_owned(), value.to_owned());
        };
        set("HOME", "/tmp");
        set("TMPDIR", "/tmp");
        set("LANG", "C.UTF-8");
        set("PYTHONHASHSEED", "0");
        set("PYTHONUNBUFFERED", "1");
        set("PYTHONDONTWRITEBYTECODE", "1");
        set("AEGIS_REVISION", self.base.as_str());
        for (name, value) in &self.spec.env {
            set(name, value);
        }
        let path = self.environment.search_path();
        match self.spec.env.get("PATH") {
            Some(own) => set("PATH", &format!("{path}:{own}")),
            None => set("PATH", &path),
        }
        job
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
        let outcome = self.run(&job).await?;
        let verdict = match outcome.end {
            super::isolation::End::Exited(0) => Ok(()),
            _ => {
                let said = outcome.stdout.text() + &outcome.stderr.text();
                Err(said.lines().next().unwrap_or("the compiler said nothing").to_owned())
            }
        };
        Ok((outcome, verdict))
    }

    /// Runs the suite `times` on the base, each time with another seed of Python's hashes, so that what
    /// hangs on the order of a set shows. Canaries are left out where the suite does not run with them.
    pub(super) async fn base(&self, tree: &Tree, times: u32) -> Result<Base> {
        let mut plant = true;
        let mut suites = Vec::new();
        for seed in 0..times.max(1) {
            let mut suite = self.run_suite(tree, None, plant, seed).await?;
            if seed == 0 && suite.report.is_err() && !suite.empty {
                let without = self.run_suite(tree, None, false, seed).await?;
                if without.report.is_ok() {
                    (plant, suite) = (false, without);
                }
            }
            let broken = suite.report.is_err();
            suites.push(suite);
            if broken {
                break;
            }
        }
        Ok(Base::of(&suites))
    }

    /// Runs the suite once; where files are named, with their coverage if it can be had. `plant` says
    /// whether canaries are planted.
    pub(super) async fn suite(
        &self,
        tree: &Tree,
        measured: Option<&[&str]>,
        plant: bool,
    ) -> Result<Suite> {
        self.run_suite(tree, measured, plant, 0).await
    }

    /// Runs another command as the suite is run.
    pub(super) async fn command(&self, tree: &Tree, command: &str) -> Result<Suite> {
        let plan = Plan::new(command, None, None, &self.spec.env);
        let outcome = self.run(&self.planned(tree, plan, 0)).await?;
        Ok(Suite::read(&outcome, None))
    }

    async fn run_suite(
        &self,
        tree: &Tree,
        measured: Option<&[&str]>,
        plant: bool,
        seed: u32,
    ) -> Result<Suite> {
        let canaries = plant.then(Canaries::draw);
        let measured = measured.filter(|_| self.environment.distribution("coverage").is_some());
        let plan = Plan::new(&self.spec.test, measured, canaries.as_ref(), &self.spec.env);
        let outcome = self.run(&self.planned(tree, plan, seed)).await?;
        Ok(Suite::read(&outcome, canaries.as_ref()))
    }

    fn planned(&self, tree: &Tree, plan: Plan, seed: u32) -> Job {
        let mut job = self.job(tree, ["/bin/sh", "-c", &plan.command]);
        if !self.spec.env.contains_key("PYTHONHASHSEED") {
            job.env.insert("PYTHONHASHSEED".to_owned(), seed.to_string());
        }
        job.env.extend(plan.env);
        job.files.extend(plan.files);
        job.collect = vec![JUNIT.to_owned(), COVERAGE.to_owned()];
        job
    }
}

/// Folders of the service's logs: inside they are empty and private, whatever is written there.
fn covers(spec: &ServiceSpec) -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = spec
        .logs
        .iter()
        .chain(&spec.access_log)
        .filter(|p| p.is_absolute())
        .filter_map(|p| p.parent())
        .filter(|p| *p != Path::new("/"))
        .map(Path::to_owned)
        .collect();
    folders.sort();
    folders.dedup();
    folders
}
