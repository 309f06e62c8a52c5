//! What a run has to remember to be resumed: written before anything else, marked when it ends.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A run's file in its state folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RunFile {
    /// The port of the service.
    pub(super) port: u16,
    /// The head of the repository when it was staged.
    pub(super) base: String,
    /// The repository of a service of somebody's; none for the shop.
    #[serde(default)]
    pub(super) repository: Option<PathBuf>,
    /// Whether the run came to its end.
    pub(super) finished: bool,
}

impl RunFile {
    /// The unfinished run of a folder, where there is one.
    pub(super) fn unfinished(state: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(state.join("run.json")).ok()?;
        serde_json::from_str::<Self>(&text).ok().filter(|run| !run.finished)
    }

    /// Writes the file; a crash leaves the old one or the new one.
    pub(super) fn write(&self, state: &Path) -> io::Result<()> {
        let partial = state.join("run.json.partial");
        std::fs::write(&partial, serde_json::to_string(self)?)?;
        std::fs::rename(partial, state.join("run.json"))
    }

    /// Marks the run of a folder as finished.
    pub(super) fn finish(state: &Path) -> io::Result<()> {
        match Self::unfinished(state) {
            Some(run) => Self { finished: true, ..run }.write(state),
            None => Ok(()),
        }
    }
}
