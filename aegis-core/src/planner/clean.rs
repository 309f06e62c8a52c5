//! Text that stages return, before it is kept, shown, committed or sent to a model again.
//!
//! A stage quotes what it stumbled over: output of tests, a response, a log line. An adapter should
//! have redacted that; here nothing relies on it.

use super::engine::Engine;
use crate::model::{Cause, Diagnosis, Fix, Reproduction, Verification};
use crate::stage::{Feedback, Rollout};

/// Bytes of a title, of a reason, and of output.
const TITLE: usize = 200;
const REASON: usize = 2_000;
const OUTPUT: usize = 16 * 1_024;

/// Quotes that are kept of one hypothesis.
const EVIDENCE: usize = 32;

impl Engine {
    /// Redacted, and at most `max` bytes.
    pub(super) fn clean(&self, text: &str, max: usize) -> String {
        self.redactor.redact_str(text).truncated(max).as_str().to_owned()
    }

    /// Policy says here, once, whether a remedy is offered: the journal keeps it.
    pub(super) fn clean_diagnosis(&self, mut diagnosis: Diagnosis) -> Diagnosis {
        for hypothesis in &mut diagnosis.hypotheses {
            hypothesis.explanation = self.clean(&hypothesis.explanation, REASON);
            hypothesis.evidence.truncate(EVIDENCE);
            for quote in &mut hypothesis.evidence {
                *quote = self.clean(quote, REASON);
            }
            if let Cause::Environment(look_at) = &mut hypothesis.cause {
                *look_at = self.clean(look_at, REASON);
            }
        }
        if let Some(remedy) = &mut diagnosis.remedy {
            remedy.title = self.clean_title(&remedy.title);
            remedy.meaning = self.clean(&remedy.meaning, REASON);
            remedy.diff = self.clean(&remedy.diff, OUTPUT);
            let allowed = self.policy.config().protected.may_offer(&remedy.patch);
            remedy.offer(allowed);
        }
        diagnosis
    }

    /// A title is the subject of a commit: one line, without anything that can't be seen.
    fn clean_title(&self, title: &str) -> String {
        let seen: String = title.chars().filter(|c| !is_invisible(*c)).collect();
        let line: Vec<&str> = seen.split_whitespace().collect();
        self.clean(&line.join(" "), TITLE)
    }

    pub(super) fn clean_fix(&self, mut fix: Fix) -> Fix {
        fix.title = self.clean_title(&fix.title);
        fix.meaning = self.clean(&fix.meaning, REASON);
        fix
    }

    pub(super) fn clean_verification(&self, mut proof: Verification) -> Verification {
        for gate in &mut proof.gates {
            gate.reason = self.clean(&gate.reason, REASON);
        }
        for note in &mut proof.notes {
            *note = self.clean(note, REASON);
        }
        if let Reproduction::Reproduced(how) | Reproduction::NotReproduced(how) =
            &mut proof.reproduction
        {
            *how = self.clean(how, REASON);
        }
        proof
    }

    pub(super) fn clean_rollout(&self, rollout: Rollout) -> Rollout {
        match rollout {
            Rollout::Failed(Feedback { summary, detail }) => Rollout::Failed(Feedback::new(
                self.clean(&summary, REASON),
                self.clean(&detail, OUTPUT),
            )),
            other => other,
        }
    }
}

/// Characters that change how text around them reads without being seen: zero-width ones, and those
/// that reorder it.
pub(super) fn is_invisible(c: char) -> bool {
    (c.is_control() && !c.is_whitespace())
        || matches!(
            c,
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{feff}' | '\u{e0000}'..='\u{e007f}'
        )
}
