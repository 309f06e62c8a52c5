use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use serde_json::json;
use time::OffsetDateTime;
use time::format_description::StaticFormatDescription;
use time::macros::format_description;

use super::Request;
use super::exchange::Answer;

const AT: StaticFormatDescription =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

/// The transcript could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the transcript {path} can't be written: {source}; check its folder and the free space")]
#[non_exhaustive]
pub struct TranscriptError {
    /// Its file.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

#[derive(Debug)]
pub(super) struct Transcript {
    path: PathBuf,
    out: Mutex<Out>,
}

#[derive(Debug)]
struct Out {
    file: File,
    /// The first error: traffic goes on without a transcript, and its end tells.
    failed: Option<io::Error>,
}

impl Transcript {
    pub(super) fn append(path: &Path) -> Result<Self, TranscriptError> {
        let file = File::options().create(true).append(true).open(path);
        let file = file.map_err(|source| TranscriptError { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), out: Mutex::new(Out { file, failed: None }) })
    }

    pub(super) fn write(
        &self,
        at: OffsetDateTime,
        request: &Request,
        answer: Option<&Answer>,
        ms: f64,
    ) {
        let mut line = json!({
            "at": at.format(AT).unwrap_or_default(),
            "method": request.method,
            "path": request.path,
            "status": answer.map(|answer| answer.status),
            "ms": (ms * 1000.0).round() / 1000.0,
            "body": answer.map(|answer| answer.body.as_str()),
        })
        .to_string();
        line.push('\n');
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = out.file.write_all(line.as_bytes()) {
            out.failed.get_or_insert(error);
        }
    }

    /// The first error of all writes.
    pub(super) fn finish(&self) -> Result<(), TranscriptError> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        match out.failed.take() {
            Some(source) => Err(TranscriptError { path: self.path.clone(), source }),
            None => Ok(()),
        }
    }
}
