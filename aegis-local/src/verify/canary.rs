//! Tests of our own that have to fail: a run in which one passes proves nothing.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};

use super::junit::{Report, TestOutcome};

/// One way of failing each, with `NAME` for a test's name, which is drawn anew for every run. Each module
/// has as many of them.
pub(super) type Forms = [&'static str; WAYS];

const WAYS: usize = 9;

/// A word that nobody could have known.
pub(super) fn word() -> String {
    let number = RandomState::new().hash_one(0);
    (0..12)
        .map(|i| char::from(b'a' + u8::try_from((number >> (5 * i)) % 26).unwrap_or(0)))
        .collect()
}

/// The canaries of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Canaries {
    /// Name of the module and of its tests, in the order in which they are planted.
    modules: Vec<(String, Vec<String>)>,
    between: u64,
}

impl Canaries {
    /// Modules in which every way of failing stands once.
    pub(super) const GROUP: usize = 3;

    /// Every way of failing once for each of `groups`, with names of this run alone.
    pub(super) fn draw(groups: usize) -> Self {
        let module = |_| {
            let tests = (0..WAYS / Self::GROUP).map(|_| format!("test_{}", word())).collect();
            (format!("test_{}", word()), tests)
        };
        Self {
            modules: (0..groups * Self::GROUP).map(module).collect(),
            between: RandomState::new().hash_one(1),
        }
    }

    /// Name of each module, with its tests.
    pub(super) fn modules(&self, forms: &Forms) -> Vec<(&str, Vec<String>)> {
        let mut forms = forms.iter().cycle();
        let mut written = Vec::new();
        for (module, tests) in &self.modules {
            let bodies = tests.iter().zip(&mut forms);
            let bodies = bodies.map(|(test, form)| form.replace("NAME", test)).collect();
            written.push((module.as_str(), bodies));
        }
        written
    }

    /// Their files for Python, by name: the modules, and `canaries.json` for what plants them.
    pub(super) fn files(&self, forms: &Forms) -> BTreeMap<String, String> {
        let case = serde_json::json!({ "modules": self.modules, "between": self.between });
        let mut files = BTreeMap::from([(String::from("canaries.json"), case.to_string())]);
        let modules = self.modules(forms).into_iter();
        files.extend(modules.map(|(name, tests)| (format!("{name}.py"), tests.join("\n\n"))));
        files
    }

    /// Takes the canaries out of a report; how many of them failed, each counted once.
    pub(super) fn take(&self, report: &mut Report) -> Hatched {
        let ours = |id: &str| self.modules.iter().any(|(module, _)| id.contains(module.as_str()));
        let (found, others) =
            std::mem::take(&mut report.tests).into_iter().partition(|(id, _)| ours(id));
        report.tests = others;
        let found: BTreeMap<String, TestOutcome> = found;
        let all = self.modules.iter().map(|(_, tests)| tests.len()).sum();
        let failed = found.values().filter(|o| **o == TestOutcome::Failed).count();
        Hatched { planted: all, reported: found.len(), failed }
    }
}

/// What became of the canaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Hatched {
    pub(super) planted: usize,
    pub(super) reported: usize,
    pub(super) failed: usize,
}

impl Hatched {
    /// Whether each of them failed, as it has to.
    pub(super) fn held(self) -> bool {
        self.planted > 0 && self.failed == self.planted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_runs_have_the_same_names() {
        let (a, b) = (Canaries::draw(1), Canaries::draw(1));
        assert_ne!(a, b);
        assert_eq!(word().len(), 12);
        let names = |c: &Canaries| c.files(&["NAME"; 9]).into_keys().collect::<Vec<_>>();
        assert_eq!(names(&a).iter().filter(|n| names(&b).contains(n)).count(), 1);
    }

    #[test]
    fn what_is_ours_leaves_the_report_and_one_that_passed_is_seen() {
        let canaries = Canaries::draw(1);
        let mut report = Report::default();
        report.tests.insert("tests.test_a::test_b".into(), TestOutcome::Passed);
        for (module, tests) in &canaries.modules {
            for test in tests {
                report.tests.insert(format!("aegis.{module}::{test}"), TestOutcome::Failed);
            }
        }
        let mut turned = report.clone();
        assert!(canaries.take(&mut report).held());
        assert_eq!(report.tests.len(), 1);
        *turned.tests.values_mut().next().unwrap_or(&mut TestOutcome::Passed) = TestOutcome::Passed;
        let hatched = canaries.take(&mut turned);
        assert!(!hatched.held());
        assert_eq!((hatched.planted, hatched.reported, hatched.failed), (9, 9, 8));
    }
}
