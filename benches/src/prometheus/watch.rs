//! What judges a fleet: a detector a series, and for each service a release that is watched.

use aegis_core::detect::{Change, DetectConfig, Detector, State};
use aegis_core::judge::Statistical;
use aegis_core::model::{
    Baseline, Evidence, Metric, MetricEvidence, Point, Readings, Samples, Summary, Verdict,
};
use aegis_core::{Revision, Timestamp};

use super::Fleet;

/// Looks that a detector learned from: as many as it keeps.
const LEARNED: u32 = 64;
/// Looks at each release, with the newest.
const LOOKS: u32 = 30;

/// Verdicts on the releases of a fleet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Verdicts {
    /// Releases that are kept.
    pub keep: usize,
    /// Releases that are taken back.
    pub rollback: usize,
    /// Releases of which it can't be told.
    pub open: usize,
}

/// The detectors and the evidence of a fleet.
#[derive(Debug)]
pub struct Watch {
    detectors: Vec<Detector>,
    evidence: Vec<Evidence>,
    judge: Statistical,
}

impl Watch {
    /// Detectors of all series of `fleet` that know nothing, and no releases.
    pub fn new(fleet: &Fleet) -> Self {
        let new = |metric: &Metric| Detector::new(metric.clone(), DetectConfig::default());
        let mut detectors = Vec::with_capacity(fleet.series());
        for _ in &fleet.services {
            detectors.extend(fleet.metrics.iter().map(new));
        }
        Self { detectors, evidence: Vec::new(), judge: Statistical::default() }
    }

    /// Learns what is normal: levels as those of `all`, with a little noise.
    pub fn learn(&mut self, all: &[Samples]) {
        for look in 0..LEARNED {
            for (detector, (_, readings)) in self.detectors.iter_mut().zip(series(all)) {
                detector.observe(readings.last().map(|point| noisy(point, look)));
            }
        }
    }

    /// Detectors that know what is normal.
    pub fn known(&self) -> usize {
        self.detectors.iter().filter(|detector| detector.state() == State::Normal).count()
    }

    /// Begins to watch a release of each service, of which all looks but the last are taken: as `all`,
    /// with a little noise. The next look is at `now`, and the last.
    pub fn release(&mut self, all: &[Samples], now: Timestamp) {
        let began = |samples: &Samples| {
            let looks = |readings: &Readings| -> Vec<Point> {
                let last = readings.last();
                last.into_iter().flat_map(|p| (1..LOOKS).map(move |look| noisy(p, look))).collect()
            };
            let summary = |points: &[Point]| {
                let events = points.iter().map(|point| point.weight).sum();
                Summary::of(points.iter().map(|point| point.value), events)
            };
            let normal = |(metric, readings): &(Metric, Readings)| {
                Some((metric.clone(), summary(&looks(readings))?))
            };
            let baseline = Baseline::new(now, samples.series.iter().filter_map(normal).collect());
            let mut evidence = Evidence::new(Revision::new("4f2a9c1"), now, now, baseline);
            let seen = |(metric, readings): &(Metric, Readings)| {
                let mut seen = MetricEvidence::new(metric.clone());
                looks(readings).iter().for_each(|p| seen.push(Some(p.value), p.weight));
                seen
            };
            evidence.metrics = samples.series.iter().map(seen).collect();
            evidence.looks = LOOKS;
            evidence
        };
        self.evidence = all.iter().map(began).collect();
    }

    /// Shows the newest values to the detectors; how many series left their baselines.
    pub fn observe(&mut self, all: &[Samples]) -> usize {
        let pairs = self.detectors.iter_mut().zip(series(all));
        let opened = |(detector, (_, readings)): (&mut Detector, &(Metric, Readings))| {
            matches!(detector.observe(readings.last()), Some(Change::Opened(_)))
        };
        pairs.map(opened).filter(|opened| *opened).count()
    }

    /// Judges each release with the newest values as its last look, which is then forgotten, so that
    /// every tick has as much to judge.
    pub fn judge(&mut self, all: &[Samples]) -> Verdicts {
        let mut verdicts = Verdicts::default();
        for (evidence, samples) in self.evidence.iter_mut().zip(all) {
            for (seen, (_, readings)) in evidence.metrics.iter_mut().zip(&samples.series) {
                let point = readings.last();
                seen.push(point.map(|p| p.value), point.map_or(0, |p| p.weight));
            }
            match self.judge.decide(evidence) {
                Verdict::Keep(_) => verdicts.keep += 1,
                Verdict::Rollback(_) => verdicts.rollback += 1,
                Verdict::Watch(_) | Verdict::Inconclusive(_) => verdicts.open += 1,
            }
            for seen in &mut evidence.metrics {
                seen.values.pop();
                seen.events.pop();
            }
        }
        verdicts
    }
}

fn series(all: &[Samples]) -> impl Iterator<Item = &(Metric, Readings)> {
    all.iter().flat_map(|samples| &samples.series)
}

/// A value near that of `point`, on the better side for what has a bound above.
fn noisy(point: Point, look: u32) -> Point {
    let share = 1.0 - 0.003 * f64::from(look % 5);
    let value = if point.value == 1.0 { 1.0 } else { point.value * share };
    Point::new(point.at, value).with_weight(point.weight)
}
