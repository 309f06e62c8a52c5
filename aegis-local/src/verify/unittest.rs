//! Running a suite by unittest: by a script of ours, since unittest itself writes no report.

use super::canary::{Canaries, Forms};
use super::command::Command;
use super::tool::{COVERAGE, JUNIT, Plan};

const RUN: &str = include_str!("harness/aegis_unittest.py");

/// A test of one method, `NAME`, in a class of its own.
macro_rules! form {
    ($body:literal) => {
        concat!(
            "import unittest\n\n\nclass Case_NAME(unittest.TestCase):\n    def NAME(self):\n        ",
            $body,
            "\n"
        )
    };
}

/// The forms of the canaries.
const FORMS: Forms = [
    form!("self.assertEqual('NAME', 'other')"),
    form!("raise RuntimeError('NAME')"),
    form!("assert 'NAME' == 'other'"),
    form!("self.fail('NAME')"),
    form!("with self.assertRaises(KeyError):\n            pass"),
    form!("self.assertTrue(not 'NAME')"),
    form!("self.assertIn('NAME', [])"),
    form!("raise AssertionError('NAME')"),
    form!("with self.subTest('NAME'):\n            self.assertIsNone('NAME')"),
];

/// Whether a command is unittest's.
pub(super) fn is(command: &str) -> bool {
    parse(command).is_some()
}

/// `measured` are files with commas between them.
pub(super) fn plan(command: &str, measured: Option<&str>, canaries: Option<&Canaries>) -> Plan {
    let mut plan = Plan { command: command.to_owned(), ..Plan::default() };
    if let Some(Command { before, python, rest, .. }) = parse(command) {
        let files = measured.unwrap_or_default();
        let script = "/aegis/aegis_unittest.py";
        plan.command =
            format!("{before}{python} -B {script} /out/{COVERAGE} '{files}' /out/{JUNIT} {rest}");
    }
    plan.add("aegis_unittest.py", RUN);
    plan.files.extend(canaries.into_iter().flat_map(|canaries| canaries.files(&FORMS)));
    plan
}

/// The suite's command for one file and the tests whose names hold a word, where it can be rewritten.
pub(super) fn one(command: &str, file: &str, word: &str) -> Option<String> {
    let Command { before, python, rest, .. } = parse(command)?;
    // What a shell does with the rest is not ours to know.
    if rest.contains(|c: char| ";&|<>()`$#\n".contains(c)) {
        return None;
    }
    let mut words = rest.split_whitespace();
    let name = file.rsplit('/').next()?;
    // Discovery says which folder is on the path; without a name of a test unittest discovers.
    let discovered = match words.clone().next() {
        Some("discover") => Some(rest.trim_start().strip_prefix("discover")?),
        _ => words.all(|w| w.starts_with('-')).then_some(rest),
    };
    Some(match discovered {
        Some(own) => {
            format!("{before}{python} -m unittest discover {} -p '{name}' -k {word}", own.trim())
        }
        None => format!("{before}{python} -m unittest '{file}' -k {word}"),
    })
}

fn parse(command: &str) -> Option<Command<'_>> {
    Command::parse(command).filter(|c| c.module && c.tool == "unittest")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_run_by_our_script_with_its_own_arguments() {
        let of = |command, files| plan(command, files, None).command;
        let script = "-B /aegis/aegis_unittest.py /out/coverage.json";
        assert_eq!(
            of("A=1 /v/bin/python3 -m unittest discover -s tests", Some("a.py,b.py")),
            format!("A=1 /v/bin/python3 {script} 'a.py,b.py' /out/junit.xml discover -s tests")
        );
        assert_eq!(of("python -m unittest", None), format!("python {script} '' /out/junit.xml "));
    }

    #[test]
    fn one_test_is_found_as_the_suite_finds_its_own() {
        let of = |command| one(command, "tests/test_a.py", "test_b");
        for (command, expected) in [
            ("python -m unittest", "python -m unittest discover  -p 'test_a.py' -k test_b"),
            ("python -m unittest -v", "python -m unittest discover -v -p 'test_a.py' -k test_b"),
            (
                "B=1 python -m unittest discover -s tests -p '*_t.py'",
                "B=1 python -m unittest discover -s tests -p '*_t.py' -p 'test_a.py' -k test_b",
            ),
            (
                "python -m unittest -v tests.test_a tests.test_c",
                "python -m unittest 'tests/test_a.py' -k test_b",
            ),
        ] {
            assert_eq!(of(command).as_deref(), Some(expected));
        }
        assert_eq!(of("python -m unittest discover -s tests && echo ok"), None);
        assert_eq!(of("pytest"), None);
    }
}
