//! A repository whose revisions are sets of files, and cases for what fails in them.

use aegis_core::model::{
    Case, Cause, Diagnosis, Fix, FixKind, Hypothesis, IncidentKind, Location, SignalKind, Symptom,
    Trigger,
};
use aegis_core::patch::{Edit, Patch};
use aegis_core::redact::{Redactor, Untrusted};
use aegis_core::testkit::Sources;
use aegis_core::{Confidence, Fingerprint, IncidentId, Revision, Timestamp, trace};

/// One revision, `base`.
pub fn folder<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Sources {
    Sources::new(base(), &files.into_iter().collect::<Vec<_>>())
}

pub fn base() -> Revision {
    Revision::new("base")
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
