//! A Python environment with pinned pytest and coverage.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::StagingError;

/// What is installed, with exact versions.
const REQUIREMENTS: &str = include_str!("../../requirements.txt");

/// The oldest Python that the shop runs on.
const OLDEST: (u32, u32) = (3, 11);

/// Lines of a failed command's output that an error repeats.
const KEPT_LINES: usize = 15;

/// A prepared environment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Venv {
    /// Its folder.
    pub root: PathBuf,
    /// Its interpreter.
    pub python: PathBuf,
    /// The folder to put first on `PATH`.
    pub bin: PathBuf,
}

impl Venv {
    fn at(root: &Path) -> Self {
        let bin = root.join("bin");
        Self { root: root.to_owned(), python: bin.join("python"), bin }
    }

    fn stamp(&self) -> PathBuf {
        self.root.join("requirements.stamp")
    }

    /// The stamp is the requirements themselves, written last: a build that was cut short has none.
    fn is_ready(&self) -> bool {
        // `exists` follows the link, so an interpreter that was uninstalled since is noticed.
        self.python.exists() && fs::read_to_string(self.stamp()).is_ok_and(|it| it == REQUIREMENTS)
    }
}

/// Prepares the environment in `root`, with the `python3` that comes first on `PATH`.
///
/// Instant where it is ready. Otherwise `root` is built anew, which downloads the packages once.
/// Several processes may call this at the same time: one builds, the others wait.
///
/// # Errors
///
/// When there is no `python3` of version 3.11 or newer, or it has no `venv`, or the packages can't
/// be installed. Each message says what to do.
pub fn prepare(root: &Path) -> Result<Venv, StagingError> {
    prepare_with(root, Path::new("python3"))
}

/// As [`prepare`], with an interpreter of your choice.
///
/// # Errors
///
/// As [`prepare`].
pub fn prepare_with(root: &Path, python3: &Path) -> Result<Venv, StagingError> {
    let root = std::path::absolute(root).map_err(StagingError::io(root))?;
    let venv = Venv::at(&root);
    if venv.is_ready() {
        return Ok(venv);
    }
    let _lock = lock_beside(&root)?;
    if venv.is_ready() {
        return Ok(venv);
    }
    check_version(python3)?;
    match fs::remove_dir_all(&root) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(StagingError::io(&root)(error));
        }
        _ => {}
    }
    run(
        Command::new(python3).args(["-m", "venv"]).arg(&root),
        "the venv module may be missing (Debian and Ubuntu: apt-get install python3-venv)",
    )?;
    let requirements = root.join("requirements.txt");
    fs::write(&requirements, REQUIREMENTS).map_err(StagingError::io(&requirements))?;
    run(
        Command::new(&venv.python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"])
            .arg(&requirements),
        "check that this machine reaches a Python package index (pip's own settings apply)",
    )?;
    fs::write(venv.stamp(), REQUIREMENTS).map_err(StagingError::io(&root))?;
    Ok(venv)
}

/// Held until the returned file is dropped.
fn lock_beside(root: &Path) -> Result<File, StagingError> {
    if let Some(parent) = root.parent() {
        fs::create_dir_all(parent).map_err(StagingError::io(parent))?;
    }
    let path = root.with_extension("lock");
    let file = File::create(&path).map_err(StagingError::io(&path))?;
    file.lock().map_err(StagingError::io(&path))?;
    Ok(file)
}

fn check_version(python3: &Path) -> Result<(), StagingError> {
    let program = "import sys; print('%d.%d' % sys.version_info[:2])";
    let output =
        Command::new(python3).args(["-c", program]).output().map_err(StagingError::NoPython)?;
    let found = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let version = found
        .split_once('.')
        .and_then(|(major, minor)| Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?)));
    match version {
        Some(version) if version >= OLDEST => Ok(()),
        _ => Err(StagingError::OldPython { found }),
    }
}

fn run(command: &mut Command, hint: &'static str) -> Result<(), StagingError> {
    let shown = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|part| part.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ");
    let program = PathBuf::from(command.get_program());
    let output = command.output().map_err(StagingError::io(&program))?;
    if output.status.success() {
        return Ok(());
    }
    let printed = [output.stdout, output.stderr].concat();
    let printed = String::from_utf8_lossy(&printed);
    let lines: Vec<_> = printed.lines().collect();
    let output = lines[lines.len().saturating_sub(KEPT_LINES)..].join("\n");
    Err(StagingError::Command { command: shown, hint, output })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// Written by another process: a file that this one has open for writing can't be executed, and
    /// a child that another test starts at that moment would hold it open.
    fn fake_python(dir: &Path, script: &str) -> PathBuf {
        let path = dir.join("fake-python");
        let write = r##"printf '#!/bin/sh\n%s\n' "$1" > "$0" && chmod +x "$0""##;
        let status = Command::new("sh").args(["-c", write]).arg(&path).arg(script).status();
        assert!(status.unwrap().success());
        path
    }

    #[test]
    fn a_missing_python_is_answered_with_how_to_install_it() {
        let dir = tempfile::tempdir().unwrap();
        let error =
            prepare_with(&dir.path().join("venv"), &dir.path().join("nothing")).unwrap_err();
        assert!(matches!(error, StagingError::NoPython(_)));
        assert!(error.to_string().contains("apt-get install python3"), "{error}");
    }

    #[test]
    fn an_old_python_is_refused_by_its_version() {
        let dir = tempfile::tempdir().unwrap();
        let python = fake_python(dir.path(), "echo 3.9");
        let error = prepare_with(&dir.path().join("venv"), &python).unwrap_err();
        assert!(error.to_string().contains("version 3.9"), "{error}");
    }

    #[test]
    fn a_failing_command_is_shown_with_a_hint_and_its_output() {
        let dir = tempfile::tempdir().unwrap();
        let script = r#"[ "$1" = -c ] && echo 3.11 && exit; echo no ensurepip; exit 1"#;
        let python = fake_python(dir.path(), script);
        let error = prepare_with(&dir.path().join("venv"), &python).unwrap_err().to_string();
        for part in ["-m venv", "python3-venv", "no ensurepip"] {
            assert!(error.contains(part), "{part} is not in: {error}");
        }
    }

    #[test]
    fn an_environment_without_a_stamp_is_not_ready() {
        let dir = tempfile::tempdir().unwrap();
        let venv = Venv::at(dir.path());
        fs::create_dir(&venv.bin).unwrap();
        fs::write(&venv.python, "").unwrap();
        assert!(!venv.is_ready());
        fs::write(venv.stamp(), "other requirements").unwrap();
        assert!(!venv.is_ready());
        fs::write(venv.stamp(), REQUIREMENTS).unwrap();
        assert!(venv.is_ready());
    }
}
