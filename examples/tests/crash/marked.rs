//! A journal with points around each write, named by what it writes.

use std::path::PathBuf;

use aegis_core::Result;
use aegis_core::port::{Batch, Journal, JournalLayer, NewIncident, Opened};
use aegis_sql::SqliteJournal;
use async_trait::async_trait;

use super::points::at;

/// A journal with points around each write.
#[derive(Debug)]
pub(super) struct Marked {
    pub(super) inner: SqliteJournal,
    pub(super) folder: PathBuf,
}

impl Marked {
    async fn around<T>(&self, name: &str, write: impl Future<Output = Result<T>>) -> Result<T> {
        at(&self.folder, &format!("{name} before"));
        let done = write.await;
        at(&self.folder, &format!("{name} after"));
        done
    }
}

/// What a commit says, by its records: `commit answered submit`.
fn name(batch: &Batch) -> String {
    let kind = |entry: &aegis_core::machine::Entry| {
        let json = serde_json::to_value(&entry.record).unwrap();
        let tag = match &json {
            serde_json::Value::String(tag) => tag.clone(),
            other => other.as_object().unwrap().keys().next().unwrap().clone(),
        };
        let effect = json[&tag]["key"]["kind"].as_str().map(|kind| format!(" {kind}"));
        tag + &effect.unwrap_or_default()
    };
    let kinds: Vec<String> = batch.entries.iter().map(kind).collect();
    format!("commit {}", kinds.join(" and "))
}

#[async_trait]
impl JournalLayer for Marked {
    fn inner(&self) -> &dyn Journal {
        &self.inner
    }

    async fn open(&self, new: NewIncident) -> Result<Opened> {
        self.around("open", self.inner.open(new)).await
    }

    async fn commit(&self, batch: Batch) -> Result<u64> {
        self.around(&name(&batch), self.inner.commit(batch)).await
    }

    async fn reserve(&self, counter: &str, key: &str, amount: u64, limit: u64) -> Result<()> {
        let kind = counter.split('/').take(2).collect::<Vec<_>>().join(" ");
        self.around(&format!("reserve {kind}"), self.inner.reserve(counter, key, amount, limit))
            .await
    }
}
