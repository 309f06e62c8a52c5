//! Follows a file that somebody else writes and rotates.

mod position;
mod reader;

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use aegis_core::{Error, Result};

pub use position::TailPosition;
use reader::{Identity, Reader};

/// Where to begin in a file that is there already when it is looked at first.
///
/// A file that appears later is always read from its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum StartAt {
    /// With its first line.
    Beginning,
    /// With the next line that is written.
    End,
    /// With the first whole line in the last so many bytes.
    Last(u64),
    /// With the first whole line after so many bytes; with the first line of a file that is shorter.
    After(u64),
}

/// Bounds of a [`Tail`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TailConfig {
    /// Where to begin; the end by default.
    pub start: StartAt,
    /// Bytes of a line that are kept; the rest of it is dropped. 64 KiB by default.
    pub max_line: usize,
    /// Bytes that one poll reads at most, from each file. 256 KiB by default.
    pub max_read: usize,
    /// How long a file that was renamed is still read: its writer may hold it for a while. 10 s by
    /// default.
    pub linger: Duration,
}

impl Default for TailConfig {
    fn default() -> Self {
        Self {
            start: StartAt::End,
            max_line: 64 * 1024,
            max_read: 256 * 1024,
            linger: Duration::from_secs(10),
        }
    }
}

impl TailConfig {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Says where to begin.
    #[must_use]
    pub fn with_start(mut self, start: StartAt) -> Self {
        self.start = start;
        self
    }

    /// Bounds a line, in bytes; at least 1.
    #[must_use]
    pub fn with_max_line(mut self, bytes: usize) -> Self {
        self.max_line = bytes.max(1);
        self
    }

    /// Bounds what one poll reads, in bytes; at least 1.
    #[must_use]
    pub fn with_max_read(mut self, bytes: usize) -> Self {
        self.max_read = bytes.max(1);
        self
    }

    /// Says how long a renamed file is still read.
    #[must_use]
    pub fn with_linger(mut self, linger: Duration) -> Self {
        self.linger = linger;
        self
    }
}

/// One line of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Line {
    /// Its text without the line break; bytes that are no UTF-8 are replaced.
    pub text: String,
    /// Whether it was longer than the bound and lost its end.
    pub cut: bool,
    /// Where it begins.
    pub start: TailPosition,
    /// Where the next one begins.
    pub end: TailPosition,
}

/// What the file looked like at the last poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TailState {
    /// It was not there.
    Absent,
    /// It was read to its end.
    CaughtUp,
    /// There is more to read than one poll takes.
    Behind,
}

/// Follows one file through rotation (rename and create, or copy and truncate), truncation and
/// absence. Blocking: a poll reads at most [`TailConfig::max_read`] bytes of a regular file.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    config: TailConfig,
    current: Option<Reader>,
    /// The file that was renamed, and until when it is read.
    old: Option<(Reader, Instant)>,
    restored: Option<TailPosition>,
    looked: bool,
    said_absent: bool,
    state: TailState,
}

impl Tail {
    /// Follows `path`, which need not exist.
    pub fn new(path: impl Into<PathBuf>, config: TailConfig) -> Self {
        Self {
            path: path.into(),
            config,
            current: None,
            old: None,
            restored: None,
            looked: false,
            said_absent: false,
            state: TailState::Absent,
        }
    }

    /// Goes on where `position` says. Where that file was rotated in the meantime its rest is read
    /// first; where it is gone the file is read from its beginning.
    #[must_use]
    pub fn resume(mut self, position: TailPosition) -> Self {
        self.restored = Some(position);
        self
    }

    /// The path that is followed.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the file looked like at the last poll.
    pub fn state(&self) -> TailState {
        self.state
    }

    /// Where the next line begins; `None` while the file was never there.
    pub fn position(&self) -> Option<TailPosition> {
        self.old.as_ref().map(|(r, _)| r).or(self.current.as_ref()).map(Reader::position)
    }

    /// The whole lines that were written since the last poll, oldest first, bounded.
    ///
    /// # Errors
    ///
    /// `Denied` where the file may not be read, `Invalid` where it is no regular file, `Unavailable`
    /// where reading fails. The next poll goes on where this one stopped.
    pub fn poll(&mut self) -> Result<Vec<Line>> {
        let mut lines = Vec::new();
        if self.current.is_none() {
            self.open()?;
        }
        self.looked = true;
        self.read_old(&mut lines)?;
        let Some(reader) = &mut self.current else {
            self.state = TailState::Absent;
            return Ok(lines);
        };
        let more = reader.read(&self.config, &self.path, &mut lines)?;
        self.state = if more { TailState::Behind } else { TailState::CaughtUp };
        if !more {
            self.follow_rotation(&mut lines)?;
        }
        Ok(lines)
    }

    fn read_old(&mut self, lines: &mut Vec<Line>) -> Result<()> {
        if let Some((mut reader, until)) = self.old.take() {
            let more = reader.read(&self.config, &self.path, lines)?;
            if more || Instant::now() < until {
                self.old = Some((reader, until));
            } else {
                reader.finish(lines);
            }
        }
        Ok(())
    }

    /// Once the current file is read to its end: looks whether the path names another one.
    fn follow_rotation(&mut self, lines: &mut Vec<Line>) -> Result<()> {
        let here = match std::fs::metadata(&self.path) {
            Ok(meta) => Some(Identity::of(&meta)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(self.failed(e)),
        };
        let Some(reader) = &self.current else { return Ok(()) };
        if here == Some(reader.identity()) {
            return Ok(());
        }
        let Some(renamed) = self.current.take() else { return Ok(()) };
        tracing::debug!(target: "aegis::tail", path = %self.path.display(), "the file was rotated");
        if let Some((mut older, _)) = self.old.take() {
            older.read(&self.config, &self.path, lines)?;
            older.finish(lines);
        }
        self.old = Some((renamed, Instant::now() + self.config.linger));
        self.open()?;
        if let Some(reader) = &mut self.current {
            let more = reader.read(&self.config, &self.path, lines)?;
            self.state = if more { TailState::Behind } else { TailState::CaughtUp };
        }
        Ok(())
    }

    /// Opens the file at the path, where there is one.
    fn open(&mut self) -> Result<()> {
        let Some(file) = open(&self.path).map_err(|e| self.failed(e))? else {
            if !self.said_absent {
                self.said_absent = true;
                tracing::info!(target: "aegis::tail", path = %self.path.display(), "waiting for the file");
            }
            return Ok(());
        };
        self.said_absent = false;
        let mut reader = Reader::new(file).map_err(|e| self.failed(e))?;
        if let Some(position) = self.restored.take() {
            self.restore(&mut reader, &position)?;
        } else if !self.looked {
            reader.begin(self.config.start).map_err(|e| self.failed(e))?;
        }
        self.current = Some(reader);
        Ok(())
    }

    fn restore(&mut self, reader: &mut Reader, position: &TailPosition) -> Result<()> {
        if reader.resume(position).map_err(|e| self.failed(e))? {
            return Ok(());
        }
        // Rotated while nobody looked: the rest of the old file comes first.
        if let Some(mut renamed) = self.find_renamed(position)
            && renamed.resume(position).map_err(|e| self.failed(e))?
        {
            self.old = Some((renamed, Instant::now() + self.config.linger));
        }
        Ok(())
    }

    /// The file of `position` among the siblings that are named after this one.
    fn find_renamed(&self, position: &TailPosition) -> Option<Reader> {
        let name = self.path.file_name()?.to_str()?;
        let stem = self.path.file_stem()?.to_str()?;
        let entries = std::fs::read_dir(self.path.parent()?).ok()?;
        entries
            .filter_map(|entry| entry.ok())
            .filter(|entry| {
                let other = entry.file_name();
                other.to_str().is_some_and(|o| o != name && o.starts_with(stem))
            })
            .filter_map(|entry| open(&entry.path()).ok().flatten())
            .filter_map(|file| Reader::new(file).ok())
            .find(|reader| reader.identity().is(position))
    }

    fn failed(&self, error: io::Error) -> Error {
        match error.kind() {
            io::ErrorKind::InvalidInput => {
                Error::invalid(format!("{} is no regular file", self.path.display()))
            }
            _ => {
                let kind = Error::from(io::Error::from(error.kind())).kind();
                Error::new(kind, format!("{} can't be read", self.path.display()))
                    .with_source(error)
            }
        }
        .at("tail")
    }
}

/// Opens a regular file without blocking on a pipe; `None` where there is nothing.
fn open(path: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path);
    match file {
        Ok(file) if file.metadata()?.is_file() => Ok(Some(file)),
        Ok(_) => Err(io::ErrorKind::InvalidInput.into()),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}
