//! The diagnoser: from a Python trace to the line, the release or the circumstance to blame.

use std::sync::Arc;
use std::time::Duration;

use aegis_core::model::{
    Author, Case, Cause, Diagnosis, Hypothesis, IncidentKind, Location, Release, SignalKind,
};
use aegis_core::port::Repository;
use aegis_core::stage::Diagnoser;
use aegis_core::trace::{Exception, Frame, Located, Relation, line_of, locate};
use aegis_core::{Confidence, Result, Revision};
use async_trait::async_trait;

use super::environment;
use super::trigger;
use crate::requests::RequestLog;

/// How soon after a person's release a new error is blamed on it.
const SOON: Duration = Duration::from_secs(15 * 60);

/// Reads Python tracebacks against the source of the service.
#[derive(Debug)]
pub struct PythonDiagnoser {
    repository: Arc<dyn Repository>,
    requests: Option<Arc<dyn RequestLog>>,
}

impl PythonDiagnoser {
    /// Looks frames up in `repository`.
    pub fn new(repository: Arc<dyn Repository>) -> Self {
        Self { repository, requests: None }
    }

    /// Looks up in `requests` which ones failed near the error.
    #[must_use]
    pub fn with_requests(mut self, requests: Arc<dyn RequestLog>) -> Self {
        self.requests = Some(requests);
        self
    }

    /// Blames the line that an exception came from.
    async fn code(
        &self,
        exception: &Exception,
        base: &Revision,
        moved_on: bool,
        scale: f64,
    ) -> Result<Option<Hypothesis>> {
        let files = self.repository.list(base).await?;
        let paths = || files.iter().filter(|f| f.regular).map(|f| f.path.as_str());
        // A frame counts as the service's own where the repository has its file, innermost first.
        let own = exception.frames.iter().rev().filter(|f| f.in_app);
        let found = own.into_iter().find_map(|f| Some((f, locate(&f.path, paths())?)));
        let Some((frame, Located { path, ambiguous, .. })) = found else { return Ok(None) };
        let Some(line) = frame.line else { return Ok(None) };
        let text = self.repository.read(base, &path).await?;
        let Some(text) = text.and_then(|bytes| String::from_utf8(bytes).ok()) else {
            return Ok(None);
        };
        let Some(moved) = line_of(&text, line, frame.source.as_deref()) else {
            return Ok(None);
        };
        let mut confidence: f64 = if moved.confirmed { 0.92 } else { 0.7 };
        if ambiguous {
            confidence *= 0.6;
        }
        if moved_on && !moved.confirmed {
            confidence *= 0.7;
        }
        if moved.line != line {
            confidence *= 0.95;
        }
        let mut location = Location::new(path.clone(), moved.line);
        if frame.function != "<module>" {
            location = location.with_function(frame.function.clone());
        }
        let explanation = format!(
            "{} is raised at {path}:{} in {}",
            brief(exception),
            moved.line,
            frame.function
        );
        let evidence = evidence(exception, frame, base, moved.line, moved.confirmed, ambiguous);
        let hypothesis = Hypothesis::new(
            Cause::Code(location),
            explanation,
            Confidence::from_ratio(confidence * scale),
        );
        Ok(Some(hypothesis.with_evidence(evidence)))
    }
}

#[async_trait]
impl Diagnoser for PythonDiagnoser {
    async fn diagnose(&self, case: &Case) -> Result<Diagnosis> {
        // The head is what a fix has to fit on; what runs tells whether the frames' lines are its.
        let base = self.repository.head().await?;
        let moved_on = case.deployed.as_ref().is_some_and(|deployed| *deployed != base);
        let mut hypotheses = Vec::new();
        match case.trace() {
            None => hypotheses.extend(without_trace(case)),
            Some(trace) => {
                for exception in suspects(&trace.exceptions) {
                    let outside = environment::outside(&exception.kind, &exception.message);
                    if let Some(look_at) = outside {
                        hypotheses.push(outside_hypothesis(exception, look_at));
                        break;
                    }
                    let scale = if hypotheses.is_empty() { 1.0 } else { 0.6 };
                    if let Some(found) = self.code(exception, &base, moved_on, scale).await? {
                        let known = hypotheses.iter().any(|h: &Hypothesis| h.cause == found.cause);
                        if !known {
                            hypotheses.push(found);
                        }
                    }
                }
            }
        }
        let environment =
            matches!(hypotheses.first().map(|h| &h.cause), Some(Cause::Environment(_)));
        if let Some(release) = suspect_release(case).filter(|_| !environment) {
            hypotheses.insert(0, release_hypothesis(case, release));
        }
        let mut diagnosis = Diagnosis::new(base, "python-trace", hypotheses);
        if let Some(requests) = &self.requests {
            diagnosis = diagnosis.with_triggers(trigger::triggers(requests.as_ref(), case).await?);
        }
        if matches!(diagnosis.likely().map(|h| &h.cause), Some(Cause::Code(_))) {
            // Whom to ask is good to know, and nothing depends on it.
            let owners = self.repository.code_owners(&diagnosis.base).await.unwrap_or_default();
            diagnosis = diagnosis.with_owners(&owners);
        }
        Ok(diagnosis)
    }
}

/// The exceptions to look at: the one that went wrong by itself, then the one that surfaced, then
/// the first.
fn suspects(exceptions: &[Exception]) -> Vec<&Exception> {
    let Some(last) = exceptions.len().checked_sub(1) else { return Vec::new() };
    // A wrapper says what went wrong, by `from` or by being raised on purpose while that was
    // handled: the fault is what it came from, the wrapper only reports it.
    let fault = (0..=last).rev().find(|&at| at == 0 || !wraps(&exceptions[at])).unwrap_or(last);
    let mut order = vec![fault];
    order.extend([last, 0].into_iter().filter(|at| *at != fault));
    order.dedup();
    order.into_iter().map(|at| &exceptions[at]).collect()
}

/// Whether an exception only reports the one before it.
fn wraps(exception: &Exception) -> bool {
    match exception.relation {
        Some(Relation::Cause) => true,
        Some(Relation::Context) => exception
            .culprit()
            .and_then(|frame| frame.source.as_deref())
            .is_some_and(|source| source.trim_start().starts_with("raise ")),
        _ => false,
    }
}

fn brief(exception: &Exception) -> String {
    match exception.message.as_str() {
        "" => exception.kind.clone(),
        message => format!("{}: {message}", exception.kind),
    }
}

fn evidence(
    exception: &Exception,
    frame: &Frame,
    base: &Revision,
    line: u32,
    confirmed: bool,
    ambiguous: bool,
) -> Vec<String> {
    let printed = frame.line.unwrap_or_default();
    let mut all = vec![
        format!("exception: {}", brief(exception)),
        format!("frame: {}:{printed} in {}", frame.path, frame.function),
    ];
    match (&frame.source, confirmed) {
        (Some(source), true) if line == printed => {
            all.push(format!(
                "line {line} at {} reads as printed: {}",
                base.short(),
                source.trim()
            ));
        }
        (Some(source), true) => all.push(format!(
            "the line has moved from {printed} to {line} at {}: {}",
            base.short(),
            source.trim()
        )),
        _ => all.push("the trace holds no source line to compare".to_owned()),
    }
    if ambiguous {
        all.push("several files of the repository fit the frame's path".to_owned());
    }
    all
}

fn outside_hypothesis(exception: &Exception, look_at: String) -> Hypothesis {
    let mut evidence = vec![format!("exception: {}", brief(exception))];
    if let Some(frame) = exception.culprit() {
        evidence.push(format!(
            "frame: {}:{} in {}",
            frame.path,
            frame.line.unwrap_or_default(),
            frame.function
        ));
    }
    let explanation = format!("{} comes from outside the code", exception.kind);
    Hypothesis::new(Cause::Environment(look_at), explanation, Confidence::from_percent(85))
        .with_evidence(evidence)
}

/// What can be said of a case without a trace.
fn without_trace(case: &Case) -> Vec<Hypothesis> {
    let mut all = Vec::new();
    for symptom in &case.symptoms {
        let (look_at, evidence) = match &symptom.kind {
            SignalKind::Anomaly(a) => (
                format!("{}: it left its baseline without an error in the log", a.metric),
                a.to_string(),
            ),
            SignalKind::Error(_) => {
                match environment::outside(symptom.title.as_str(), symptom.detail.as_str()) {
                    Some(look_at) => (look_at, symptom.title.to_string()),
                    None => continue,
                }
            }
            _ => continue,
        };
        let cause = Cause::Environment(look_at);
        if all.iter().any(|h: &Hypothesis| h.cause == cause) {
            continue;
        }
        let hypothesis = Hypothesis::new(
            cause,
            "no trace names a line of the code",
            Confidence::from_percent(50),
        );
        all.push(hypothesis.with_evidence(vec![evidence]));
    }
    all
}

/// The person's release that an error not seen before came soon after.
fn suspect_release(case: &Case) -> Option<&Release> {
    // What a pipeline says of a commit, production may never have seen.
    if case.kind == IncidentKind::Pipeline {
        return None;
    }
    if case.similar.iter().any(|s| s.fingerprint == case.fingerprint) {
        return None;
    }
    let first = case.symptoms.iter().map(|s| s.at).min().unwrap_or(case.opened_at);
    let newest = case.releases.iter().filter(|r| r.at <= first).max_by_key(|r| r.at)?;
    let by_person = matches!(newest.author, Author::Person(_));
    (by_person && newest.previous.is_some() && first.since(newest.at) <= SOON).then_some(newest)
}

fn release_hypothesis(case: &Case, release: &Release) -> Hypothesis {
    let first = case.symptoms.iter().map(|s| s.at).min().unwrap_or(case.opened_at);
    let after = first.since(release.at).as_secs();
    let confidence = if after <= 5 * 60 { 0.85 } else { 0.75 };
    let explanation = format!(
        "this error was never seen before, and release {} went live {after} s before it",
        release.revision.short()
    );
    let evidence = vec![
        format!("release {} at {} ms", release.revision.short(), release.at.as_ms()),
        format!("first error at {} ms", first.as_ms()),
    ];
    Hypothesis::new(
        Cause::Release(release.clone()),
        explanation,
        Confidence::from_ratio(confidence),
    )
    .with_evidence(evidence)
}
