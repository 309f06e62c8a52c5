//! What of an answer the data bears out.

use aegis_core::Confidence;
use aegis_core::model::{Case, Cause, Hypothesis, Location, Release};

use super::answer::{Blamed, Claim, Said};
use crate::answer;
use crate::context::Context;
use crate::prompt::Framed;

/// The most that counts where some of the evidence is not in the data.
const SOME_INVENTED: Confidence = Confidence::from_percent(60);

/// The most that counts for code that the model was not shown.
const UNSEEN: Confidence = Confidence::from_percent(50);

/// Characters of a quote, of a reason, and of what to look at.
const QUOTE: usize = 300;
const REASON: usize = 1_000;

/// What answers are held against.
pub(super) struct Ground<'a> {
    pub(super) case: &'a Case,
    pub(super) data: &'a Framed,
    pub(super) context: &'a Context,
}

impl Ground<'_> {
    /// The hypotheses that rest on something, the surest first.
    pub(super) fn check(&self, said: &Said) -> Vec<Hypothesis> {
        let mut found: Vec<Hypothesis> = Vec::new();
        for claim in &said.hypotheses {
            let Some(hypothesis) = self.claim(claim) else { continue };
            if !found.iter().any(|known| known.cause == hypothesis.cause) {
                found.push(hypothesis);
            }
        }
        found.sort_by_key(|hypothesis| std::cmp::Reverse(hypothesis.confidence));
        found
    }

    fn claim(&self, claim: &Claim) -> Option<Hypothesis> {
        let quoted = |quote: &&String| self.data.quotes(quote);
        let evidence: Vec<String> =
            claim.evidence.iter().filter(quoted).map(|quote| cut(quote.trim(), QUOTE)).collect();
        if evidence.is_empty() {
            return None;
        }
        let claimed = Confidence::from_ratio(claim.confidence);
        let mut confidence = claimed;
        if evidence.len() < claim.evidence.len() {
            confidence = confidence.min(SOME_INVENTED);
        }
        let cause = match claim.cause {
            Blamed::Code => {
                let (location, seen) = self.location(claim)?;
                confidence = if seen { confidence } else { confidence.min(UNSEEN) };
                Cause::Code(location)
            }
            Blamed::Release => Cause::Release(self.release(claim.revision.as_deref()?)?),
            Blamed::Environment => {
                let look_at = claim.look_at.as_deref().map(str::trim).and_then(some);
                let look_at = look_at.or_else(|| some(claim.reasoning.trim()))?;
                Cause::Environment(cut(look_at, REASON))
            }
        };
        let reason = some(claim.reasoning.trim()).unwrap_or(&evidence[0]);
        let hypothesis = Hypothesis::new(cause, cut(reason, REASON), confidence);
        Some(hypothesis.with_evidence(evidence).with_claimed(claimed))
    }

    /// The place that is blamed, and whether the model saw it.
    fn location(&self, claim: &Claim) -> Option<(Location, bool)> {
        let (path, line) = (claim.path.as_deref()?.trim(), claim.line?);
        if !self.context.files.iter().any(|file| file.regular && file.path == path) {
            return None;
        }
        let mut location = Location::new(path, line);
        let function = claim.function.as_deref().map(str::trim).and_then(some);
        if let Some(function) = function.filter(|name| *name != "<module>") {
            location = location.with_function(cut(function.trim_end_matches("()"), QUOTE));
        }
        let Some(shown) = self.context.shown.get(path) else { return Some((location, false)) };
        let exists = (1..=shown.line_count()).contains(&line);
        let seen = shown.ranges.iter().any(|range| range.contains(line));
        exists.then_some((location, seen))
    }

    /// A release of the case, by its revision or the beginning of it. One whose predecessor nobody knows
    /// can't be taken back.
    fn release(&self, revision: &str) -> Option<Release> {
        let revision = revision.trim();
        let named = |release: &&Release| {
            revision.len() >= 7
                && release.previous.is_some()
                && release.revision.as_str().starts_with(revision)
        };
        self.case.releases.iter().find(named).cloned()
    }
}

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// At most so many bytes.
fn cut(text: &str, most: usize) -> String {
    answer::cut(text, most).to_owned()
}
