//! The journal with somebody beside it who notices when nothing can be written.

use std::sync::Arc;

use aegis_core::port::{Batch, Journal, JournalLayer, Lease, NewIncident, Opened};
use aegis_core::{ErrorKind, Result};
use async_trait::async_trait;
use tokio::sync::watch;

/// Why nothing can be written; `None` while it can.
pub(super) type Trouble = watch::Receiver<Option<String>>;

/// A journal whose writes are watched.
#[derive(Debug)]
pub(super) struct Witness {
    journal: Arc<dyn Journal>,
    trouble: watch::Sender<Option<String>>,
}

impl Witness {
    pub(super) fn of(journal: Arc<dyn Journal>) -> (Arc<Self>, Trouble) {
        let (trouble, seen) = watch::channel(None);
        (Arc::new(Self { journal, trouble }), seen)
    }

    /// Notes how a write of records ended; an answer about the incident is a write that worked.
    fn note<T>(&self, done: Result<T>) -> Result<T> {
        let answered =
            |kind| matches!(kind, ErrorKind::Stale | ErrorKind::Fenced | ErrorKind::Conflict);
        let why = done.as_ref().err().filter(|e| !answered(e.kind())).map(ToString::to_string);
        self.trouble.send_if_modified(|known| {
            // Said once as long as it lasts, whatever part of it each write meets.
            let turned = known.is_some() != why.is_some();
            if turned {
                *known = why;
            }
            turned
        });
        done
    }
}

#[async_trait]
impl JournalLayer for Witness {
    fn inner(&self) -> &dyn Journal {
        &*self.journal
    }

    async fn open(&self, new: NewIncident) -> Result<Opened> {
        self.note(self.journal.open(new).await)
    }

    async fn commit(&self, batch: Batch) -> Result<u64> {
        self.note(self.journal.commit(batch).await)
    }

    async fn renew(&self, lease: &Lease) -> Result<()> {
        self.note(self.journal.renew(lease).await)
    }
}
