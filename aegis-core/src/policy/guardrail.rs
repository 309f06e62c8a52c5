//! Rules about what a fix may touch, whoever wrote it.

use serde::{Deserialize, Serialize};

use crate::model::{Case, Fix, GateAnswer, GateReport};
use crate::patch::{Edit, check_path};

/// A rule about fixes. Pure: asked again after a crash and before every write.
pub trait Guardrail: std::fmt::Debug + Send + Sync + 'static {
    /// What it says about `fix`.
    fn check(&self, case: &Case, fix: &Fix) -> GateReport;
}

/// Denies patches that touch tests, their configuration, pipelines, manifests or Git's own files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ProtectedPaths {
    /// Folders, by name, at any depth.
    pub folders: Vec<String>,
    /// Files, by name; `*` at the end or the start stands for anything.
    pub files: Vec<String>,
}

impl Default for ProtectedPaths {
    fn default() -> Self {
        let own = |names: &[&str]| names.iter().map(|&n| n.to_owned()).collect();
        Self {
            folders: own(&["tests", "test", "testing", ".github", ".gitlab", ".circleci", ".git"]),
            files: own(&[
                "test_*",
                "*_test.py",
                "conftest.py",
                "pytest.ini",
                "tox.ini",
                "noxfile.py",
                "setup.cfg",
                "setup.py",
                "pyproject.toml",
                "requirements*",
                "Pipfile*",
                "*.lock",
                "package.json",
                "package-lock.json",
                "Cargo.toml",
                "Makefile",
                "Dockerfile*",
                ".gitlab-ci.yml",
                ".coveragerc",
                "sitecustomize.py",
                "usercustomize.py",
                "*.pth",
            ]),
        }
    }
}

impl ProtectedPaths {
    /// The rule that protects `path`, where one does.
    pub fn protects(&self, path: &str) -> Option<String> {
        let mut parts: Vec<&str> = path.split('/').collect();
        let file = parts.pop().unwrap_or_default();
        if let Some(folder) = parts.iter().find(|p| self.folders.iter().any(|f| f == *p)) {
            return Some(format!("{path} lies in the protected folder {folder}"));
        }
        let rule = self.files.iter().find(|rule| matches(rule, file))?;
        Some(format!("{path} is protected by the rule {rule}"))
    }
}

fn matches(rule: &str, name: &str) -> bool {
    if let Some(prefix) = rule.strip_suffix('*') {
        name.starts_with(prefix)
    } else if let Some(suffix) = rule.strip_prefix('*') {
        name.ends_with(suffix)
    } else {
        rule == name
    }
}

impl Guardrail for ProtectedPaths {
    fn check(&self, _case: &Case, fix: &Fix) -> GateReport {
        let paths = fix.patch().into_iter().flat_map(|p| p.paths());
        for path in paths {
            if let Err(e) = check_path(path) {
                return GateReport::new("protected-paths", GateAnswer::Deny, e.to_string());
            }
            if let Some(why) = self.protects(path) {
                return GateReport::new("protected-paths", GateAnswer::Deny, why);
            }
        }
        GateReport::new("protected-paths", GateAnswer::Pass, "touches nothing that is protected")
    }
}

/// Denies patches that are larger than a fix should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct SizeLimit {
    /// Most files, 3 unless set.
    pub files: usize,
    /// Most lines searched and written together, 60 unless set.
    pub lines: usize,
}

impl Default for SizeLimit {
    fn default() -> Self {
        Self { files: 3, lines: 60 }
    }
}

impl Guardrail for SizeLimit {
    fn check(&self, _case: &Case, fix: &Fix) -> GateReport {
        let Some(patch) = fix.patch() else {
            return GateReport::new("size", GateAnswer::Pass, "no patch");
        };
        let files = patch.paths().len();
        let lines: usize = patch.edits.iter().map(changed).sum();
        let says = format!("{files} files and {lines} changed lines");
        if files > self.files || lines > self.lines {
            let why = format!("{says}; at most {} and {} are allowed", self.files, self.lines);
            return GateReport::new("size", GateAnswer::Deny, why);
        }
        GateReport::new("size", GateAnswer::Pass, says)
    }
}

/// Lines that an edit adds or removes; context that stands in both is not counted.
fn changed(edit: &Edit) -> usize {
    match edit {
        Edit::Create { text, .. } => text.lines().count(),
        // The size of a deleted file is not known here; deleting one is never small.
        Edit::Delete { .. } => usize::MAX / 1024,
        Edit::Replace { search, replace, .. } => {
            let (old, new): (Vec<&str>, Vec<&str>) =
                (search.lines().collect(), replace.lines().collect());
            let head = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
            let room = old.len().min(new.len()) - head;
            let tail = old.iter().rev().zip(new.iter().rev()).take(room);
            let tail = tail.take_while(|(a, b)| a == b).count();
            (old.len() - head - tail) + (new.len() - head - tail)
        }
    }
}
