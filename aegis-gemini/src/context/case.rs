//! What a case itself tells: the trace, the log, numbers, and what looked alike.

use std::fmt::Write as _;

use aegis_core::model::{Author, Case, SignalKind};
use aegis_core::trace::{Relation, Trace};

/// Traces that are shown.
const TRACES: usize = 3;

/// Earlier incidents that are shown.
const SIMILAR: usize = 5;

/// Releases that are shown.
const RELEASES: usize = 5;

pub(super) fn incident(case: &Case) -> String {
    let mut text = format!("a {} of the service {}\n", case.kind.as_str(), case.service);
    let _ = writeln!(text, "opened at {} ms", case.opened_at.as_ms());
    if let Some(deployed) = &case.deployed {
        let _ = writeln!(text, "running then: revision {}", deployed.short());
    }
    for symptom in &case.symptoms {
        let (at, source) = (symptom.at.as_ms(), &symptom.source);
        let _ = writeln!(text, "{at} ms, {source}: {}", symptom.title.first_line());
    }
    text
}

/// Each trace once.
pub(super) fn traces(case: &Case) -> String {
    let mut all: Vec<String> = Vec::new();
    for trace in case.symptoms.iter().filter_map(|symptom| symptom.trace()) {
        let text = written(trace);
        if all.len() < TRACES && !all.contains(&text) {
            all.push(text);
        }
    }
    all.join("\n")
}

fn written(trace: &Trace) -> String {
    let mut text = String::new();
    for exception in &trace.exceptions {
        let _ = match exception.relation {
            Some(Relation::Cause) => writeln!(text, "the exception above caused:"),
            Some(Relation::Context) => writeln!(text, "while the exception above was handled:"),
            Some(Relation::Member) => writeln!(text, "of the group above:"),
            None => Ok(()),
        };
        for frame in &exception.frames {
            let whose = if frame.in_app { "" } else { " (not the service's own code)" };
            let line = frame.line.map(|line| format!(":{line}")).unwrap_or_default();
            let _ = writeln!(text, "at {}{line} in {}{whose}", frame.path, frame.function);
            if let Some(source) = &frame.source {
                let _ = writeln!(text, "    {}", source.trim());
            }
        }
        let _ = writeln!(text, "{}: {}", exception.kind, exception.message);
    }
    if let Some(call) = &trace.recorded
        && let Ok(arguments) = serde_json::to_string(call)
    {
        let _ = writeln!(text, "the failing function was called with {arguments}");
    }
    text
}

/// The newest report of each kind that says more than its title.
pub(super) fn log(case: &Case) -> String {
    let mut all: Vec<&str> = Vec::new();
    for symptom in case.symptoms.iter().rev() {
        let text = symptom.detail.as_str();
        if text != symptom.title.as_str() && !all.contains(&text) {
            all.push(text);
        }
    }
    all.join("\n\n")
}

pub(super) fn numbers(case: &Case) -> String {
    let mut text = String::new();
    for symptom in &case.symptoms {
        if let SignalKind::Anomaly(anomaly) = &symptom.kind {
            let _ = write!(text, "at {} ms: {anomaly}", symptom.at.as_ms());
            if anomaly.deviations.is_finite() {
                let _ = write!(text, ", {:.1} deviations away", anomaly.deviations);
            }
            text.push('\n');
        }
    }
    for release in case.releases.iter().take(RELEASES) {
        let by = match &release.author {
            Author::Aegis(incident) => format!("an automatic fix of {incident}"),
            Author::Person(name) => format!("a person, {name}"),
        };
        let before = release.previous.as_ref().map_or("unknown", |previous| previous.short());
        let (revision, at) = (release.revision.short(), release.at.as_ms());
        let _ = writeln!(text, "release {revision} at {at} ms, before it {before}, by {by}");
    }
    text
}

pub(super) fn similar(case: &Case) -> String {
    let mut text = String::new();
    for earlier in case.similar.iter().take(SIMILAR) {
        let same = if earlier.fingerprint == case.fingerprint { "the same" } else { "a like" };
        let _ = writeln!(text, "{same} error, {}: {}", earlier.incident, earlier.outcome);
    }
    text
}
