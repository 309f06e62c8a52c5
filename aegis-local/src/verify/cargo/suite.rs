//! Running a package's suite by `cargo test`, and the marked one for its coverage.

use std::collections::{BTreeMap, BTreeSet};

use aegis_core::patch::FileChange;
use aegis_core::{Error, Result};

use super::super::isolation::{Job, Outcome};
use super::super::suite::{Ask, FileCoverage, Judged, Suite, Suites, exit};
use super::super::workbench::Workbench;
use super::super::workspace::Tree;
use super::canaries::plant;
use super::command::Command;
use super::is_rust;
use super::libtest;
use super::marks::{LINES, VARIABLE, mark};
use super::packages::{Metadata, Package};
use super::toolchain::Toolchain;

const LOG: &str = "cargo.txt";
const METADATA: &str = "metadata.json";
const ROOT: &str = "root.txt";

/// The suite of one service on one base.
#[derive(Debug)]
pub(super) struct CargoSuite {
    pub(super) bench: Workbench,
    pub(super) toolchain: Toolchain,
}

impl CargoSuite {
    fn job(&self, tree: &Tree, command: &str) -> Job {
        let (path, env) = (self.toolchain.search_path(), self.toolchain.env());
        self.bench.job(tree, ["/bin/sh", "-c", command], &path, env)
    }

    fn command(&self) -> Result<Command<'_>> {
        Command::parse(&self.bench.spec.test)
    }

    /// The packages that the suite tests on a tree; none where Cargo does not say.
    async fn packages(&self, tree: &Tree, command: &Command<'_>) -> Result<Vec<Package>> {
        let ask = command.metadata(&format!("/out/{METADATA}"));
        let mut job = self.job(tree, &format!("pwd >/out/{ROOT} && {ask}"));
        job.sidecars.clear();
        job.collect = vec![METADATA.to_owned(), ROOT.to_owned()];
        let outcome = self.bench.start(&job).await?;
        let told = |name| outcome.reports.get(name).map(|text| String::from_utf8_lossy(text));
        let (Some(metadata), Some(root)) = (told(METADATA), told(ROOT)) else {
            return Ok(Vec::new());
        };
        let metadata = serde_json::from_str::<Metadata>(&metadata);
        let root = format!("{}/", root.trim());
        Ok(metadata.map(|m| m.tested(&command.which(), &root)).unwrap_or_default())
    }

    async fn tests(&self, tree: &Tree, command: &Command<'_>, seed: u32) -> Result<Outcome> {
        let mut job = self.job(tree, &command.run(&format!("/out/{LOG}")));
        if seed == 1 {
            // What hangs on tests running beside each other, or not, shows.
            job.env.entry("RUST_TEST_THREADS".to_owned()).or_insert_with(|| "1".to_owned());
        }
        job.env.insert(VARIABLE.to_owned(), format!("/out/{LINES}"));
        job.collect = vec![LOG.to_owned(), LINES.to_owned()];
        self.bench.start(&job).await
    }

    /// Which of the changed lines the suite runs, by marks in a copy of the patched tree.
    ///
    /// The inner error says why that could not be measured.
    pub(super) async fn coverage(
        &self,
        patched: &Tree,
        changes: &[FileChange],
    ) -> Result<std::result::Result<BTreeMap<String, FileCoverage>, String>> {
        let command = self.command()?;
        let mut marked = patched.clone();
        let mut can: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
        for (number, change) in changes.iter().enumerate() {
            let Some(text) = change.after.as_deref().filter(|_| is_rust(&change.path)) else {
                continue;
            };
            let (text, lines) = match mark(change, text, number) {
                Ok(found) => found,
                Err(why) => return Ok(Err(format!("{}: {why}", change.path))),
            };
            marked = marked.with_file(&change.path, text);
            can.insert(change.path.clone(), lines);
        }
        let outcome = self.tests(&marked, &command, 0).await?;
        if let Err(why) = judge(&outcome) {
            return Ok(Err(why));
        }
        let told = outcome.reports.get(LINES).map(|t| String::from_utf8_lossy(t));
        let told: BTreeSet<&str> = told.iter().flat_map(|text| text.lines()).collect();
        let numbers = changes.iter().enumerate();
        Ok(Ok(numbers
            .filter_map(|(number, change)| {
                let ran = |line: &u32| told.contains(format!("{number}:{line}").as_str());
                let (executed, missing) = can.remove(&change.path)?.into_iter().partition(ran);
                Some((change.path.clone(), FileCoverage { executed, missing }))
            })
            .collect()))
    }
}

fn judge(outcome: &Outcome) -> Judged {
    let code = exit(outcome)?;
    let log = outcome.reports.get(LOG).map(|log| String::from_utf8_lossy(log));
    libtest::read(&log.ok_or("the run left no report")?, code)
}

impl Suites for CargoSuite {
    async fn run(&self, tree: &Tree, ask: &Ask<'_>) -> Result<Suite> {
        let command = self.command()?;
        let planted = match ask.plant {
            true => plant(tree, &self.packages(tree, &command).await?),
            false => None,
        };
        let (canaries, tree) = match &planted {
            Some((canaries, tree)) => (Some(canaries), tree),
            None if ask.plant => return Err(Error::invalid("Cargo finds no package to test")),
            None => (None, tree),
        };
        let outcome = self.tests(tree, &command, ask.seed).await?;
        Ok(Suite::new(&outcome, judge(&outcome), canaries, None))
    }
}
