//! One metric before and after.

use super::JudgeConfig;
use super::{evidence, trend};
use crate::detect::wilson;
use crate::model::{Metric, MetricEvidence, Summary};

/// The chance that a look at an unchanged metric passes its limit: 4.4% at 3 deviations on one
/// side of a unimodal distribution, `4 / (9 (1 + k^2))` (Vysochanskij-Petunin), rounded up.
const PASSES_BY_CHANCE: f64 = 0.05;

/// Standard deviations of the upper bound on what the error rate was before: 95% on one side.
const BEFORE_BOUND: f64 = 1.645;

/// Where a metric stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing to compare: no data, too few looks or no baseline.
    Unknown,
    /// As before, or better.
    Fine,
    /// Below its limit, and on its way there.
    Rising,
    /// Above its limit, and coming down from a peak.
    Settling,
    /// Above its limit.
    Worse,
}

/// What one metric says about a release.
#[derive(Debug, Clone)]
pub(super) struct Finding<'a> {
    pub(super) metric: &'a Metric,
    pub(super) standing: Standing,
    /// Natural logarithm of the evidence that it got worse.
    pub(super) evidence: f64,
    /// What was normal, scaled to the traffic; `None` without a baseline.
    pub(super) normal: Option<f64>,
    /// The newest level.
    pub(super) recent: f64,
    /// Looks that count.
    pub(super) looks: usize,
    /// Failures and trials over the newest looks, where events are counted.
    pub(super) failures: Option<(f64, f64)>,
    /// Whether it is rising, over how many looks.
    pub(super) rising: Option<usize>,
    /// Whether it is lower than it was, however little, or its newest look is as before.
    pub(super) easing: bool,
}

impl Finding<'_> {
    /// Whether a user notices it: errors, latency, health.
    pub(super) fn felt(&self) -> bool {
        felt(self.metric)
    }

    /// Whether it takes time to warm up.
    pub(super) fn warms_up(&self) -> bool {
        !matches!(self.metric, Metric::ErrorRate | Metric::Health | Metric::RouteErrors(_))
    }
}

/// Whether a user notices when `metric` gets worse.
pub(super) fn felt(metric: &Metric) -> bool {
    !matches!(metric, Metric::Cpu | Metric::Memory | Metric::Saturation)
        && metric.higher_is_worse().is_some()
}

/// How traffic changed since before.
#[derive(Debug, Clone, Copy)]
pub(super) struct Traffic {
    /// Newest over before, at least 1.
    pub(super) grew: f64,
    /// Whether it is rising.
    pub(super) rising: bool,
}

/// What `seen` says beside `before`; `None` where its metric has no worse direction.
pub(super) fn assess<'a>(
    seen: &'a MetricEvidence,
    before: Option<&Summary>,
    traffic: Traffic,
    config: &JudgeConfig,
) -> Option<Finding<'a>> {
    seen.metric.higher_is_worse()?;
    let before = before.filter(|s| {
        s.median.is_finite() && s.spread.is_finite() && s.mean.is_finite() && s.count > 0
    });
    let counted = seen.metric == Metric::ErrorRate && seen.events.iter().any(|&e| e > 0);
    let finding =
        if counted { rates(seen, before, config) } else { levels(seen, before, traffic, config) };
    Some(finding)
}

/// How many of `looks` are the newest: a quarter, at least 3. They decide whether the trouble is
/// still there; what is over does not take a release back.
fn newest(looks: usize) -> usize {
    looks.min(3.max(looks.div_ceil(4)))
}

/// Whether a value was seen in the newest third of all looks.
fn fresh(values: &[Option<f64>]) -> bool {
    let last = values.len().min(3.max(values.len().div_ceil(3)));
    values[values.len() - last..].iter().any(|v| v.is_some_and(f64::is_finite))
}

/// An error rate with the requests behind it.
fn rates<'a>(
    seen: &'a MetricEvidence,
    before: Option<&Summary>,
    config: &JudgeConfig,
) -> Finding<'a> {
    let looks: Vec<(f64, f64)> = seen
        .values
        .iter()
        .zip(&seen.events)
        .filter_map(|(v, &e)| Some((v.filter(|v| v.is_finite())?.clamp(0.0, 1.0), e as f64)))
        .filter(|&(_, e)| e > 0.0)
        .map(|(v, e)| (v * e, e))
        .collect();
    let normal = before.map(|b| b.mean.clamp(0.0, 1.0));
    let limit = match before {
        Some(b) => {
            let (factor, points) = config.effect_on(&seen.metric);
            let rate = b.mean.clamp(0.0, 1.0);
            // More requests than counted looks vary beyond binomial noise: outages before, bots.
            let varied = b.median + 2.0 * b.spread;
            let bound = if b.events > 0 {
                wilson(rate * b.events as f64, b.events as f64, BEFORE_BOUND).1
            } else {
                b.median + config.deviations * scale(b)
            };
            (rate * factor).max(rate + points).max(varied).max(bound)
        }
        None => config.unknown_error_rate,
    };
    let n = newest(looks.len());
    let (failed, total) = pool(&looks[looks.len() - n..]);
    let recent = if total > 0.0 { failed / total } else { 0.0 };
    let series: Vec<f64> = looks.iter().map(|(k, n)| k / n).collect();
    let enough = looks.len() >= config.min_looks.max(1) && fresh(&seen.values);
    let over = recent > limit && pool(&looks).0 >= config.min_failures;
    let standing = if !enough {
        Standing::Unknown
    } else if !over {
        Standing::Fine
    } else if trend::settling(&series, normal.unwrap_or(0.0)) || stopped(&looks[looks.len() - n..])
    {
        Standing::Settling
    } else {
        Standing::Worse
    };
    Finding {
        metric: &seen.metric,
        standing,
        evidence: evidence::against(limit, looks.iter().copied()),
        normal,
        recent,
        looks: looks.len(),
        failures: Some((failed, total)),
        rising: rising(&series),
        easing: trend::falling(&series),
    }
}

/// Anything else: how many looks pass the limit of what was normal.
fn levels<'a>(
    seen: &'a MetricEvidence,
    before: Option<&Summary>,
    traffic: Traffic,
    config: &JudgeConfig,
) -> Finding<'a> {
    let health = seen.metric == Metric::Health;
    let latency =
        matches!(seen.metric, Metric::LatencyP50 | Metric::LatencyP95 | Metric::LatencyP99);
    let few = |i: usize| {
        let events = seen.events.get(i).copied().unwrap_or(0);
        latency && events > 0 && events < config.min_events
    };
    let values: Vec<f64> = seen
        .values
        .iter()
        .enumerate()
        .filter_map(|(i, v)| v.filter(|v| v.is_finite() && !few(i)))
        // From here on higher is worse: a health check reads as the share that failed.
        .map(|v| if health { 1.0 - v } else { v })
        .collect();
    let (normal, limit) = bounds(&seen.metric, before, traffic, config);
    let looks = values.len();
    let n = newest(looks);
    let tail = &values[looks - n..];
    let recent = trend::median(tail);
    let bad = |v: f64| limit.is_some_and(|limit| v > limit);
    let judged = limit.is_some() && looks >= config.min_looks.max(1) && fresh(&seen.values);
    let rising = rising(&values);
    let level = normal.unwrap_or(0.0);
    let halfway = limit.is_some_and(|limit| recent > f64::midpoint(level, limit));
    let standing = if !judged {
        Standing::Unknown
    } else if 2 * tail.iter().filter(|&&v| bad(v)).count() > n {
        if trend::settling(&values, level) { Standing::Settling } else { Standing::Worse }
    } else if halfway && rising.is_some() && !traffic.rising && !health {
        Standing::Rising
    } else {
        Standing::Fine
    };
    let passes = values.iter().map(|&v| (if bad(v) { 1.0 } else { 0.0 }, 1.0));
    Finding {
        metric: &seen.metric,
        standing,
        evidence: if limit.is_some() { evidence::against(PASSES_BY_CHANCE, passes) } else { 0.0 },
        normal,
        recent,
        looks,
        failures: health.then(|| (tail.iter().filter(|&&v| bad(v)).count() as f64, n as f64)),
        rising,
        easing: trend::falling(&values) || values.last().is_some_and(|&v| !bad(v)),
    }
}

/// What was normal and what is too much.
fn bounds(
    metric: &Metric,
    before: Option<&Summary>,
    traffic: Traffic,
    config: &JudgeConfig,
) -> (Option<f64>, Option<f64>) {
    if *metric == Metric::Health {
        // A service that was down before is not made worse by being down.
        let failing = before.map_or(0.0, |b| 1.0 - b.median);
        return (Some(failing), Some(if failing < 0.5 { 0.5 } else { 1.0 }));
    }
    let Some(b) = before else {
        let limit = (*metric == Metric::ErrorRate).then_some(config.unknown_error_rate);
        return (None, limit);
    };
    // Twice the requests may take twice the CPU and fail twice as often.
    let follows = matches!(metric, Metric::Cpu | Metric::Saturation | Metric::RouteErrors(_));
    let normal = if follows { b.median * traffic.grew } else { b.median };
    let (factor, absolute) = config.effect_on(metric);
    let noise = config.deviations * scale(b);
    (Some(normal), Some((normal * factor).max(normal + absolute).max(normal + noise)))
}

/// How much a look varied before. The median deviation is blind to less than half of the looks
/// being off, so the distance of the mean stands in; and what few looks say is widened as Student's
/// t is against the normal distribution (97.5%: 1.6 times at 4 looks, 1.04 at 30), by
/// `1 + 2 / (n - 1)`.
fn scale(before: &Summary) -> f64 {
    let widen = if before.count < 2 { 4.0 } else { 1.0 + 2.0 / f64::from(before.count - 1) };
    before.spread.max((before.mean - before.median).abs()) * widen
}

fn pool(looks: &[(f64, f64)]) -> (f64, f64) {
    looks.iter().fold((0.0, 0.0), |(a, b), (k, n)| (a + k, b + n))
}

/// Whether failures just stopped: the newest look has less than half of the rate of those before,
/// and by more than chance (Wilson's upper bound at 95% on one side). The next look will tell.
fn stopped(newest: &[(f64, f64)]) -> bool {
    let Some((&(failed, total), earlier)) = newest.split_last() else {
        return false;
    };
    let (before, of) = pool(earlier);
    let rate = if of > 0.0 { before / of } else { 0.0 };
    failed / total < rate / 2.0 && wilson(failed, total, BEFORE_BOUND).1 < rate
}

/// Over how many of the newest values the series rises: half of them, at least 4, or else all.
fn rising(values: &[f64]) -> Option<usize> {
    let half = values.len().min(4.max(values.len().div_ceil(2)));
    let all = values.len().min(trend::MEMORY);
    [half, all].into_iter().find(|n| trend::rising(&values[values.len() - n..]))
}
