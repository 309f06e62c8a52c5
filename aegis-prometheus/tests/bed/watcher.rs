//! What core makes of samples: detectors as the planner has them, and the judge.

use aegis_core::detect::{Change, DetectConfig, Detector, State};
use aegis_core::judge::Statistical;
use aegis_core::model::{
    Baseline, Evidence, Metric, MetricEvidence, Readings, Samples, Summary, Verdict,
};
use aegis_core::{Revision, Timestamp};

/// Looks that make what is normal.
const NORMAL: usize = 12;
/// Looks at a release.
const LOOKS: u32 = 6;

#[derive(Debug)]
pub(crate) struct Watcher {
    detectors: Vec<Detector>,
    normal: Vec<(Metric, Summary)>,
    looks: Vec<MetricEvidence>,
}

impl Watcher {
    /// One that learned what is normal from as many looks as that takes.
    pub(crate) async fn learned(
        metrics: &[Metric],
        mut look: impl AsyncFnMut() -> Option<Samples>,
    ) -> Self {
        let detector = |metric: &Metric| Detector::new(metric.clone(), DetectConfig::default());
        let evidence = |metric: &Metric| MetricEvidence::new(metric.clone());
        let detectors = metrics.iter().map(detector).collect();
        let looks = metrics.iter().map(evidence).collect();
        let mut watcher = Self { detectors, normal: Vec::new(), looks };
        for _ in 0..NORMAL {
            let samples = look().await.unwrap();
            assert_eq!(watcher.see(Some(&samples)), []);
        }
        let normal = |seen: &MetricEvidence| {
            let summary =
                Summary::of(seen.values.iter().copied().flatten(), seen.events.iter().sum());
            Some((seen.metric.clone(), summary?))
        };
        watcher.normal = watcher.looks.iter().filter_map(normal).collect();
        assert_eq!(watcher.normal.len(), metrics.len());
        watcher.looks = metrics.iter().map(evidence).collect();
        watcher
    }

    /// Takes a look; nothing where there was no answer at all. Which metrics left their baselines.
    pub(crate) fn see(&mut self, samples: Option<&Samples>) -> Vec<Metric> {
        let mut opened = Vec::new();
        for (detector, evidence) in self.detectors.iter_mut().zip(&mut self.looks) {
            let point = samples.and_then(|samples| samples.get(detector.metric())?.last());
            evidence.push(point.map(|p| p.value), point.map_or(0, |p| p.weight));
            if let Some(Change::Opened(anomaly)) = detector.observe(point) {
                opened.push(anomaly.metric);
            }
        }
        opened
    }

    pub(crate) fn state(&self, metric: &Metric) -> State {
        self.detectors.iter().find(|d| d.metric() == metric).unwrap().state()
    }

    /// Asserts that nobody takes these metrics for healthy: not a detector, and not the judge of a
    /// release of which every look is like `samples`.
    pub(crate) fn blind_to(&mut self, samples: Option<&Samples>, metrics: &[Metric]) {
        self.looks.iter_mut().for_each(|seen| *seen = MetricEvidence::new(seen.metric.clone()));
        for _ in 0..LOOKS {
            self.see(samples);
        }
        for metric in metrics {
            assert_eq!(self.state(metric), State::Blind, "{metric}");
        }
        let verdict = self.judged(metrics);
        assert!(matches!(verdict, Verdict::Inconclusive(_)), "{verdict:?}");
    }

    /// What the judge says at the end of a watch, by these metrics.
    fn judged(&self, metrics: &[Metric]) -> Verdict {
        let of = |metric: &Metric| metrics.contains(metric);
        let (live_at, end) = (Timestamp::from_ms(0), Timestamp::from_ms(60_000));
        let normal = self.normal.iter().filter(|(metric, _)| of(metric)).cloned().collect();
        let baseline = Baseline::new(live_at, normal);
        let mut evidence = Evidence::new(Revision::new("4f2a9c1"), live_at, end, baseline);
        evidence.metrics = self.looks.iter().filter(|seen| of(&seen.metric)).cloned().collect();
        (evidence.now, evidence.looks) = (end, LOOKS);
        Statistical::default().decide(&evidence)
    }
}

/// The metrics that are missing.
pub(crate) fn missing(samples: &Samples) -> Vec<Metric> {
    let gone = |(metric, readings): &(Metric, Readings)| {
        matches!(readings, Readings::Missing(_)).then(|| metric.clone())
    };
    samples.series.iter().filter_map(gone).collect()
}
