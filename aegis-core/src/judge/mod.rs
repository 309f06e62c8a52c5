//! Before and after in, verdict out: what to do about a release, from its evidence alone.
//!
//! Each metric that has a worse direction is compared with what was normal before. An error rate
//! whose requests are known is a count of failures against the upper bound of the rate before; of
//! anything else, looks are counted that pass a limit, the largest of a factor, an absolute growth
//! and three robust deviations. Both counts feed one test that may be read after every look: a
//! mixture of likelihood ratios, averaged over the metrics, that reaches `1 / false_rollbacks` in
//! at most that share of the watches of unchanged releases. That bound supposes looks that are
//! independent and pass their limit by chance at most once in 20.
//!
//! A rollback needs more than that proof: the newest looks are still bad, and not settling, and
//! users feel it or a resource runs out. So a release that recovered stays, a cold cache is waited
//! out, and a flat or growing regression goes.
//! [`Verdict::Keep`] is said only when the window is over and something was seen.
//!
//! ```
//! use aegis_core::judge::Statistical;
//! use aegis_core::model::{Baseline, Evidence, Metric, MetricEvidence, Summary, Verdict};
//! use aegis_core::{Revision, Timestamp};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let before = Summary::of([0.0, 0.001, 0.0, 0.002], 4_000).ok_or("no values")?;
//! let baseline = Baseline::new(Timestamp::from_ms(0), vec![(Metric::ErrorRate, before)]);
//! let mut evidence = Evidence::new(
//!     Revision::new("4f2a9c1"), Timestamp::from_ms(0), Timestamp::from_ms(300_000), baseline);
//! let mut errors = MetricEvidence::new(Metric::ErrorRate);
//! for _ in 0..3 {
//!     errors.push(Some(0.12), 100);
//! }
//! evidence.metrics.push(errors);
//! evidence.now = Timestamp::from_ms(30_000);
//! let verdict = Statistical::default().decide(&evidence);
//! assert!(matches!(verdict, Verdict::Rollback(_)));
//! assert_eq!(
//!     verdict.grounds().reasons[0],
//!     "error rate 12.0% (36 of 300 requests) against 0.1% before (160.0x)",
//! );
//! # Ok(())
//! # }
//! ```

mod compare;
mod config;
mod evidence;
#[cfg(test)]
mod properties;
mod say;
#[cfg(test)]
mod tests;
mod trend;
mod weigh;

pub use config::JudgeConfig;

use async_trait::async_trait;

use crate::error::Result;
use crate::model::{Case, Evidence, Grounds, Metric, Verdict};
use crate::stage::RollbackJudge;
use compare::{Finding, Standing, Traffic, assess, felt};

/// Looks in which it can be told whether a metric falls.
const LEANING: usize = 6;

/// The newest looks of which one at least must have seen something, where there are few.
const NEWEST: usize = 3;

/// A judge that knows nothing but statistics.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Statistical {
    config: JudgeConfig,
}

impl Statistical {
    /// A judge that decides by `config`.
    pub fn new(config: JudgeConfig) -> Self {
        Self { config }
    }

    /// What it decides by.
    pub fn config(&self) -> &JudgeConfig {
        &self.config
    }

    /// What to do about the release behind `evidence`. See [`verdict`].
    pub fn decide(&self, evidence: &Evidence) -> Verdict {
        verdict(evidence, &self.config)
    }
}

#[async_trait]
impl RollbackJudge for Statistical {
    async fn judge(&self, _case: &Case, evidence: &Evidence) -> Result<Verdict> {
        Ok(self.decide(evidence))
    }
}

/// What to do about the release behind `evidence`; a pure function of its arguments.
///
/// - [`Verdict::Rollback`] at any look: the incident's own error came back, errors appeared that
///   nobody had seen before, or the metrics prove that it got worse and still is. At the end of a
///   strict watch also where evidence took confidence below its mark.
/// - [`Verdict::Watch`] while the window is open and nothing is proven.
/// - [`Verdict::Keep`] at the end, where the path that failed was used often enough and metrics
///   were seen and are as before or better.
/// - [`Verdict::Inconclusive`] at the end otherwise: no data, or none any more, not exercised, still settling, rising
///   towards a limit, or suspected without proof.
pub fn verdict(evidence: &Evidence, config: &JudgeConfig) -> Verdict {
    let traffic = traffic(evidence);
    let findings: Vec<Finding<'_>> = evidence
        .metrics
        .iter()
        .filter_map(|m| assess(m, evidence.baseline.get(&m.metric), traffic, config))
        .collect();
    let exercise = &evidence.exercise;
    let (confidence, against) = weigh::confidence(&findings, exercise, evidence.new_errors, config);
    let mut reasons = reasons(evidence, &findings);

    let fails_its_purpose = exercise.recurrences >= config.recurrences.max(1);
    let brings_errors = evidence.new_errors >= config.new_errors.max(1);
    if fails_its_purpose || brings_errors || proven(evidence, &findings, config) {
        return Verdict::Rollback(Grounds::new(confidence, reasons));
    }
    if !evidence.over() {
        return Verdict::Watch(Grounds::new(confidence, reasons));
    }
    let low = evidence.strict && confidence < config.strict_at;
    if low && against > 0.0 {
        reasons.push(format!(
            "confidence {confidence} at the end of a strict watch, {} needed",
            config.strict_at
        ));
        return Verdict::Rollback(Grounds::new(confidence, reasons));
    }
    let grounds = Grounds::new(confidence, reasons);
    if low || doubtful(evidence, &findings, config) {
        Verdict::Inconclusive(grounds)
    } else {
        Verdict::Keep(grounds)
    }
}

/// Whether the metrics prove that the release made things worse, and still does.
fn proven(evidence: &Evidence, findings: &[Finding<'_>], config: &JudgeConfig) -> bool {
    let elapsed = elapsed(evidence);
    let tail_alone = tail_alone(findings);
    let patient = |f: &Finding<'_>| {
        let steady = config.patience_steady.min(config.patience);
        let tail = tail_alone && *f.metric == Metric::LatencyP99;
        let waits = f.easing || f.looks < LEANING || tail;
        f.warms_up() && elapsed < if waits { config.patience } else { steady }
    };
    let logs: Vec<f64> = findings
        .iter()
        .filter(|f| f.standing != Standing::Unknown)
        .map(|f| match f.standing {
            Standing::Worse if !patient(f) => f.evidence,
            _ => f64::NEG_INFINITY,
        })
        .collect();
    let matters = |f: &Finding<'_>| {
        f.standing == Standing::Worse && (f.felt() || f.recent >= config.exhausted)
    };
    findings.iter().any(matters) && evidence::mean(&logs) >= config.proof()
}

/// Whether the slowest requests alone are slower. Caches warm up entry by entry: what is asked for
/// seldom is slow for longest, and a tail of it does not fall before it is gone.
fn tail_alone(findings: &[Finding<'_>]) -> bool {
    let broad = |f: &&Finding<'_>| matches!(f.metric, Metric::LatencyP50 | Metric::LatencyP95);
    let broad = || findings.iter().filter(broad).map(|f| f.standing);
    broad().any(|standing| standing != Standing::Unknown)
        && broad().all(|standing| standing != Standing::Worse)
}

/// Whether, at the end, something stands against keeping the release.
fn doubtful(evidence: &Evidence, findings: &[Finding<'_>], config: &JudgeConfig) -> bool {
    let exercise = &evidence.exercise;
    let exercised = exercise.needed > 0 && exercise.enough();
    let seen = |f: &Finding<'_>| f.standing != Standing::Unknown;
    let measured = evidence.baseline.metrics.iter().any(|(m, _)| felt(m));
    let sighted = if measured {
        // Neither CPU alone stands in for what users feel nor does the silence of an error, where that
        // used to be measured: a planner that was away for the whole watch has one look at its end, and
        // a source may have gone.
        findings.iter().any(|f| seen(f) && f.felt()) && still_measured(evidence)
    } else {
        exercised || findings.iter().any(seen)
    };
    let suspect = |f: &Finding<'_>| match f.standing {
        Standing::Rising => true,
        Standing::Settling | Standing::Worse => f.evidence >= config.proof() / 2.0,
        Standing::Fine | Standing::Unknown => false,
    };
    let unused = exercise.needed > 0 && !exercised;
    unused || !sighted || exercise.recurrences > 0 || findings.iter().any(suspect)
}

/// Whether anything of what used to tell of users was still measured in the last sixth of the looks: a
/// source that went blind within the window saw a good beginning only. A probe of health alone stands in
/// for nothing else.
fn still_measured(evidence: &Evidence) -> bool {
    let tells = |m: &Metric| felt(m) && *m != Metric::Health || *m == Metric::RequestRate;
    let before = |m: &Metric| tells(m) && evidence.baseline.get(m).is_some();
    let mut told = evidence.metrics.iter().filter(|m| before(&m.metric)).peekable();
    told.peek().is_none()
        || told.any(|m| {
            let count = m.values.len();
            let newest = count.saturating_sub((count / 6).max(NEWEST));
            m.values[newest..].iter().any(Option::is_some)
        })
}

/// The share of the window that has passed, `0.0..=1.0`.
fn elapsed(evidence: &Evidence) -> f64 {
    let ms = |t: crate::id::Timestamp| t.as_ms() as f64;
    let whole = ms(evidence.ends_at) - ms(evidence.live_at);
    if whole <= 0.0 {
        1.0
    } else {
        ((ms(evidence.now) - ms(evidence.live_at)) / whole).clamp(0.0, 1.0)
    }
}

fn traffic(evidence: &Evidence) -> Traffic {
    let rate = evidence.metrics.iter().find(|m| m.metric == Metric::RequestRate);
    let values: Vec<f64> =
        rate.iter().flat_map(|m| &m.values).flatten().copied().filter(|v| v.is_finite()).collect();
    let before = evidence.baseline.get(&Metric::RequestRate).map_or(0.0, |s| s.median);
    let recent = trend::median(&values[values.len().saturating_sub(3)..]);
    let grew = recent / before;
    Traffic {
        grew: if before > 0.0 && grew.is_finite() { grew.max(1.0) } else { 1.0 },
        rising: trend::rising(&values),
    }
}

/// The reasons, strongest first.
fn reasons(evidence: &Evidence, findings: &[Finding<'_>]) -> Vec<String> {
    let rank = |f: &Finding<'_>| match f.standing {
        Standing::Worse => 0,
        Standing::Settling | Standing::Rising => 1,
        Standing::Fine => 2,
        Standing::Unknown => 3,
    };
    let mut sorted: Vec<&Finding<'_>> = findings.iter().collect();
    sorted.sort_by(|a, b| rank(a).cmp(&rank(b)).then(b.evidence.total_cmp(&a.evidence)));
    let path = say::exercise(&evidence.exercise);
    let broken = evidence.exercise.recurrences > 0;
    let (worse, rest): (Vec<_>, Vec<_>) = sorted.into_iter().partition(|f| rank(f) == 0);
    let mut all: Vec<String> = path.clone().filter(|_| broken).into_iter().collect();
    all.extend(say::new_errors(evidence.new_errors));
    all.extend(worse.into_iter().map(say::finding));
    all.extend(path.filter(|_| !broken));
    all.extend(rest.into_iter().map(say::finding));
    if all.is_empty() {
        all.push(String::from("no data since the release"));
    }
    all
}
