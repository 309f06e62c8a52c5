//! What is asked of a patch that passed the first gates: more inputs, other names, each part of it.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aegis_core::Result;
use aegis_core::model::GateReport;
use aegis_core::patch::{Edit, FileChange, read, unified};

use super::base::Base;
use super::gates::{Provoked, deny, pass};
use super::hunks::{self, Hunk, hunks, same_code, without};
use super::junit::TestOutcome;
use super::mutate::mutants;
use super::probe::Neighbours;
use super::renamed::{self, Renamed};
use super::reproduce::{OnBase, Reproducer, Runs};
use super::runner::Runner;
use super::suite::Suite;
use super::workspace::Tree;

/// Shortest time that is given to faults, whatever the suite takes.
const SHORTEST: Duration = Duration::from_secs(3);

/// A step's result, or why there is none.
#[derive(Debug)]
pub(super) enum Step<T> {
    Done(T),
    /// It does not apply.
    NotAsked(&'static str),
    /// It did not fit the deadline.
    Late,
}

impl<T> Step<T> {
    pub(super) fn done(&self) -> Option<&T> {
        match self {
            Self::Done(value) => Some(value),
            _ => None,
        }
    }

    /// Why it was not made, for people.
    fn note(&self, name: &str) -> Option<String> {
        match self {
            Self::Done(_) => None,
            Self::NotAsked(why) => Some(format!("{name}: not asked, {why}")),
            Self::Late => Some(format!("{name}: did not fit the deadline")),
        }
    }
}

/// What came of all of them.
#[derive(Debug)]
pub(super) struct Depth {
    pub(super) renamed: Step<Renamed>,
    pub(super) neighbours: Step<Neighbours>,
    pub(super) parts: Step<Parts>,
    pub(super) faults: Step<Faults>,
    pub(super) runs: Runs,
}

impl Depth {
    /// The gates, those of steps that were made.
    pub(super) fn gates(&self) -> Vec<GateReport> {
        let mut gates = Vec::new();
        gates.extend(self.renamed.done().map(Renamed::gate));
        if let Some(neighbours) = self.neighbours.done() {
            gates.extend([neighbours.siblings(), neighbours.unchanged(), neighbours.conduct()]);
        }
        gates.extend(self.parts.done().map(Parts::gate));
        gates
    }

    /// The patch without what nothing needs, as edits.
    pub(super) fn smaller(&self) -> Option<Vec<Edit>> {
        let smaller = self.parts.done().map(|p| &p.smaller).filter(|s| !s.is_empty())?;
        read(&unified(smaller)).ok()
    }

    /// Steps that were not made, and why.
    pub(super) fn notes(&self) -> impl Iterator<Item = String> {
        let notes = [
            self.renamed.note("tests under other names"),
            self.neighbours.note("calls around the failure"),
            self.parts.note("each part left out"),
            self.faults.note("faults in the changed lines"),
        ];
        notes.into_iter().flatten()
    }
}

/// The patch's parts, and those that nothing needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parts {
    all: usize,
    superfluous: Vec<Hunk>,
    /// What is left without those.
    smaller: Vec<FileChange>,
}

impl Parts {
    fn gate(&self) -> GateReport {
        const GATE: &str = "superfluous";
        if self.superfluous.is_empty() {
            return pass(GATE, format!("each of {} parts is needed", self.all));
        }
        let places: Vec<String> = self.superfluous.iter().map(Hunk::describe).collect();
        deny(GATE, format!("the failure is gone without {}: leave it out", places.join(", ")))
    }
}

/// Faults put into the changed lines, and those that nothing noticed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Faults {
    pub(super) noticed: u32,
    pub(super) survivors: Vec<String>,
    /// Faults that there was no time to try in full.
    pub(super) untried: u32,
}

/// One patch, and what is known of it and of its base.
#[derive(Debug)]
pub(super) struct Deep<'a> {
    pub(super) runner: &'a Runner,
    pub(super) reproducer: Option<&'a Reproducer<'a>>,
    pub(super) on_base: Option<&'a OnBase>,
    pub(super) base: &'a Base,
    pub(super) after: &'a Suite,
    pub(super) tree: &'a Tree,
    pub(super) patched: &'a Tree,
    pub(super) changes: &'a [FileChange],
    pub(super) deadline: Instant,
    /// Faults that are tried at most.
    pub(super) faults: usize,
    /// When its commands ran.
    pub(super) runs: Mutex<Runs>,
}

impl Deep<'_> {
    pub(super) async fn ask(&self) -> Result<Depth> {
        let renamed = renamed::again(self.runner, self.patched, self.base, self.after);
        let (renamed, neighbours) = tokio::try_join!(
            self.in_time(async { Ok(Step::Done(renamed.await?)) }),
            self.in_time(self.neighbours(self.patched)),
        )?;
        let holds = renamed.done().is_none_or(|r| r.holds())
            && neighbours.done().is_none_or(Neighbours::holds);
        let (parts, faults) = if holds {
            let parts = self.in_time(self.parts()).await?;
            (parts, self.in_time(self.faults()).await?)
        } else {
            (Step::NotAsked("something else is wrong"), Step::NotAsked("something else is wrong"))
        };
        self.ran(renamed.done().into_iter().flat_map(|r| &r.runs));
        let runs = std::mem::take(&mut *self.runs.lock().unwrap_or_else(PoisonError::into_inner));
        Ok(Depth { renamed, neighbours, parts, faults, runs })
    }

    async fn in_time<T>(&self, step: impl Future<Output = Result<Step<T>>>) -> Result<Step<T>> {
        let deadline = tokio::time::Instant::from_std(self.deadline);
        tokio::time::timeout_at(deadline, step).await.unwrap_or(Ok(Step::Late))
    }

    fn ran<'r>(&self, runs: impl IntoIterator<Item = &'r (Instant, Duration)>) {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner).extend(runs);
    }

    async fn neighbours(&self, tree: &Tree) -> Result<Step<Neighbours>> {
        let (Some(on_base), Some(reproducer)) = (self.on_base, self.reproducer) else {
            return Ok(Step::NotAsked("no function is known that failed"));
        };
        let neighbours = reproducer.neighbours(tree, &on_base.around).await?;
        self.ran(&neighbours.runs);
        Ok(Step::Done(neighbours))
    }

    /// Whether the failure comes back on a tree, or what is around it changes.
    async fn notices(&self, tree: &Tree) -> Result<Option<bool>> {
        let recipe = self.on_base.and_then(|b| b.recipe.as_ref());
        let (Some(recipe), Some(reproducer)) = (recipe, self.reproducer) else { return Ok(None) };
        let again = reproducer.on_patched(tree, recipe, &[]).await?;
        self.ran(&again.runs);
        if !matches!(again.provoked, Provoked::Gone(_) | Provoked::Raised(_)) {
            return Ok(Some(true));
        }
        let neighbours = self.neighbours(tree).await?;
        Ok(Some(neighbours.done().is_some_and(|n| !n.holds())))
    }

    /// Leaves each hunk out in turn.
    async fn parts(&self) -> Result<Step<Parts>> {
        let all = hunks(self.changes);
        if all.len() < 2 || all.len() > hunks::MOST {
            return Ok(Step::NotAsked("it has one part, or too many to take apart"));
        }
        let mut superfluous = Vec::new();
        for hunk in &all {
            let rest = without(self.changes, std::slice::from_ref(hunk));
            if same_code(self.changes, &rest) {
                continue;
            }
            match self.notices(&self.tree.changed(&rest)).await? {
                Some(true) => {}
                Some(false) => superfluous.push(hunk.clone()),
                None => return Ok(Step::NotAsked("the failure is not reproduced")),
            }
        }
        let mut smaller = Vec::new();
        if !superfluous.is_empty() {
            smaller = without(self.changes, &superfluous);
            // Either of two may be superfluous and both together not: then nothing smaller is known. One
            // alone was left out already.
            if superfluous.len() > 1
                && self.notices(&self.tree.changed(&smaller)).await? != Some(false)
            {
                smaller.clear();
            }
        }
        Ok(Step::Done(Parts { all: all.len(), superfluous, smaller }))
    }

    /// Puts faults into the changed lines; who notices is the reproduction, the calls around it, and
    /// the suite where there is time for it.
    async fn faults(&self) -> Result<Step<Faults>> {
        let started = Instant::now();
        let suite = self.base.longest();
        let budget = suite.max(SHORTEST);
        let mut seen = Faults::default();
        for mutant in mutants(self.changes, self.faults) {
            if started.elapsed() > budget {
                seen.untried += 1;
                continue;
            }
            let tree = self.tree.changed(&mutant.changes);
            if self.notices(&tree).await? == Some(true) {
                seen.noticed += 1;
            } else if started.elapsed() + suite > budget {
                seen.untried += 1;
            } else if self.suite_notices(&tree).await? {
                seen.noticed += 1;
            } else {
                seen.survivors.push(mutant.what);
            }
        }
        Ok(Step::Done(seen))
    }

    async fn suite_notices(&self, tree: &Tree) -> Result<bool> {
        let run = self.runner.command(tree, &self.runner.spec().test).await?;
        self.ran([&run.ran]);
        let (Ok(report), Ok(now)) = (&run.report, &self.after.report) else { return Ok(true) };
        let passed = |id: &String| now.tests.get(id) == Some(&TestOutcome::Passed);
        let failed = report.tests.iter().filter(|(_, end)| **end == TestOutcome::Failed);
        Ok(failed.into_iter().any(|(id, _)| passed(id) && !self.base.flaky.contains(id)))
    }
}
