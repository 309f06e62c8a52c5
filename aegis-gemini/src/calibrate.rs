//! What a model's confidence is worth, by how its claims turned out.

use std::sync::Arc;
use std::time::Duration;

use aegis_core::machine::{Incident, Phase};
use aegis_core::model::{Cause, Diagnosis};
use aegis_core::port::{Clock, Filter, Journal, SystemClock};
use aegis_core::{Confidence, Result, Timestamp};
use tokio::sync::Mutex;

/// Outcomes below which claims are only capped.
pub const ENOUGH: usize = 30;

/// The most that a claim counts for until then.
pub const CAP: Confidence = Confidence::from_percent(80);

/// Closed incidents that are read, newest first.
const INCIDENTS: usize = 200;

/// How long what was read is believed.
const FRESH: Duration = Duration::from_secs(3_600);

/// Claims, and what they count for, are no surer than this, and no less sure than the rest.
const SUREST: f64 = 0.99;

/// From a claim to the share of such claims that turned out right.
///
/// Up to [`ENOUGH`] outcomes a claim is only capped at [`CAP`]. From then on it is scaled after Platt
/// (1999): a logistic curve over the log odds of the claim, fitted to smoothed outcomes.
///
/// ```
/// use aegis_core::Confidence;
/// use aegis_gemini::calibrate::Calibration;
///
/// let sure = Confidence::from_percent(95);
/// assert_eq!(Calibration::default().apply(sure), Confidence::from_percent(80));
/// // It was sure forty times, and right ten times.
/// let outcomes: Vec<_> = (0..40).map(|n| (sure, n % 4 == 0)).collect();
/// let learnt = Calibration::of(&outcomes);
/// assert!((0.2..0.3).contains(&learnt.apply(sure).ratio()));
/// assert!(learnt.brier() < learnt.raw_brier());
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Calibration {
    outcomes: usize,
    curve: Option<Curve>,
    raw_brier: Option<f64>,
    brier: Option<f64>,
}

impl Calibration {
    /// Learns from claims and whether each turned out right.
    pub fn of(outcomes: &[(Confidence, bool)]) -> Self {
        let count = outcomes.len();
        let score = |said: &dyn Fn(usize) -> f64| {
            let sum: f64 = outcomes
                .iter()
                .enumerate()
                .map(|(at, (_, right))| (said(at) - f64::from(u8::from(*right))).powi(2))
                .sum();
            // Counts stay far below what an f64 holds exactly.
            #[allow(clippy::cast_precision_loss)]
            (count > 0).then(|| sum / count as f64)
        };
        let raw_brier = score(&|at| outcomes[at].0.ratio());
        if count < ENOUGH {
            let brier = score(&|at| outcomes[at].0.min(CAP).ratio());
            return Self { outcomes: count, curve: None, raw_brier, brier };
        }
        // Each is scored by what the others teach: else the fit would praise itself.
        let brier = score(&|at| {
            let others: Vec<_> =
                outcomes[..at].iter().chain(&outcomes[at + 1..]).copied().collect();
            Curve::fit(&others).at(outcomes[at].0.ratio())
        });
        Self { outcomes: count, curve: Some(Curve::fit(outcomes)), raw_brier, brier }
    }

    /// What a claim counts for.
    pub fn apply(&self, claim: Confidence) -> Confidence {
        match self.curve {
            None => claim.min(CAP),
            Some(curve) => Confidence::from_ratio(curve.at(claim.ratio())),
        }
    }

    /// How many outcomes it learnt from.
    pub fn outcomes(&self) -> usize {
        self.outcomes
    }

    /// Mean squared error of the claims as they were made, 0 to 1, 0.25 being a coin; `None` before the
    /// first outcome.
    pub fn raw_brier(&self) -> Option<f64> {
        self.raw_brier
    }

    /// The same of what claims count for, each by what the other outcomes teach.
    pub fn brier(&self) -> Option<f64> {
        self.brier
    }
}

/// `1 / (1 + exp(-(slope x log odds + offset)))`.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Curve {
    slope: f64,
    offset: f64,
}

impl Curve {
    fn fit(outcomes: &[(Confidence, bool)]) -> Self {
        let count = |which: bool| outcomes.iter().filter(|(_, right)| *right == which).count();
        #[allow(clippy::cast_precision_loss)]
        let (right, wrong) = (count(true) as f64, count(false) as f64);
        let target =
            |is: bool| if is { (right + 1.0) / (right + 2.0) } else { 1.0 / (wrong + 2.0) };
        let points: Vec<(f64, f64)> =
            outcomes.iter().map(|(claim, is)| (log_odds(claim.ratio()), target(*is))).collect();
        // Newton's method, with a little weight on a slope of one: few outcomes move it little.
        let (mut slope, mut offset) = (1.0_f64, 0.0_f64);
        for _ in 0..50 {
            let (mut g, mut h) = ([slope - 1.0, offset * 1e-6], [1.0, 0.0, 1e-6]);
            for (x, target) in &points {
                let p = logistic(slope * x + offset);
                let (miss, weight) = (p - target, (p * (1.0 - p)).max(1e-9));
                g[0] += miss * x;
                g[1] += miss;
                h[0] += weight * x * x;
                h[1] += weight * x;
                h[2] += weight;
            }
            let det = h[0] * h[2] - h[1] * h[1];
            if det.abs() < 1e-12 {
                break;
            }
            let step = [(h[2] * g[0] - h[1] * g[1]) / det, (h[0] * g[1] - h[1] * g[0]) / det];
            slope -= step[0].clamp(-2.0, 2.0);
            offset -= step[1].clamp(-2.0, 2.0);
            if step.iter().all(|step| step.abs() < 1e-9) {
                break;
            }
        }
        if slope > 0.0 && slope.is_finite() && offset.is_finite() {
            return Self { slope, offset };
        }
        // Claims that say nothing, or the contrary: the share that was right says more.
        Self { slope: 0.0, offset: log_odds((right + 1.0) / (right + wrong + 2.0)) }
    }

    fn at(self, claim: f64) -> f64 {
        logistic(self.slope * log_odds(claim) + self.offset).clamp(1.0 - SUREST, SUREST)
    }
}

fn log_odds(p: f64) -> f64 {
    let p = p.clamp(1.0 - SUREST, SUREST);
    (p / (1.0 - p)).ln()
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Reads from the journal how diagnoses turned out: a fix that healed what they blamed, or a release
/// that was taken back for good, against a fix that was taken back.
#[derive(Debug)]
pub struct Calibrator {
    journal: Arc<dyn Journal>,
    clock: Arc<dyn Clock>,
    kept: Mutex<Option<(Timestamp, Arc<Calibration>)>>,
}

impl Calibrator {
    /// Learns from `journal`, anew each hour.
    pub fn new(journal: Arc<dyn Journal>) -> Self {
        Self { journal, clock: Arc::new(SystemClock), kept: Mutex::default() }
    }

    /// Goes by this clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// What is known by now; where the journal can't be read, what was known before, or only the cap.
    pub async fn calibration(&self) -> Arc<Calibration> {
        let mut kept = self.kept.lock().await;
        let now = self.clock.now();
        if let Some((at, known)) = &*kept
            && now.since(*at) < FRESH
        {
            return Arc::clone(known);
        }
        match self.read().await {
            Ok(outcomes) => {
                let known = Arc::new(Calibration::of(&outcomes));
                *kept = Some((now, Arc::clone(&known)));
                known
            }
            Err(e) => {
                tracing::warn!(target: "aegis", error = %e, "how diagnoses turned out can't be read");
                kept.as_ref().map(|(_, known)| Arc::clone(known)).unwrap_or_default()
            }
        }
    }

    async fn read(&self) -> Result<Vec<(Confidence, bool)>> {
        let closed = Filter::new().open(false).limit(INCIDENTS);
        let mut outcomes = Vec::new();
        for summary in self.journal.list(&closed).await? {
            if !matches!(summary.phase, Phase::Healed | Phase::RolledBack) {
                continue;
            }
            let Some(stored) = self.journal.load(&summary.id).await? else { continue };
            let Ok(incident) = Incident::replay(&stored.entries) else { continue };
            outcomes
                .extend(incident.case.diagnosis.as_ref().and_then(|d| outcome(d, summary.phase)));
        }
        Ok(outcomes)
    }
}

/// The claim of a model, and whether it was right, where the end tells.
fn outcome(diagnosis: &Diagnosis, end: Phase) -> Option<(Confidence, bool)> {
    let likely = diagnosis.likely()?;
    let claimed = likely.claimed?;
    match (&likely.cause, end) {
        (Cause::Code(_), Phase::Healed) => Some((claimed, true)),
        (Cause::Code(_), Phase::RolledBack) => Some((claimed, false)),
        (Cause::Release(_), Phase::RolledBack) => Some((claimed, true)),
        (Cause::Release(_), Phase::Healed) => Some((claimed, false)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(percent: u8, times: usize, right: usize) -> Vec<(Confidence, bool)> {
        (0..times).map(|n| (Confidence::from_percent(percent), n < right)).collect()
    }

    #[test]
    fn few_outcomes_change_nothing_but_the_cap() {
        let few = Calibration::of(&said(95, ENOUGH - 1, 0));
        assert_eq!(few.apply(Confidence::from_percent(95)), CAP);
        assert_eq!(few.apply(Confidence::from_percent(40)), Confidence::from_percent(40));
    }

    #[test]
    fn claims_are_worth_what_they_were_worth_before() {
        let outcomes = [said(90, 40, 28), said(60, 40, 20), said(30, 40, 8)].concat();
        let learnt = Calibration::of(&outcomes);
        for (percent, share) in [(90, 0.7), (60, 0.5), (30, 0.2)] {
            let is = learnt.apply(Confidence::from_percent(percent)).ratio();
            assert!((is - share).abs() < 0.12, "{percent}%: {is}");
        }
        assert!(learnt.brier() < learnt.raw_brier(), "{learnt:?}");
    }

    #[test]
    fn claims_that_say_the_contrary_are_worth_the_share_that_was_right() {
        let learnt = Calibration::of(&[said(90, 30, 3), said(20, 30, 27)].concat());
        let at = |percent| learnt.apply(Confidence::from_percent(percent)).ratio();
        assert!((at(90) - 0.5).abs() < 0.05 && (at(20) - 0.5).abs() < 0.05, "{learnt:?}");
    }

    #[test]
    fn extreme_outcomes_give_finite_curves() {
        for outcomes in [said(100, 60, 60), said(0, 60, 0), said(100, 60, 0), said(0, 60, 60)] {
            let learnt = Calibration::of(&outcomes);
            for percent in [0, 1, 50, 99, 100] {
                let is = learnt.apply(Confidence::from_percent(percent)).ratio();
                assert!(is > 0.0 && is < 1.0, "{outcomes:?}: {is}");
            }
        }
    }
}
