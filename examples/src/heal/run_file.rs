//! What a run has to remember to be resumed: written before anything else, marked when it ends.

use std::io;
use std::path::{Path, PathBuf};

use aegis_core::Timestamp;
use serde::{Deserialize, Serialize};

/// From when on incidents belong to a row of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mark {
    row: String,
    from: i64,
}

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
    /// The scenarios that are done.
    #[serde(default)]
    pub(super) done: Vec<String>,
    /// Which incidents belong to which row, in the order of time.
    #[serde(default)]
    pub(super) marks: Vec<Mark>,
    /// Releases that a person has made.
    #[serde(default)]
    pub(super) released: Vec<String>,
}

impl RunFile {
    /// A run that begins.
    pub(super) fn new(port: u16, base: String, repository: Option<PathBuf>) -> Self {
        let (done, marks, released) = (Vec::new(), Vec::new(), Vec::new());
        Self { port, base, repository, finished: false, done, marks, released }
    }

    /// Marks that incidents belong to `row` from `now` on; since when they do, where it was marked.
    pub(super) fn mark(&mut self, row: &str, now: Timestamp) -> Timestamp {
        if let Some(known) = self.marks.iter().find(|mark| mark.row == row) {
            return Timestamp::from_ms(known.from);
        }
        self.marks.push(Mark { row: row.to_owned(), from: now.as_ms() });
        now
    }

    /// The row that an incident belongs to which was opened at `at`.
    pub(super) fn row_at(&self, at: i64) -> Option<&str> {
        self.marks.iter().rev().find(|mark| mark.from <= at).map(|mark| mark.row.as_str())
    }

    /// The unfinished run of a folder, where there is one.
    pub(super) fn unfinished(state: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(state.join("run.json")).ok()?;
        serde_json::from_str::<Self>(&text).ok().filter(|run| !run.finished)
    }

    /// The run of a folder.
    pub(super) fn read(state: &Path) -> io::Result<Self> {
        Ok(serde_json::from_str(&std::fs::read_to_string(state.join("run.json"))?)?)
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
