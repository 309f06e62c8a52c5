//! The failure that is looked for: one exception at one place of the repository.

use aegis_core::model::{Case, Cause, Diagnosis, Location};
use aegis_core::trace::{
    Argument, Exception, Frame, RecordedCall, Trace, locate, names_file, parse,
};
use serde::Serialize;

/// What has to happen for the failure to count as reproduced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Wanted {
    /// Type of the exception, as printed.
    pub(super) kind: String,
    /// File that raised it, relative to the repository's root.
    pub(super) path: String,
    /// Function that raised it.
    pub(super) function: String,
    /// Line that raised it, and its text, where known.
    pub(super) line: u32,
    pub(super) source: String,
    pub(super) message: String,
    /// The call that failed, where the service recorded it.
    #[serde(skip)]
    pub(super) recorded: Option<Recorded>,
}

/// A call that was recorded when it failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Recorded {
    pub(super) target: Target,
    pub(super) arguments: Vec<Argument>,
}

/// A function to call, innermost of the trace first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Target {
    pub(super) path: String,
    pub(super) function: String,
    pub(super) line: u32,
}

impl Wanted {
    /// What the case's trace shows, and the functions on the way there; `files` are the repository's.
    pub(super) fn of(case: &Case, files: &[String]) -> Option<(Self, Vec<Target>)> {
        of_trace(case.trace()?, case.diagnosis.as_ref(), files)
    }

    /// Whether a text holds a trace of this failure.
    pub(super) fn is_in(&self, text: &str) -> bool {
        parse(text).iter().any(|trace| self.is(trace))
    }

    fn is(&self, trace: &Trace) -> bool {
        trace.exceptions.iter().any(|e| {
            let culprit = e.culprit();
            last_name(&e.kind) == last_name(&self.kind)
                && culprit
                    .is_some_and(|f| f.function == self.function && names_file(&f.path, &self.path))
        })
    }
}

fn of_trace(
    trace: &Trace,
    diagnosis: Option<&Diagnosis>,
    files: &[String],
) -> Option<(Wanted, Vec<Target>)> {
    let blamed = diagnosis.and_then(blamed);
    let with_culprit = |e: &&Exception| e.culprit().is_some();
    // A wrapper is raised wherever it wraps: the one that is to go away is what it came from.
    let by_diagnosis = trace
        .exceptions
        .iter()
        .rev()
        .find(|e| e.culprit().zip(blamed).is_some_and(|(frame, at)| is_at(frame, at)));
    let surfaced = || trace.surfaced().filter(with_culprit);
    let any = || trace.exceptions.iter().rev().find(with_culprit);
    let exception = by_diagnosis.or_else(surfaced).or_else(any)?;
    let culprit = exception.culprit()?;
    let path = in_repository(&culprit.path, files)
        .or_else(|| blamed.and_then(|at| in_repository(&at.path, files)))?;
    let wanted = Wanted {
        kind: exception.kind.clone(),
        path,
        function: culprit.function.clone(),
        line: culprit.line.unwrap_or(0),
        source: culprit.source.clone().unwrap_or_default(),
        message: exception.message.clone(),
        recorded: trace.recorded.as_ref().and_then(|call| recorded(call, files)),
    };
    let target = |frame: &Frame| {
        let path = in_repository(&frame.path, files)?;
        let line = frame.line.unwrap_or(0);
        Some(Target { path, function: frame.function.clone(), line })
    };
    let mut targets: Vec<Target> =
        exception.frames.iter().rev().filter(|f| f.in_app).filter_map(target).collect();
    targets.dedup();
    Some((wanted, targets))
}

/// The recorded call, where its file is the repository's.
fn recorded(call: &RecordedCall, files: &[String]) -> Option<Recorded> {
    let path = in_repository(&call.path, files)?;
    let target = Target { path, function: call.function.clone(), line: call.line };
    Some(Recorded { target, arguments: call.arguments.clone() })
}

/// The place in the code that is likeliest to blame.
fn blamed(diagnosis: &Diagnosis) -> Option<&Location> {
    diagnosis.hypotheses.iter().find_map(|hypothesis| match &hypothesis.cause {
        Cause::Code(location) => Some(location),
        _ => None,
    })
}

/// Whether a frame is in the function that a diagnosis blames.
fn is_at(frame: &Frame, at: &Location) -> bool {
    let function = at.function.as_deref().unwrap_or("<module>");
    names_file(&frame.path, &at.path) && frame.function == function
}

fn last_name(kind: &str) -> &str {
    kind.rsplit('.').next().unwrap_or(kind)
}

/// The one file of the repository that a printed path means.
fn in_repository(printed: &str, files: &[String]) -> Option<String> {
    let found = locate(printed, files.iter().map(String::as_str))?;
    (!found.ambiguous).then_some(found.path)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use aegis_core::model::Hypothesis;
    use aegis_core::trace::{Language, Relation};
    use aegis_core::{Confidence, Revision};

    use super::*;

    #[test]
    fn of_a_chain_the_exception_that_is_blamed_has_to_happen() {
        let root =
            Exception::new("KeyError", "'x'", vec![Frame::new("shop/a.py", Some(3), "rate")]);
        let frames = vec![Frame::new("shop/a.py", Some(9), "convert")];
        let wrapper = Exception::new("Failed", "", frames).with_relation(Relation::Cause);
        let trace = Trace::new(Language::Python, vec![root, wrapper]);
        let files = [String::from("shop/a.py")];
        let blaming = |function: &str| {
            let location = Location::new("shop/a.py", 3).with_function(function);
            let cause = Cause::Code(location);
            let hypothesis = Hypothesis::new(cause, "", Confidence::FULL);
            let diagnosis = Diagnosis::new(Revision::new("r"), "test", vec![hypothesis]);
            let (wanted, _) = of_trace(&trace, Some(&diagnosis), &files).unwrap();
            (wanted.kind, wanted.function)
        };
        assert_eq!(blaming("rate"), (String::from("KeyError"), String::from("rate")));
        assert_eq!(blaming("convert"), (String::from("Failed"), String::from("convert")));
        assert_eq!(blaming("elsewhere"), (String::from("Failed"), String::from("convert")));
    }

    #[test]
    fn a_printed_path_that_fits_one_file_is_found() {
        let files = ["cart.py", "shop/cart.py", "a/art.py", "b/art.py"].map(String::from);
        let of = |p| in_repository(p, &files);
        assert_eq!(of("/srv/releases/1/shop/cart.py").as_deref(), Some("shop/cart.py"));
        assert_eq!(of("/srv/cart.py").as_deref(), Some("cart.py"));
        assert_eq!(of("art.py"), None);
        assert_eq!(of("/usr/lib/python3/mart.py"), None);
    }
}
