//! Files that are not a fix's to touch.

use serde::{Deserialize, Serialize};

use super::{Guardrail, Touched, report};
use crate::model::{Case, Fix, GateReport};
use crate::patch::check_path;

const GATE: &str = "protected-paths";

/// Denies patches that touch tests, their configuration, pipelines, manifests, lock files, Git's own
/// files, and names that the interpreter or the test runner loads by itself.
///
/// Names are compared without regard to case, as some file systems do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ProtectedPaths {
    /// Folders, by name, at any depth; one `*` stands for anything.
    pub folders: Vec<String>,
    /// Files, by name, in any folder; one `*` stands for anything.
    pub files: Vec<String>,
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
        Self { folders: own(FOLDERS), files: own(FILES) }
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
    fn check(&self, _case: &Case, fix: &Fix) -> GateReport {
        self.about(fix.patch().into_iter().flat_map(|p| p.paths()))
    }

    fn inspect(&self, _case: &Case, _fix: &Fix, touched: &Touched<'_>) -> GateReport {
        self.about(touched.changes.iter().map(|c| c.path.as_str()))
    }
}
