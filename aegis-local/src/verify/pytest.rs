//! Running a suite by pytest: its command, rewritten where coverage is asked for.

use std::collections::BTreeMap;

use super::canary::{Canaries, PLUGIN_NAME};

pub(super) const JUNIT: &str = "junit.xml";
pub(super) const COVERAGE: &str = "coverage.json";

const RUN: &str = include_str!("harness/aegis_pytest.py");

/// What is added to a job that runs a suite.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) command: String,
    pub(super) env: BTreeMap<String, String>,
    pub(super) files: BTreeMap<String, String>,
}

impl Plan {
    /// The service's own command; `measured` are the files whose coverage is wanted, where it can be
    /// had, `env` the service's own variables.
    pub(super) fn new(
        command: &str,
        measured: Option<&[&str]>,
        canaries: Option<&Canaries>,
        env: &BTreeMap<String, String>,
    ) -> Self {
        let own = |name: &str| env.get(name).map_or("", String::as_str);
        let rewritten = measured.and_then(|files| with_coverage(command, files));
        let mut options =
            format!("-p no:cacheprovider -o junit_family=xunit1 --junitxml=/out/{JUNIT}");
        let mut plan = Self::default();
        plan.files.insert("aegis_pytest.py".to_owned(), RUN.to_owned());
        if let Some(canaries) = canaries {
            plan.files.extend(canaries.files());
            options = format!("-p {PLUGIN_NAME} {options}");
            let path = ["/aegis", own("PYTHONPATH")].join(":");
            plan.env.insert("PYTHONPATH".to_owned(), path.trim_end_matches(':').to_owned());
        }
        let options = [own("PYTEST_ADDOPTS"), &options].join(" ");
        plan.env.insert("PYTEST_ADDOPTS".to_owned(), options.trim_start().to_owned());
        plan.command = rewritten.unwrap_or_else(|| command.to_owned());
        plan
    }
}

/// The suite's command with the coverage of `files`, where it is one that can be rewritten.
fn with_coverage(command: &str, files: &[&str]) -> Option<String> {
    let list = files.join(",");
    let command = Command::parse(command)?;
    (!list.contains('\'')).then(|| command.run(&list, command.rest))
}

/// The suite's command for one file and the tests whose names hold a word, where it can be rewritten.
pub(super) fn one(command: &str, file: &str, word: &str) -> Option<String> {
    let command = Command::parse(command)?;
    (!file.contains('\'')).then(|| command.run("", &format!("'{file}' -k {word}")))
}

/// `pytest ...` or `python -m pytest ...`, with assignments before it.
#[derive(Debug)]
struct Command<'a> {
    before: &'a str,
    python: String,
    /// Whether the current folder is on the path, as `python -m` has it.
    form: &'static str,
    rest: &'a str,
}

impl<'a> Command<'a> {
    fn parse(command: &'a str) -> Option<Self> {
        let mut at = 0;
        let mut words = command.split_inclusive(' ').map(|word| {
            let start = at;
            at += word.len();
            (start, at, word.trim())
        });
        let is_assignment =
            |w: &str| w.split_once('=').is_some_and(|(n, _)| !n.is_empty() && is_name(n));
        let (start, end, first) = words.find(|(_, _, w)| !w.is_empty() && !is_assignment(w))?;
        let before = &command[..start];
        let name = first.rsplit('/').next()?;
        if matches!(name, "pytest" | "py.test") {
            let folder = first.rsplit_once('/').map(|(folder, _)| format!("{folder}/python"));
            let python = folder.unwrap_or_else(|| "python".into());
            return Some(Self { before, python, form: "script", rest: &command[end..] });
        }
        if !name.starts_with("python") {
            return None;
        }
        let mut words = words.filter(|(_, _, w)| !w.is_empty());
        let (_, _, flag) = words.next()?;
        let (_, end, module) = words.next()?;
        let rest = &command[end..];
        (flag == "-m" && module == "pytest").then(|| Self {
            before,
            python: first.to_owned(),
            form: "module",
            rest,
        })
    }

    fn run(&self, files: &str, rest: &str) -> String {
        let Self { before, python, form, .. } = self;
        format!(
            "{before}{python} -B /aegis/aegis_pytest.py {form} /out/{COVERAGE} '{files}' {rest}"
        )
    }
}

fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_pytest_command_are_measured_and_others_are_left_alone() {
        let of = |command| with_coverage(command, &["a.py", "b.py"]);
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
        assert_eq!(with_coverage("pytest", &["it's.py"]), None);
    }
}
