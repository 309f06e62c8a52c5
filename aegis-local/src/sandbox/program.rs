//! Which program serves as the helper.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use aegis_core::{Error, Result};

use super::{NAME, READY};

/// A program that serves as the helper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program(PathBuf);

impl Program {
    /// This program, which [`init`](super::init) was called in.
    const OWN: &str = "/proc/self/exe";

    /// The helper: this program where [`init`](super::init) was called, else `aegis-sandbox` beside
    /// this program, or on the `PATH`.
    ///
    /// Errors: `Denied` where there is none.
    pub fn find() -> Result<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        Self::find_in(READY.get().is_some(), std::env::current_exe().ok().as_deref(), path)
    }

    /// The named program.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    fn find_in(own: bool, this: Option<&Path>, path: OsString) -> Result<Self> {
        if own {
            return Ok(Self(Self::OWN.into()));
        }
        let beside = this.and_then(Path::parent).into_iter();
        // Where Cargo puts tests and examples, programs are one folder up.
        let above = beside.clone().filter(|folder| {
            folder.file_name().is_some_and(|name| name == "deps" || name == "examples")
        });
        let folders =
            beside.map(Path::to_owned).chain(above.filter_map(|f| Some(f.parent()?.to_owned())));
        let all = folders.chain(std::env::split_paths(&path));
        let found = all.map(|folder| folder.join(NAME)).find(|file| file.is_file());
        found.map(Self).ok_or_else(|| {
            Error::denied(format!(
                "nothing is run without a sandbox, and there is no helper for one: call \
                 aegis_local::sandbox::init() first in main, or put the program {NAME} beside this one"
            ))
        })
    }

    /// A command that starts it, with nothing of this process' environment.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.0);
        command.arg0(NAME).env_clear().current_dir("/").process_group(0);
        command
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn without_a_helper_nothing_is_run() {
        let empty = tempfile::tempdir().unwrap();
        let this = empty.path().join("deps/service");
        let error = Program::find_in(false, Some(&this), empty.path().into()).unwrap_err();
        assert_eq!(error.kind(), aegis_core::ErrorKind::Denied);
        assert!(error.to_string().contains("sandbox::init()"), "{error}");
    }

    #[test]
    fn a_helper_is_found_beside_the_program_and_above_tests() {
        let folder = tempfile::tempdir().unwrap();
        let helper = folder.path().join(NAME);
        std::fs::write(&helper, "").unwrap();
        for this in ["service", "deps/test-1", "examples/heal"] {
            let this = folder.path().join(this);
            let found = Program::find_in(false, Some(&this), OsString::new()).unwrap();
            assert_eq!(found, Program::at(&helper));
        }
        let own = Program::find_in(true, None, OsString::new()).unwrap();
        assert_eq!(own, Program::at("/proc/self/exe"));
    }
}
