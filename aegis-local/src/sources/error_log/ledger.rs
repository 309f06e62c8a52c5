//! How far each file was read and acknowledged, kept in a small file.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::sources::tail::TailPosition;

/// Files that are remembered at most.
const MAX_FILES: usize = 256;
/// Events of one file that are waited for at most; the oldest is given up beyond it.
const MAX_OPEN: usize = 4096;
/// How often positions without an event are written at most.
const IDLE_EVERY: Duration = Duration::from_secs(1);

/// What is written.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    /// Positions by path.
    files: BTreeMap<PathBuf, TailPosition>,
}

/// The positions to go on from after a restart: never past an event that was not acknowledged.
#[derive(Debug, Clone)]
pub(super) struct Ledger(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    state: Option<PathBuf>,
    saved: Saved,
    open: BTreeMap<PathBuf, VecDeque<Handed>>,
    next: u64,
    dirty: bool,
    written: Option<Instant>,
}

/// An event that was handed out.
#[derive(Debug)]
struct Handed {
    id: u64,
    after: TailPosition,
    acked: bool,
}

impl Ledger {
    /// A ledger that lives in `state`, or in memory alone. A file that is damaged counts as empty.
    pub(super) fn open(state: Option<PathBuf>) -> Self {
        let saved = state.as_deref().and_then(|path| match read(path) {
            Ok(saved) => saved,
            Err(e) => {
                let path = path.display();
                tracing::warn!(target: "aegis::error_log", %path, error = %e, "positions are lost");
                None
            }
        });
        Self(Arc::new(Mutex::new(Inner {
            state,
            saved: saved.unwrap_or_default(),
            open: BTreeMap::new(),
            next: 0,
            dirty: false,
            written: None,
        })))
    }

    /// Where to go on in `path`.
    pub(super) fn position(&self, path: &Path) -> Option<TailPosition> {
        self.lock().saved.files.get(path).copied()
    }

    /// Notes that an event of `path` is handed out, after which reading may go on at `after`.
    pub(super) fn hand_out(&self, path: &Path, after: TailPosition) -> u64 {
        let mut inner = self.lock();
        let id = inner.next;
        inner.next += 1;
        let open = inner.open.entry(path.to_owned()).or_default();
        if open.len() == MAX_OPEN {
            open.pop_front();
        }
        open.push_back(Handed { id, after, acked: false });
        id
    }

    /// Notes that event `id` of `path` is committed, and writes the state.
    pub(super) fn ack(&self, path: &Path, id: u64) {
        let mut inner = self.lock();
        let Inner { open, saved, dirty, .. } = &mut *inner;
        let Some(open) = open.get_mut(path) else { return };
        if let Some(handed) = open.iter_mut().find(|h| h.id == id) {
            handed.acked = true;
        }
        while open.front().is_some_and(|h| h.acked) {
            if let Some(handed) = open.pop_front() {
                saved.files.insert(path.to_owned(), handed.after);
                *dirty = true;
            }
        }
        inner.write();
    }

    /// Notes that `path` was read up to `position` and every event before it is acknowledged or
    /// was none; written now and then.
    pub(super) fn idle(&self, path: &Path, position: TailPosition) {
        let mut inner = self.lock();
        if inner.open.get(path).is_some_and(|open| !open.is_empty()) {
            return;
        }
        if inner.saved.files.insert(path.to_owned(), position) != Some(position) {
            inner.dirty = true;
        }
        if inner.dirty && inner.written.is_none_or(|at| at.elapsed() >= IDLE_EVERY) {
            inner.write();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn write(&mut self) {
        let Some(path) = self.state.as_deref().filter(|_| self.dirty) else { return };
        if self.saved.files.len() > MAX_FILES {
            self.saved.files.retain(|file, _| file.exists());
        }
        match write(path, &self.saved) {
            Ok(()) => self.dirty = false,
            Err(e) => {
                let path = path.display();
                tracing::warn!(target: "aegis::error_log", %path, error = %e, "positions are not saved");
            }
        }
        self.written = Some(Instant::now());
    }
}

fn read(path: &Path) -> io::Result<Option<Saved>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// Writes beside the file and renames, so that a reader sees the old state or the new one.
fn write(path: &Path, saved: &Saved) -> io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&serde_json::to_vec(saved)?)?;
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn at(offset: u64) -> TailPosition {
        TailPosition::new(1, 2, offset, b"")
    }

    #[test]
    fn a_position_never_passes_an_event_that_is_not_acknowledged() {
        let folder = tempfile::tempdir().unwrap();
        let (state, log) = (folder.path().join("state.json"), Path::new("a.log"));
        let ledger = Ledger::open(Some(state.clone()));
        let first = ledger.hand_out(log, at(10));
        let second = ledger.hand_out(log, at(20));
        ledger.ack(log, second);
        ledger.idle(log, at(30));
        assert_eq!(Ledger::open(Some(state.clone())).position(log), None);
        ledger.ack(log, first);
        assert_eq!(Ledger::open(Some(state)).position(log), Some(at(20)));
        ledger.idle(log, at(30));
        assert_eq!(ledger.position(log), Some(at(30)));
    }

    #[test]
    fn a_damaged_state_counts_as_none() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state.json");
        std::fs::write(&state, b"{\"files\":").unwrap();
        let ledger = Ledger::open(Some(state.clone()));
        assert_eq!(ledger.position(Path::new("a.log")), None);
        ledger.idle(Path::new("a.log"), at(7));
        assert_eq!(Ledger::open(Some(state)).position(Path::new("a.log")), Some(at(7)));
    }
}
