use std::io;
use std::path::{Path, PathBuf};

/// Why the stage could not be set. Each message ends with the next step.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StagingError {
    /// No `python3` could be started.
    #[error(
        "python3 was not found on PATH ({0}); install Python 3.11 or newer \
         (Debian and Ubuntu: apt-get install python3 python3-venv; macOS: brew install python3)"
    )]
    NoPython(io::Error),
    /// The `python3` on the path is too old for the shop.
    #[error(
        "python3 is version {found}, the shop needs 3.11 or newer; put a newer one first on PATH"
    )]
    OldPython {
        /// What it says of itself.
        found: String,
    },
    /// A set-up command ended with an error.
    #[error("`{command}` failed; {hint}\n{output}")]
    Command {
        /// The command, as a person would type it.
        command: String,
        /// What to do about it.
        hint: &'static str,
        /// The end of what it printed.
        output: String,
    },
    /// A file or folder could not be read or written.
    #[error("{path}: {source}; check that it exists and may be read and written")]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder for the shop holds something already.
    #[error("{0} is not empty; remove it, or build the shop somewhere else")]
    NotEmpty(PathBuf),
    /// A patch is not in the format of `git format-patch`.
    #[error("{patch}: {why}; write it again with `git format-patch --full-index`")]
    Patch {
        /// Which patch.
        patch: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A person's release can't be made.
    #[error(
        "{change} can't be released: {why}; build the shop anew, or commit or undo what is in the way"
    )]
    Release {
        /// The name of the change.
        change: &'static str,
        /// What is in the way.
        why: String,
    },
    /// Git refused.
    #[error("the shop's repository could not be built: {0}; remove its folder and try again")]
    Git(#[from] git2::Error),
}

impl StagingError {
    /// Names the path that an I/O error is about.
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self + '_ {
        move |source| Self::Io { path: path.to_owned(), source }
    }
}
