//! Confidence in a release: a prior, moved by evidence.

use super::JudgeConfig;
use super::compare::{Finding, Standing};
use crate::id::Confidence;
use crate::model::Exercise;

/// What one metric that is as before adds, in natural log odds: `ln(0.95 / 0.5)`, a single look
/// below a limit that half of the looks of a worse release would pass. One, however many looks
/// there were, for they depend on each other.
const FINE: f64 = 0.64;
/// What a metric takes that settles, or rises towards its limit.
const DOUBT: f64 = 0.5;
/// What one recurrence of the incident's own error takes.
const RECURRENCE: f64 = 1.5;
/// What one error never seen before takes.
const NEW_ERROR: f64 = 1.0;
/// The most that any one source of evidence takes, `ln 100`.
const MOST: f64 = 4.6;
/// The most that all evidence together adds: a watch of minutes makes nothing certain.
const MOST_GOOD: f64 = 2.0;
/// The most that silence on an exercised path adds.
const MOST_SILENCE: f64 = 1.5;

/// The confidence in a release, and how much of it evidence took, in natural log odds.
pub(super) fn confidence(
    findings: &[Finding<'_>],
    exercise: &Exercise,
    new_errors: u64,
    config: &JudgeConfig,
) -> (Confidence, f64) {
    let mut good = 0.0;
    let mut bad = 0.0;
    for finding in findings {
        match finding.standing {
            Standing::Unknown => {}
            Standing::Fine => good += FINE,
            Standing::Rising => bad += DOUBT,
            Standing::Settling => bad += finding.evidence.clamp(0.0, DOUBT),
            Standing::Worse => bad += finding.evidence.clamp(0.0, MOST),
        }
    }
    bad += (RECURRENCE * exercise.recurrences as f64).min(MOST);
    bad += (NEW_ERROR * new_errors as f64).min(MOST);
    if exercise.needed > 0 && exercise.enough() && exercise.recurrences == 0 {
        let times = exercise.requests.unwrap_or(0) as f64 / exercise.needed as f64;
        good += times.ln_1p().min(MOST_SILENCE);
    }
    let prior = (f64::from(config.prior.bps()) / 10_000.0).clamp(0.001, 0.999);
    let odds = (prior / (1.0 - prior)).ln() + f64::min(good, MOST_GOOD) - bad;
    (Confidence::from_ratio(1.0 / (1.0 + (-odds).exp())), bad)
}
