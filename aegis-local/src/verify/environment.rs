//! A service's Python environment, asked for its own paths.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

use aegis_core::{Digest, Error, Result};
use serde::{Deserialize, Serialize};
use tokio::process::Command;

use crate::service::ServiceSpec;

const ASK: &str = include_str!("harness/ask.py");
const PATIENCE: Duration = Duration::from_secs(20);

/// What the interpreter answers.
#[derive(Debug, Clone, Deserialize, Serialize)]
struct Answer {
    executable: PathBuf,
    real: PathBuf,
    version: String,
    prefix: PathBuf,
    base_prefix: PathBuf,
    prefixes: Vec<PathBuf>,
    paths: BTreeMap<String, PathBuf>,
    distributions: Vec<String>,
}

/// Where an interpreter and its packages are, as the interpreter itself says.
///
/// It is asked outside the isolation, in isolated mode (`-I`), from the system's root folder: what runs
/// is the environment that the service runs with anyway, and none of the service's code.
#[derive(Debug, Clone)]
pub struct Environment {
    answer: Answer,
    digest: Digest,
    packages_at: Option<SystemTime>,
}

impl Environment {
    /// Asks the interpreter of the service's virtual environment, or `python3` on `PATH`.
    ///
    /// Errors: `NotFound` where there is no interpreter, `Invalid` where it can't answer.
    pub async fn of(spec: &ServiceSpec) -> Result<Self> {
        let python = match &spec.python {
            Some(venv) => venv.join("bin/python"),
            None => PathBuf::from("python3"),
        };
        let mut command = Command::new(&python);
        command
            .args(["-I", "-B", "-c", ASK])
            .current_dir("/")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = tokio::time::timeout(PATIENCE, command.output())
            .await
            .map_err(|_| Error::timeout(format!("{} does not answer", python.display())))?
            .map_err(|e| {
                Error::not_found(format!(
                    "no Python at {}: install python3, or name the service's virtual environment",
                    python.display()
                ))
                .with_source(e)
            })?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let last = said.lines().last().unwrap_or_default().to_owned();
            return Err(Error::invalid(format!("{} fails: {last}", python.display())));
        }
        let answer: Answer = serde_json::from_slice(&output.stdout).map_err(|e| {
            Error::invalid(format!("{} gives no answer", python.display())).with_source(e)
        })?;
        if !recent(&answer.version) {
            let version = &answer.version;
            return Err(Error::invalid(format!("Python {version}: 3.9 or later is needed")));
        }
        let digest = Digest::of_json(&answer);
        let packages_at = changed_at(&answer);
        Ok(Self { answer, digest, packages_at })
    }

    /// Identifies interpreter, paths and installed distributions with their versions.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The interpreter's version: `3.12.1`.
    pub fn version(&self) -> &str {
        &self.answer.version
    }

    /// The environment's own interpreter.
    pub fn python(&self) -> &Path {
        &self.answer.executable
    }

    /// The version of an installed distribution.
    pub fn distribution(&self, name: &str) -> Option<&str> {
        self.answer
            .distributions
            .iter()
            .filter_map(|d| d.split_once("=="))
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, version)| version)
    }

    /// `PATH` inside: the environment's scripts, the base interpreter's, then the system's.
    pub fn search_path(&self) -> String {
        let mut folders: Vec<PathBuf> = Vec::new();
        let scripts = self.answer.paths.get("scripts").cloned();
        let base = self.answer.real.parent().map(Path::to_owned);
        let system = ["/usr/local/bin", "/usr/bin", "/bin"].map(PathBuf::from);
        for folder in scripts.into_iter().chain(base).chain(system) {
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        folders.iter().map(|f| f.display().to_string()).collect::<Vec<_>>().join(":")
    }

    /// Host paths that have to be seen inside.
    ///
    /// A prefix that is a home folder or above one is not shown as a whole, only what the interpreter
    /// names beneath it. An entry that a `.pth` file adds is not shown: an editable install would
    /// import the live checkout in place of the tree under test.
    pub fn visible(&self) -> Vec<PathBuf> {
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let too_wide =
            |p: &Path| p.parent().is_none() || home.as_deref().is_some_and(|h| h.starts_with(p));
        let mut paths: Vec<PathBuf> =
            self.answer.prefixes.iter().filter(|p| !too_wide(p)).cloned().collect();
        let named = ["stdlib", "platstdlib", "purelib", "platlib", "scripts"];
        paths.extend(named.iter().filter_map(|n| self.answer.paths.get(*n)).cloned());
        for program in [&self.answer.executable, &self.answer.real] {
            paths.extend(program.parent().filter(|p| !too_wide(p)).map(Path::to_owned));
        }
        paths.retain(|p| !too_wide(p));
        paths.sort();
        paths.dedup();
        paths
    }

    /// Whether packages were installed or removed since it was asked.
    pub fn is_stale(&self) -> bool {
        changed_at(&self.answer) != self.packages_at
    }
}

fn recent(version: &str) -> bool {
    let mut numbers = version.split('.').map_while(|n| n.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(3), Some(9))
}

fn changed_at(answer: &Answer) -> Option<SystemTime> {
    let packages = answer.paths.get("purelib")?;
    std::fs::metadata(packages).and_then(|m| m.modified()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_interpreters_are_refused() {
        assert!(recent("3.9.0") && recent("3.14.0rc1") && recent("4.0"));
        assert!(!recent("3.8.18") && !recent("2.7.18") && !recent(""));
    }
}
