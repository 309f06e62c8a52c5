//! Small files that are whole or absent, whatever happens in between.

use std::io::Write as _;
use std::path::Path;

use aegis_core::{Error, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Writes `value` as JSON: to a temporary file beside it, flushed to disk, then renamed.
pub(crate) fn write_atomically(path: &Path, value: &impl Serialize) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let text = serde_json::to_vec_pretty(value)
        .map_err(|e| Error::internal("can't write a state file").with_source(e))?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&text)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|e| Error::from(e.error))?;
    Ok(())
}

/// Reads what was written; `None` where there is nothing, or nothing that can be read.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let text = std::fs::read(path).ok()?;
    match serde_json::from_slice(&text) {
        Ok(value) => Some(value),
        Err(e) => {
            tracing::warn!(file = %path.display(), error = %e, "a state file can't be read");
            None
        }
    }
}

/// Deletes a file that may be gone already.
pub(super) fn remove(path: &Path) {
    if let Err(e) = std::fs::remove_file(path)
        && e.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(file = %path.display(), error = %e, "can't delete a state file");
    }
}
