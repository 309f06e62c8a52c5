//! One writer at a time: a mutex for the process, an advisory file lock for the machine.

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use aegis_core::{Error, Result};

/// How long a writer waits for another process.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs `work` while nobody else who shares the repository in this process, or the state folder on
/// this machine, writes. Blocks.
pub(super) fn exclusive<T>(
    repository: &Path,
    state: &Path,
    work: impl FnOnce() -> Result<T>,
) -> Result<T> {
    let mutex = mutex_of(repository);
    let _inside = mutex.lock().unwrap_or_else(PoisonError::into_inner);
    let path = state.join("git.lock");
    let file = File::options().create(true).truncate(false).write(true).open(&path)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(TryLockError::WouldBlock) => {
                let path = path.display();
                return Err(Error::timeout(format!("another process holds {path}")).at("git"));
            }
            Err(TryLockError::Error(e)) => return Err(e.into()),
        }
    }
    work()
}

fn mutex_of(repository: &Path) -> Arc<Mutex<()>> {
    static ALL: OnceLock<Mutex<HashMap<PathBuf, Weak<Mutex<()>>>>> = OnceLock::new();
    let mut all = ALL.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(mutex) = all.get(repository).and_then(Weak::upgrade) {
        return mutex;
    }
    all.retain(|_, mutex| mutex.strong_count() > 0);
    let mutex = Arc::new(Mutex::new(()));
    all.insert(repository.to_owned(), Arc::downgrade(&mutex));
    mutex
}
