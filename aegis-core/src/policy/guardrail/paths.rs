//! Files that are not a fix's to touch.

use serde::{Deserialize, Serialize};

use super::{Guardrail, Touched, report};
use crate::model::{Case, Fix, GateAnswer, GateReport};
use crate::patch::{Edit, Patch, check_path};

const GATE: &str = "protected-paths";

/// Denies patches that touch tests, their configuration, pipelines, manifests, lock files, Git's own
/// files, and names that the interpreter or the test runner loads by itself.
///
/// Names are compared without regard to case, as some file systems do.
///
/// How far a change of configuration may go, where a diagnosis has a
/// [`Remedy`](crate::model::Remedy) for it:
///
/// | file | by default | with [`proposing_workflows`](Self::proposing_workflows) |
/// |---|---|---|
/// | a workflow, `.github/workflows/*.yml` or `*.yaml`, that exists | a diff in the hand-over | a proposal, that a person merges |
/// | all else of `.github`: actions, settings, templates | a diff | a diff |
/// | another pipeline's file, a manifest, a lock file, what configures tests | a diff | a diff |
///
/// Nothing of `.github` is ever merged by Aegis, whatever these lists, the autonomy and a person's
/// approval say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ProtectedPaths {
    /// Folders, by name, at any depth; one `*` stands for anything.
    pub folders: Vec<String>,
    /// Files, by name, in any folder; one `*` stands for anything.
    pub files: Vec<String>,
    /// Whether a diagnosis's remedy may change workflows of GitHub, to be proposed and never merged.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub propose_workflows: bool,
}

const FOLDERS: &[&str] = &[
    // Git's own, pipelines, tools.
    ".*",
    "tests",
    "test",
    "testing",
    // What the interpreter or the runner would load in place of its own.
    "pytest",
    "_pytest",
    "pluggy",
    "iniconfig",
    "coverage",
    "unittest",
    "sitecustomize",
    "usercustomize",
];

const FILES: &[&str] = &[
    ".*",
    // Tests and what configures them.
    "test_*",
    "*_test.py",
    "tests.py",
    "conftest.py",
    "pytest.ini",
    "pytest.toml",
    "tox.ini",
    "tox.toml",
    "noxfile.py",
    // Loaded before the tests.
    "pytest.py",
    "_pytest.py",
    "pytest_*.py",
    "pluggy.py",
    "iniconfig.py",
    "coverage.py",
    "unittest.py",
    "sitecustomize.py",
    "usercustomize.py",
    "*.pth",
    // Manifests and lock files.
    "pyproject.toml",
    "setup.py",
    "setup.cfg",
    "requirements*",
    "constraints*.txt",
    "Pipfile*",
    "environment.yml",
    "environment.yaml",
    "*.lock",
    "pylock*.toml",
    "uv.toml",
    "package.json",
    "package-lock.json",
    "npm-shrinkwrap.json",
    "pnpm-lock.yaml",
    "pnpm-workspace.yaml",
    "bun.lockb",
    "Cargo.toml",
    "go.mod",
    "go.sum",
    "Gemfile*",
    "composer.json",
    // Builds and pipelines.
    "Makefile",
    "GNUmakefile",
    "justfile",
    "Taskfile.*",
    "Dockerfile*",
    "*.Dockerfile",
    "Containerfile*",
    "docker-compose*",
    "Jenkinsfile*",
    "azure-pipelines*",
    "bitbucket-pipelines.yml",
    "appveyor.yml",
    "buildspec*.yml",
    "cloudbuild.*",
    "codecov.yml",
    "codefresh.yml",
    "codemagic.yaml",
    "wercker.yml",
    // Who has to look.
    "CODEOWNERS",
];

impl Default for ProtectedPaths {
    fn default() -> Self {
        let own = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect();
        Self { folders: own(FOLDERS), files: own(FILES), propose_workflows: false }
    }
}

impl ProtectedPaths {
    /// Adds a folder's name.
    #[must_use]
    pub fn with_folder(mut self, name: impl Into<String>) -> Self {
        self.folders.push(name.into());
        self
    }

    /// Adds a file's name.
    #[must_use]
    pub fn with_file(mut self, name: impl Into<String>) -> Self {
        self.files.push(name.into());
        self
    }

    /// Lets the remedy of a diagnosis change workflows of GitHub: it is proposed, and only a person
    /// merges it. What ships it needs the right to write workflows.
    #[must_use]
    pub fn proposing_workflows(mut self) -> Self {
        self.propose_workflows = true;
        self
    }

    /// Whether a remedy may be offered: it changes workflows that exist, and nothing else.
    pub(crate) fn may_offer(&self, remedy: &Patch) -> bool {
        let mends = |edit: &Edit| {
            let changes = matches!(edit, Edit::Replace { .. } | Edit::Hunk { .. });
            changes && is_workflow(edit.path())
        };
        self.propose_workflows && !remedy.edits.is_empty() && remedy.edits.iter().all(mends)
    }

    /// Whether `fix` is the remedy of the case, and may be offered.
    pub(crate) fn offers(&self, case: &Case, fix: &Fix) -> bool {
        let remedy = case.offered(&fix.digest()).is_some();
        remedy && fix.patch().is_some_and(|patch| self.may_offer(patch))
    }

    /// The rule that protects `path`, where one does.
    pub fn protects(&self, path: &str) -> Option<String> {
        let mut parts: Vec<&str> = path.split('/').collect();
        let file = parts.pop().unwrap_or_default();
        let guarded = |part: &&&str| self.folders.iter().any(|rule| matches(rule, part));
        if let Some(folder) = parts.iter().find(guarded) {
            return Some(format!("{path} lies in the protected folder {folder}"));
        }
        let rule = self.files.iter().find(|rule| matches(rule, file))?;
        Some(format!("{path} is protected by the rule {rule}"))
    }

    fn about<'p>(&self, paths: impl Iterator<Item = &'p str>) -> GateReport {
        let fault = |path| match check_path(path) {
            Err(e) => Some(e.to_string()),
            Ok(()) => self.protects(path),
        };
        let findings: Vec<String> = paths.filter_map(fault).collect();
        report(GATE, &findings, "touches nothing that is protected")
    }
}

fn is_workflow(path: &str) -> bool {
    let file = path.strip_prefix(".github/workflows/").unwrap_or_default();
    let named = file.strip_suffix(".yml").or_else(|| file.strip_suffix(".yaml"));
    named.is_some_and(|name| !name.is_empty() && !name.contains('/')) && check_path(path).is_ok()
}

fn held() -> GateReport {
    GateReport::new(GATE, GateAnswer::Cap, "it changes a workflow, which only a person merges")
}

fn matches(rule: &str, name: &str) -> bool {
    let (rule, name) = (rule.to_lowercase(), name.to_lowercase());
    match rule.split_once('*') {
        None => rule == name,
        Some((head, tail)) => {
            let rest = name.strip_prefix(head);
            rest.is_some_and(|rest| rest.ends_with(tail))
        }
    }
}

impl Guardrail for ProtectedPaths {
    fn check(&self, case: &Case, fix: &Fix) -> GateReport {
        if self.offers(case, fix) {
            return held();
        }
        self.about(fix.patch().into_iter().flat_map(|p| p.paths()))
    }

    fn inspect(&self, case: &Case, fix: &Fix, touched: &Touched<'_>) -> GateReport {
        if self.offers(case, fix) && touched.changes.iter().all(|c| is_workflow(&c.path)) {
            return held();
        }
        self.about(touched.changes.iter().map(|c| c.path.as_str()))
    }
}
