//! What a fix needs to know beside the source: the diagnosis, and what was tried.

use std::fmt::Write as _;

use aegis_core::model::{AttemptEnd, Case, Cause, Diagnosis};
use aegis_core::redact::{Redactor, Untrusted};

/// Attempts that are told, the last ones.
const ATTEMPTS: usize = 5;

/// Longest feedback of one attempt, in bytes: verification names each test that failed.
const FEEDBACK: usize = 2_000;

/// Longest explanation or quote, in bytes.
const SAID: usize = 400;

/// Hypotheses, quotes and requests that are told.
const MOST: usize = 4;

/// What is believed to be the cause.
pub(super) fn diagnosis(diagnosis: &Diagnosis, redactor: &Redactor) -> String {
    let mut text = String::new();
    let say = |said: &str| redactor.redact_capped(&Untrusted::new(said), SAID);
    for (number, hypothesis) in (1..).zip(diagnosis.hypotheses.iter().take(MOST)) {
        let blames = match &hypothesis.cause {
            Cause::Code(at) => {
                let function = at.function.as_ref().map(|name| format!(" in {name}"));
                format!("{}:{}{}", at.path, at.line, function.unwrap_or_default())
            }
            Cause::Release(release) => format!("the release {}", release.revision.short()),
            Cause::Environment(what) => format!("nothing in the code: {what}"),
            _ => continue,
        };
        let (sure, why) = (hypothesis.confidence, &hypothesis.explanation);
        let _ = writeln!(text, "{number}. {blames} ({sure})\n   {}", say(why).as_str());
        for quote in hypothesis.evidence.iter().take(MOST) {
            let _ = writeln!(text, "   seen: {}", say(quote).as_str());
        }
    }
    for trigger in diagnosis.triggers.iter().take(MOST) {
        let _ = writeln!(text, "fails on: {} {}", trigger.method, say(&trigger.target).as_str());
    }
    text
}

/// What was tried before, with what can be learnt from it.
pub(super) fn tried(case: &Case, redactor: &Redactor) -> String {
    let mut text = String::new();
    for attempt in case.attempts.iter().skip(case.attempts.len().saturating_sub(ATTEMPTS)) {
        let feedback = redactor.redact_capped(&Untrusted::new(&attempt.feedback), FEEDBACK);
        let _ = writeln!(text, "{}: {}", attempt.title, ended(&attempt.end));
        for line in feedback.as_str().lines() {
            let _ = writeln!(text, "    {line}");
        }
    }
    text
}

fn ended(end: &AttemptEnd) -> &'static str {
    match end {
        AttemptEnd::Rejected => "verification rejected it",
        AttemptEnd::Denied => "policy denied it",
        AttemptEnd::ChecksFailed => "the repository's checks failed",
        AttemptEnd::Withdrawn => "it was withdrawn before it was merged",
        AttemptEnd::Reverted => "it was merged and taken back",
        AttemptEnd::Futile => "it was merged and changed nothing",
        _ => "it did not work",
    }
}
