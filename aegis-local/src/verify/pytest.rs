//! Running a suite by pytest: its command, rewritten where coverage is asked for.

use std::collections::BTreeMap;

use super::canary::{Canaries, Forms};
use super::command::Command;
use super::tool::{COVERAGE, JUNIT, Plan};

const RUN: &str = include_str!("harness/aegis_pytest.py");
const PLUGIN: &str = include_str!("harness/aegis_canaries.py");

/// The plugin's module, as it is named on the command line.
const PLUGIN_NAME: &str = "aegis_canaries";

/// The forms of the canaries.
const FORMS: Forms = [
    "def NAME():
    assert False, 'NAME'
",
    "def NAME():
    assert 'NAME' == 'other'
",
    "import unittest


class First(unittest.TestCase):
    def NAME(self):
        \
     self.fail('NAME')
",
    "def NAME():
    raise RuntimeError('NAME')
",
    "def NAME():
    import pytest

    pytest.fail('NAME')
",
    "def NAME():
    assert ['NAME'] == ['NAME', 1]
",
    "import unittest


class Last(unittest.TestCase):
    def NAME(self):
        \
     self.assertEqual('NAME', 'other')
",
    "def NAME():
    raise AssertionError('NAME')
",
    "def NAME():
    import pytest

    with pytest.raises(KeyError):
        pass
",
];

/// `measured` are files with commas between them.
pub(super) fn plan(
    command: &str,
    measured: Option<&str>,
    canaries: Option<&Canaries>,
    env: &BTreeMap<String, String>,
) -> Plan {
    let own = |name: &str| env.get(name).map_or("", String::as_str);
    let rewritten = measured.and_then(|files| with_coverage(command, files));
    let mut options = format!("-p no:cacheprovider -o junit_family=xunit1 --junitxml=/out/{JUNIT}");
    let mut plan = Plan::default();
    plan.add("aegis_pytest.py", RUN);
    if let Some(canaries) = canaries {
        plan.files.extend(canaries.files(&FORMS));
        plan.add(&format!("{PLUGIN_NAME}.py"), PLUGIN);
        options = format!("-p {PLUGIN_NAME} {options}");
        let path = ["/aegis", own("PYTHONPATH")].join(":");
        plan.env.insert("PYTHONPATH".to_owned(), path.trim_end_matches(':').to_owned());
    }
    let options = [own("PYTEST_ADDOPTS"), &options].join(" ");
    plan.env.insert("PYTEST_ADDOPTS".to_owned(), options.trim_start().to_owned());
    plan.command = rewritten.unwrap_or_else(|| command.to_owned());
    plan
}

/// The suite's command with the coverage of `files`, where it is one that can be rewritten.
fn with_coverage(command: &str, files: &str) -> Option<String> {
    let command = parse(command)?;
    Some(run(&command, files, command.rest))
}

/// The suite's command for one file and the tests whose names hold a word, where it can be rewritten.
pub(super) fn one(command: &str, file: &str, word: &str) -> Option<String> {
    Some(run(&parse(command)?, "", &format!("'{file}' -k {word}")))
}

fn parse(command: &str) -> Option<Command<'_>> {
    let command = Command::parse(command)?;
    let by_script = matches!(command.tool, "pytest" | "py.test");
    (if command.module { command.tool == "pytest" } else { by_script }).then_some(command)
}

fn run(command: &Command<'_>, files: &str, rest: &str) -> String {
    let Command { before, python, .. } = command;
    let form = if command.module { "module" } else { "script" };
    format!("{before}{python} -B /aegis/aegis_pytest.py {form} /out/{COVERAGE} '{files}' {rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_pytest_command_are_measured_and_others_are_left_alone() {
        let of = |command| with_coverage(command, "a.py,b.py");
        assert_eq!(
            of("pytest -q tests").as_deref(),
            Some("python -B /aegis/aegis_pytest.py script /out/coverage.json 'a.py,b.py' -q tests")
        );
        assert_eq!(
            of("A=1 /v/bin/python3 -m pytest").as_deref(),
            Some(
                "A=1 /v/bin/python3 -B /aegis/aegis_pytest.py module /out/coverage.json 'a.py,b.py' "
            )
        );
        assert_eq!(
            of("/v/bin/pytest").as_deref(),
            Some("/v/bin/python -B /aegis/aegis_pytest.py script /out/coverage.json 'a.py,b.py' ")
        );
        assert_eq!(of("make test"), None);
        assert_eq!(of("python run.py"), None);
        assert_eq!(of("python -m unittest"), None);
    }
}
