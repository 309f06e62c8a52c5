//! A repository whose revisions are sets of files, and cases for what fails in them.

use std::collections::BTreeMap;
use std::path::Path;

use aegis_core::model::{
    Case, Cause, Commit, Diagnosis, Fix, FixKind, Hypothesis, IncidentKind, Location, SignalKind,
    Symptom, Trigger,
};
use aegis_core::patch::{Edit, Patch};
use aegis_core::port::{FileEntry, Repository};
use aegis_core::redact::{Redactor, Untrusted};
use aegis_core::{
    Confidence, Digest, Error, Fingerprint, IncidentId, Result, Revision, Timestamp, trace,
};
use async_trait::async_trait;

/// One revision, `base`.
#[derive(Debug)]
pub struct Folder(BTreeMap<String, String>);

impl Folder {
    pub fn new<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(files.into_iter().map(|(p, t)| (p.to_owned(), t.to_owned())).collect())
    }
}

pub fn base() -> Revision {
    Revision::new("base")
}

#[async_trait]
impl Repository for Folder {
    async fn head(&self) -> Result<Revision> {
        Ok(base())
    }

    async fn read(&self, _: &Revision, path: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.0.get(path).map(|t| t.clone().into_bytes()))
    }

    async fn list(&self, _: &Revision) -> Result<Vec<FileEntry>> {
        Ok(self.0.iter().map(|(p, t)| FileEntry::new(p, true, t.len() as u64)).collect())
    }

    async fn history(&self, _: &Revision, _: Option<&str>, _: usize) -> Result<Vec<Commit>> {
        Ok(Vec::new())
    }

    async fn tree(&self, at: &Revision) -> Result<String> {
        if *at != base() {
            return Err(Error::not_found(format!("no revision {at}")));
        }
        Ok(Digest::of_json(&self.0).to_string())
    }

    async fn export(&self, _: &Revision, into: &Path) -> Result<()> {
        for (path, text) in &self.0 {
            let path = into.join(path);
            std::fs::create_dir_all(path.parent().unwrap())?;
            std::fs::write(path, text)?;
        }
        Ok(())
    }
}

/// A case with the trace that `text` holds and the requests that lead to it.
pub fn case(text: &str, triggers: &[&str]) -> Case {
    let trace = trace::parse(text).into_iter().next();
    let at = Timestamp::from_ms(1);
    let title = Redactor::standard().redact(&Untrusted::new(text));
    let culprit = trace.as_ref().and_then(|t| t.surfaced()?.culprit().cloned());
    let kind = SignalKind::Error(trace);
    let symptom = Symptom::new(at, Fingerprint::new("f"), kind, title.first_line());
    let id = IncidentId::new("i1");
    let mut case = Case::new(id, "shop".into(), IncidentKind::Crash, at, symptom);
    let location = culprit.map(|f| Location::new(f.path, f.line.unwrap_or(1)));
    let hypotheses = location.map(|l| Hypothesis::new(Cause::Code(l), "", Confidence::FULL));
    let triggers = triggers.iter().map(|t| Trigger::new("GET", *t, *t)).collect();
    let hypotheses = hypotheses.into_iter().collect();
    case.diagnosis = Some(Diagnosis::new(base(), "test", hypotheses).with_triggers(triggers));
    case
}

/// A fix that replaces some lines of a file.
pub fn fix(path: &str, search: &str, replace: &str) -> Fix {
    let edit = Edit::Replace {
        path: path.to_owned(),
        search: search.to_owned(),
        replace: replace.to_owned(),
    };
    Fix::new(FixKind::Patch(Patch::new(base(), vec![edit])), "Guard it", "test")
        .with_meaning("an empty list has the mean 0, as its annotation and sibling say")
        .with_claimed(Confidence::from_percent(90))
}
