//! Tests that the patch made pass, once more under names that nobody could have known.

use std::collections::{BTreeMap, BTreeSet};

use aegis_core::Result;
use aegis_core::model::GateReport;

use super::base::Base;
use super::canary::word;
use super::gates::{deny, first_of, pass};
use super::junit::TestOutcome;
use super::reproduce::Runs;
use super::runner::Runner;
use super::suite::Suite;
use super::tool::Tool;
use super::workspace::Tree;

/// Tests that are run again at most.
const MOST: usize = 4;

/// What came of the tests under other names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Renamed {
    /// How many passed under both names.
    pub(super) passed: usize,
    /// Those that pass under their own name alone.
    pub(super) failed: Vec<String>,
    /// Those that could not be run by themselves.
    pub(super) unknown: Vec<String>,
    pub(super) runs: Runs,
}

impl Renamed {
    pub(super) fn holds(&self) -> bool {
        self.failed.is_empty()
    }

    /// A test that passes only under its own name proves nothing.
    pub(super) fn gate(&self) -> GateReport {
        const GATE: &str = "renamed-test";
        if !self.failed.is_empty() {
            return deny(
                GATE,
                format!("passes under its own name alone: {}", first_of(&self.failed)),
            );
        }
        let unknown = match self.unknown.len() {
            0 => String::new(),
            _ => format!("; not to be run by themselves: {}", first_of(&self.unknown)),
        };
        match self.passed {
            0 => pass(GATE, format!("no test that failed could be asked{unknown}")),
            n => pass(GATE, format!("{n} that failed pass under other names too{unknown}")),
        }
    }
}

/// A test by the parts of its id.
#[derive(Debug, PartialEq, Eq)]
struct Test<'a> {
    id: &'a str,
    file: &'a str,
    function: &'a str,
}

/// Tests that failed each time on the base and pass.
fn mended<'a>(base: &Base, after: &'a Suite) -> Vec<Test<'a>> {
    let (Ok(before), Ok(after)) = (&base.report, &after.report) else { return Vec::new() };
    let failed = |id: &str| before.tests.get(id) == Some(&TestOutcome::Failed);
    let now = after.tests.iter().filter(|(id, end)| **end == TestOutcome::Passed && failed(id));
    now.filter_map(|(id, _)| {
        let (_, name) = id.split_once("::")?;
        let function = name.split('[').next()?;
        Some(Test { id, file: after.files.get(id)?, function })
    })
    .take(MOST)
    .collect()
}

/// The file's name with a word in place of what it is about.
fn other_name(file: &str, word: &str) -> String {
    let (folder, name) = file.rsplit_once('/').map_or(("", file), |(folder, name)| (folder, name));
    let stem = name.strip_suffix(".py").unwrap_or(name);
    let other = if stem.ends_with("_test") && !stem.starts_with("test_") {
        format!("{word}_test.py")
    } else {
        format!("test_{word}.py")
    };
    if folder.is_empty() { other } else { format!("{folder}/{other}") }
}

/// Runs each mended test alone, under its own name and in a renamed copy of its file.
pub(super) async fn again(
    runner: &Runner,
    patched: &Tree,
    base: &Base,
    after: &Suite,
) -> Result<Renamed> {
    let mut seen = Renamed::default();
    let mut by_file: BTreeMap<&str, Vec<Test<'_>>> = BTreeMap::new();
    for test in mended(base, after) {
        by_file.entry(test.file).or_default().push(test);
    }
    for (file, tests) in by_file {
        let source = std::fs::read_to_string(patched.base().join(file));
        for test in &tests {
            let word = word();
            let function = format!("test_{word}");
            let renamed =
                source.as_ref().ok().and_then(|text| rename(text, test.function, &function));
            let path = other_name(file, &super::canary::word());
            let command = &runner.spec().test;
            let tool = Tool::of(command);
            let commands =
                tool.one(command, file, test.function).zip(tool.one(command, &path, &function));
            let (Some(text), Some((own, other))) = (renamed, commands) else {
                seen.unknown.push(test.id.to_owned());
                continue;
            };
            let copied = patched.with_file(&path, text);
            let (own, other) =
                tokio::try_join!(runner.command(patched, &own), runner.command(&copied, &other))?;
            seen.runs.extend([own.ran, other.ran]);
            match (passes(&own, test.function), passes(&other, &function)) {
                (true, true) => seen.passed += 1,
                (true, false) => seen.failed.push(test.id.to_owned()),
                (false, _) => seen.unknown.push(test.id.to_owned()),
            }
        }
    }
    Ok(seen)
}

/// The text with the function's definition under another name.
fn rename(text: &str, function: &str, other: &str) -> Option<String> {
    let definition = format!("def {function}(");
    text.contains(&definition).then(|| text.replace(&definition, &format!("def {other}(")))
}

/// Whether tests of this name were run and all of them passed.
fn passes(suite: &Suite, function: &str) -> bool {
    let Ok(report) = &suite.report else { return false };
    let of = |id: &str| {
        let name = id.rsplit("::").next().unwrap_or(id);
        name.split('[').next() == Some(function)
    };
    let ends: BTreeSet<_> =
        report.tests.iter().filter(|(id, _)| of(id)).map(|(_, end)| *end).collect();
    ends == BTreeSet::from([TestOutcome::Passed])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_keeps_what_makes_it_a_test() {
        assert_eq!(other_name("tests/test_a.py", "w"), "tests/test_w.py");
        assert_eq!(other_name("a_test.py", "w"), "w_test.py");
        assert_eq!(other_name("shop/test_a_test.py", "w"), "shop/test_w.py");
    }

    #[test]
    fn only_the_definition_is_renamed() {
        let text = "def test_a(x):\n    return 'test_a('\n";
        let other = "def test_w(x):\n    return 'test_a('\n";
        assert_eq!(rename(text, "test_a", "test_w").as_deref(), Some(other));
        assert_eq!(rename(text, "test_b", "test_w"), None);
    }
}
