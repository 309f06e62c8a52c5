//! Templates and diagnosis against small sources, some of them run by a real interpreter.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod corpus;
mod diagnosis;
mod generator;
mod traps;
mod triggers;

use std::collections::BTreeMap;

use aegis_core::model::{Case, Fix, IncidentKind, SignalKind, Symptom};
use aegis_core::patch;
use aegis_core::redact::{Redacted, Redactor, Untrusted};
use aegis_core::testkit::Sources;
use aegis_core::trace::{Exception, Language, Trace};
use aegis_core::{Fingerprint, IncidentId, ServiceName, Timestamp};

/// The text after a fix of one file; the fix must fit in one place exactly.
fn patched(path: &str, text: &str, fix: &Fix) -> String {
    let before = BTreeMap::from([(path.to_owned(), text.to_owned())]);
    let changes = patch::apply(&fix.patch().unwrap().edits, &before).unwrap();
    assert_eq!((changes.len(), changes[0].tier), (1, patch::Tier::Exact));
    changes[0].after.clone().unwrap()
}

/// A repository of one revision, `head`.
fn sources(files: &[(&str, &str)]) -> Sources {
    Sources::new("head", files)
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
