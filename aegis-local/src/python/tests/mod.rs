//! Templates and diagnosis against small sources, some of them run by a real interpreter.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod corpus;
mod diagnosis;
mod generator;
mod traps;
mod triggers;

use std::collections::BTreeMap;
use std::path::Path;

use aegis_core::model::{Case, Commit, Fix, IncidentKind, SignalKind, Symptom};
use aegis_core::patch;
use aegis_core::port::{FileEntry, Repository};
use aegis_core::redact::{Redacted, Redactor, Untrusted};
use aegis_core::trace::{Exception, Language, Trace};
use aegis_core::{Error, Fingerprint, IncidentId, Result, Revision, ServiceName, Timestamp};
use async_trait::async_trait;

/// The text after a fix of one file; the fix must fit in one place exactly.
fn patched(path: &str, text: &str, fix: &Fix) -> String {
    let before = BTreeMap::from([(path.to_owned(), text.to_owned())]);
    let changes = patch::apply(&fix.patch().unwrap().edits, &before).unwrap();
    assert_eq!((changes.len(), changes[0].tier), (1, patch::Tier::Exact));
    changes[0].after.clone().unwrap()
}

/// A repository of one revision, in memory.
#[derive(Debug)]
struct Sources {
    head: Revision,
    files: BTreeMap<String, String>,
}

impl Sources {
    fn new(files: &[(&str, &str)]) -> Self {
        let files = files.iter().map(|(p, t)| ((*p).to_owned(), (*t).to_owned())).collect();
        Self { head: Revision::new("head"), files }
    }
}

#[async_trait]
impl Repository for Sources {
    async fn head(&self) -> Result<Revision> {
        Ok(self.head.clone())
    }

    async fn read(&self, at: &Revision, path: &str) -> Result<Option<Vec<u8>>> {
        if *at != self.head {
            return Err(Error::not_found("no such revision"));
        }
        Ok(self.files.get(path).map(|text| text.clone().into_bytes()))
    }

    async fn list(&self, _at: &Revision) -> Result<Vec<FileEntry>> {
        Ok(self
            .files
            .iter()
            .map(|(p, t)| FileEntry::new(p.clone(), true, t.len() as u64))
            .collect())
    }

    async fn history(&self, _: &Revision, _: Option<&str>, _: usize) -> Result<Vec<Commit>> {
        Ok(Vec::new())
    }

    async fn tree(&self, at: &Revision) -> Result<String> {
        Ok(at.as_str().to_owned())
    }

    async fn export(&self, _: &Revision, _: &Path) -> Result<()> {
        Ok(())
    }
}

fn redacted(text: &str) -> Redacted {
    Redactor::standard().redact(&Untrusted::new(text))
}

/// A crash at a minute past the epoch, with this chain of exceptions.
fn case(exceptions: Vec<Exception>) -> Case {
    let trace = Trace::new(Language::Python, exceptions);
    case_of(SignalKind::Error(Some(trace)), "crash")
}

fn case_of(kind: SignalKind, title: &str) -> Case {
    let at = Timestamp::from_ms(3_600_000);
    let symptom = Symptom::new(at, Fingerprint::of([title]), kind, redacted(title));
    let id = IncidentId::parse("i-1").unwrap();
    Case::new(id, ServiceName::new("svc"), IncidentKind::Crash, at, symptom)
}
