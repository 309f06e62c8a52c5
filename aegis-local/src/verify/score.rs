//! The score of what passed every gate: deterministic, each term named.

use std::collections::{BTreeMap, BTreeSet};

use aegis_core::Confidence;
use aegis_core::model::{Fix, Score, TestCounts};
use aegis_core::patch::{FileChange, changed_lines};

use super::deep::{Depth, Faults, Step};
use super::gates::{Returned, changed};
use super::source::Facts;
use super::suite::FileCoverage;

/// Lines that ran by file, whoever ran them.
pub(super) type Ran = BTreeMap<String, BTreeSet<u32>>;

/// What the score is computed from.
#[derive(Debug)]
pub(super) struct Evidence<'a> {
    pub(super) fix: &'a Fix,
    pub(super) changes: &'a [FileChange],
    pub(super) after: Option<TestCounts>,
    /// Coverage by the suite, where it could be measured.
    pub(super) suite: Option<&'a BTreeMap<String, FileCoverage>>,
    /// Lines that the reproduction ran on the patched tree.
    pub(super) reproduction: &'a Ran,
    /// Whether the failure was reproduced and is gone.
    pub(super) reproduced: bool,
    /// Whether another exception is raised on purpose in its place.
    pub(super) raises: bool,
    pub(super) returned: Returned,
    /// What more was asked of it.
    pub(super) depth: Option<&'a Depth>,
}

/// Terms of the quality: name, weight in basis points.
///
/// They add up to 10,000. `reproduction`: the failure happened before and is gone. `neighbours`:
/// inputs around it, those that failed in the same way and those that worked, do as they should;
/// half where none is known. `faults`: the share of faults put into the changed lines that the
/// reproduction or the suite noticed; half where there is no place for one. `size`: full up to 10
/// changed lines, then falling to 30% at 60. `meaning`: the fix says what the changed code means.
/// `claim`: its author's own confidence. `handlers`: no handler added that catches everything.
/// `branches`: the share of added branches that ran. `annotation`: the reproduced call returned what
/// its annotation says; half where there is nothing to compare, none where it raises on purpose.
/// A step that did not fit the deadline counts as nothing.
const WEIGHTS: [(&str, u32); 9] = [
    ("reproduction", 3000),
    ("neighbours", 1000),
    ("faults", 1000),
    ("size", 1000),
    ("meaning", 1000),
    ("claim", 1000),
    ("handlers", 1000),
    ("branches", 500),
    ("annotation", 500),
];

impl Evidence<'_> {
    /// The score of a patch and a note for each of its terms.
    pub(super) fn score(&self) -> (Score, Vec<String>) {
        let (score, mut notes) = self.weigh(None, WEIGHTS.into_iter().zip(self.shares()));
        let survivors = self.depth.and_then(|d| d.faults.done()).map(|f| &f.survivors);
        notes.extend(survivors.into_iter().flatten().map(|s| format!("nothing notices {s}")));
        (score, notes)
    }

    /// The score of a patch that its suite alone says something about: the compiler holds the types, and
    /// terms of steps that are not possible count as nothing.
    pub(super) fn score_by_suite(&self) -> (Score, Vec<String>) {
        let mut shares = [0.0; WEIGHTS.len()];
        let (ran, can) = self.coverage();
        for ((name, _), share) in WEIGHTS.iter().zip(&mut shares) {
            *share = match *name {
                "size" => self.size(),
                "meaning" => f64::from(u8::from(!self.fix.meaning.trim().is_empty())),
                "claim" => self.fix.claimed.ratio(),
                "branches" => ratio(ran, can).unwrap_or(0.0),
                "annotation" => 1.0,
                _ => 0.0,
            };
        }
        self.weigh(None, WEIGHTS.into_iter().zip(shares))
    }

    fn size(&self) -> f64 {
        let beyond = u32::try_from(changed(self.changes)).unwrap_or(u32::MAX).saturating_sub(10);
        (1.0 - 0.7 * f64::from(beyond) / 50.0).max(0.0)
    }

    /// The score from the terms of the quality, each with its share. `run` says why every changed
    /// line counts as run, where that is known without a measurement.
    pub(super) fn weigh(
        &self,
        run: Option<&str>,
        terms: impl IntoIterator<Item = ((&'static str, u32), f64)>,
    ) -> (Score, Vec<String>) {
        let mut notes = Vec::new();
        let counts = self.after.unwrap_or_default();
        let pass_rate = ratio(counts.passed, counts.passed + counts.failed).unwrap_or(0.0);
        let (covered, executable) = self.coverage();
        let coverage = match (run, ratio(covered, executable)) {
            (Some(why), _) => {
                notes.push(format!("coverage: {why}"));
                1.0
            }
            (None, Some(share)) => {
                notes.push(format!("coverage: {covered} of {executable} changed lines ran"));
                share
            }
            (None, None) => {
                notes.push("coverage: no changed line could be measured".into());
                0.0
            }
        };
        let mut quality = 0.0;
        for ((name, weight), share) in terms {
            let term = f64::from(weight) * share;
            quality += term;
            notes.push(format!("quality, {name}: {:.0} of {weight} bps", term));
        }
        let quality = Confidence::from_ratio(quality / 10_000.0);
        let of = Confidence::from_ratio;
        (Score::new(of(pass_rate), of(coverage), quality), notes)
    }

    /// Changed lines that ran, and those that can run. A deleted file has none of either.
    ///
    /// A line counts as run where the suite or the reproduction ran it; which lines can run is the
    /// suite's measurement. Where that is missing, only the reproduction's lines are known.
    fn coverage(&self) -> (u32, u32) {
        let (mut ran, mut can) = (0, 0);
        for change in self.changes {
            let suite = self.suite.and_then(|s| s.get(&change.path));
            for line in lines(change) {
                let by_suite = suite.is_some_and(|s| s.executed.contains(&line));
                let missing = suite.is_some_and(|s| s.missing.contains(&line));
                let run = by_suite || self.reproduced_line(&change.path, line);
                ran += u32::from(run);
                can += u32::from(run || missing);
            }
        }
        (ran, can)
    }

    fn reproduced_line(&self, path: &str, line: u32) -> bool {
        self.reproduction.get(path).is_some_and(|lines| lines.contains(&line))
    }

    fn shares(&self) -> [f64; 9] {
        let full = |yes: bool| if yes { 1.0 } else { 0.0 };
        let annotation = match self.returned {
            _ if self.raises => 0.0,
            Returned::AsAnnotated => 1.0,
            Returned::Unknown => 0.5,
            Returned::Otherwise | Returned::Nothing => 0.0,
        };
        let (broad, branches) = self.added();
        [
            full(self.reproduced),
            self.neighbours(),
            self.faults(),
            self.size(),
            full(!self.fix.meaning.trim().is_empty()),
            self.fix.claimed.ratio(),
            full(!broad),
            branches,
            annotation,
        ]
    }

    fn neighbours(&self) -> f64 {
        match self.depth.map(|d| &d.neighbours) {
            Some(Step::Done(seen)) if seen.siblings + seen.worked == 0 => 0.5,
            Some(Step::Done(seen)) if seen.holds() => 1.0,
            Some(Step::NotAsked(_)) => 0.5,
            _ => 0.0,
        }
    }

    fn faults(&self) -> f64 {
        match self.depth.map(|d| &d.faults) {
            Some(Step::Done(Faults { noticed, survivors, untried })) => {
                let survivors = u32::try_from(survivors.len()).unwrap_or(u32::MAX);
                ratio(*noticed, noticed + survivors + untried).unwrap_or(0.5)
            }
            _ => 0.0,
        }
    }

    /// Whether a broad handler was added, and the share of added branches that ran.
    fn added(&self) -> (bool, f64) {
        let (mut broad, mut ran, mut all) = (false, 0, 0);
        for change in self.changes.iter().filter(|c| c.path.ends_with(".py")) {
            let after = Facts::of(change.after.as_deref().unwrap_or_default());
            let touched: BTreeSet<u32> = lines(change).collect();
            broad |= after.broad.iter().any(|l| touched.contains(l));
            let suite = self.suite.and_then(|s| s.get(&change.path));
            for line in after.branches.intersection(&touched) {
                all += 1;
                let by_suite = suite.is_some_and(|s| s.executed.contains(line));
                ran += u32::from(by_suite || self.reproduced_line(&change.path, *line));
            }
        }
        (broad, ratio(ran, all).unwrap_or(1.0))
    }
}

fn lines(change: &FileChange) -> impl Iterator<Item = u32> {
    changed_lines(change).into_iter().flat_map(|range| range.first..=range.last)
}

fn ratio(part: u32, whole: u32) -> Option<f64> {
    (whole > 0).then(|| f64::from(part) / f64::from(whole))
}

#[cfg(test)]
mod tests {
    use aegis_core::Revision;
    use aegis_core::model::FixKind;
    use aegis_core::patch::{Patch, Tier};

    use super::super::probe::Neighbours;
    use super::*;

    const BEFORE: &str = "def mean(v):\n    return sum(v) / len(v)\n";
    const AFTER: &str =
        "def mean(v):\n    if not v:\n        return 0.0\n    return sum(v) / len(v)\n";

    fn deep_and_well() -> Depth {
        Depth {
            renamed: Step::NotAsked(""),
            neighbours: Step::Done(Neighbours { worked: 1, ..Neighbours::default() }),
            parts: Step::NotAsked(""),
            faults: Step::Done(Faults { noticed: 1, ..Faults::default() }),
            runs: Vec::new(),
        }
    }

    fn evidence(after: &str, check: impl FnOnce(&mut Evidence<'_>)) -> Score {
        let change = FileChange {
            path: "m.py".into(),
            before: Some(BEFORE.into()),
            after: Some(after.into()),
            tier: Tier::Exact,
        };
        let patch = Patch::new(Revision::new("r"), Vec::new());
        let fix = Fix::new(FixKind::Patch(patch), "t", "a")
            .with_meaning("the mean of nothing is 0")
            .with_claimed(Confidence::FULL);
        let suite = BTreeMap::from([(
            "m.py".to_owned(),
            FileCoverage { executed: [1, 2, 4].into(), missing: [3].into() },
        )]);
        let ran = Ran::from([("m.py".to_owned(), [2, 3].into())]);
        let depth = deep_and_well();
        let mut evidence = Evidence {
            fix: &fix,
            changes: &[change],
            after: Some(TestCounts::new(3, 1)),
            suite: Some(&suite),
            reproduction: &ran,
            reproduced: true,
            raises: false,
            returned: Returned::AsAnnotated,
            depth: Some(&depth),
        };
        check(&mut evidence);
        evidence.score().0
    }

    #[test]
    fn the_weights_add_up() {
        assert_eq!(WEIGHTS.iter().map(|(_, w)| w).sum::<u32>(), 10_000);
    }

    #[test]
    fn lines_of_the_reproduction_count_as_covered() {
        let full = evidence(AFTER, |_| {});
        assert_eq!(full, Score::new(Confidence::from_percent(75), Confidence::FULL, full.quality));
        assert_eq!(full.quality, Confidence::FULL);
        let nobody = Ran::new();
        let alone = evidence(AFTER, |_| {});
        assert_eq!(alone.coverage, Confidence::FULL);
        let change = FileChange {
            path: "m.py".into(),
            before: Some(BEFORE.into()),
            after: Some(AFTER.into()),
            tier: Tier::Exact,
        };
        assert_eq!(lines(&change).collect::<Vec<_>>(), [2, 3]);
        assert!(nobody.is_empty());
    }

    #[test]
    fn each_term_of_the_quality_lowers_it() {
        let full = evidence(AFTER, |_| {}).quality;
        let lower = |check: fn(&mut Evidence<'_>)| {
            assert!(evidence(AFTER, check).quality < full);
        };
        lower(|e| e.reproduced = false);
        lower(|e| e.raises = true);
        lower(|e| e.depth = None);
        lower(|e| e.returned = Returned::Otherwise);
        let broad = "def mean(v):\n    try:\n        return sum(v) / len(v)\n    except Exception:\n        \
                     return 0.0\n";
        assert!(evidence(broad, |_| {}).quality < full);
    }
}
