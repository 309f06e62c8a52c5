//! A folder of log files that are named after what wrote them.

use std::io;
use std::path::{Path, PathBuf};

use aegis_core::{Error, Result, Revision};

use super::follow::Followed;

/// Files of one folder that are followed at once.
const MAX_FOLLOWED: usize = 8;

/// A folder of files `<number>-<revision>.log`.
#[derive(Debug)]
pub(super) struct Dir {
    path: PathBuf,
    failure: Option<String>,
}

impl Dir {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, failure: None }
    }

    /// Adds the files that appeared and drops those that are over. A failure is reported once.
    pub(super) fn look(
        &mut self,
        files: &mut Vec<Followed>,
        open: impl Fn(PathBuf) -> Followed,
    ) -> Result<()> {
        let names = match list(&self.path) {
            Ok(names) => names,
            Err(e) => {
                let text = e.to_string();
                let known = self.failure.replace(text.clone()) == Some(text);
                let path = self.path.display();
                let error = || Error::unavailable(format!("{path} can't be listed")).with_source(e);
                return if known { Ok(()) } else { Err(error()) };
            }
        };
        self.failure = None;
        let newest = &names[names.len().saturating_sub(MAX_FOLLOWED)..];
        let lowest = newest.first().map_or(0, |(number, ..)| *number);
        let mine = |file: &Followed| file.path().parent() == Some(&self.path);
        files.retain(|file| {
            let old = file.number.is_some_and(|n| n < lowest) && file.is_drained();
            !(file.number.is_some() && mine(file) && (old || file.is_gone()))
        });
        for (number, revision, path) in newest {
            if files.iter().any(|file| file.path() == path) {
                continue;
            }
            let mut file = open(path.clone());
            file.number = Some(*number);
            file.revision = Some(revision.clone());
            files.push(file);
        }
        Ok(())
    }
}

/// The files of a folder by number; none where there is no folder yet.
pub(super) fn list(path: &Path) -> io::Result<Vec<(u64, Revision, PathBuf)>> {
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(e),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        if let Some((number, revision)) = entry.file_name().to_str().and_then(parse) {
            found.push((number, revision, entry.path()));
        }
    }
    found.sort();
    Ok(found)
}

fn parse(name: &str) -> Option<(u64, Revision)> {
    let (number, revision) = name.strip_suffix(".log")?.split_once('-')?;
    (!revision.is_empty()).then_some((number.parse().ok()?, Revision::new(revision)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_number_and_revision() {
        assert_eq!(parse("12-83daa46.log"), Some((12, Revision::new("83daa46"))));
        for other in ["12.log", "12-.log", "a-b.log", "12-83daa46.log.1", "access.log", "-1-a.log"]
        {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
