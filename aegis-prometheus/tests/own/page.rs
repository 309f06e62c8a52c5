//! A page of metrics that a test reads.

use aegis_core::port::{Telemetry, TelemetryEvent};
use aegis_prometheus::own::{FAMILIES, Kind, Metrics};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusRecorder};

/// The facade's recorder for one test alone, on whichever thread it is told something.
pub(crate) struct Page {
    pub(crate) metrics: Metrics,
    recorder: PrometheusRecorder,
}

impl std::fmt::Debug for Page {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.metrics.fmt(f)
    }
}

impl Page {
    pub(crate) fn new(metrics: Metrics) -> Self {
        let mut builder = PrometheusBuilder::new();
        for family in FAMILIES {
            if let Kind::Histogram(buckets) = family.kind {
                let name = Matcher::Full(family.name.into());
                builder = builder.set_buckets_for_metric(name, buckets).unwrap();
            }
        }
        Self { metrics, recorder: builder.build_recorder() }
    }

    /// Does something that tells the facade.
    pub(crate) fn with<T>(&self, tell: impl FnOnce() -> T) -> T {
        metrics::with_local_recorder(&self.recorder, tell)
    }

    pub(crate) fn text(&self) -> String {
        self.recorder.handle().render()
    }

    /// The value of a series, as it is written: `name{label="value"}`.
    pub(crate) fn value(&self, series: &str) -> Option<f64> {
        let text = self.text();
        let mut lines = text.lines().filter_map(|line| line.rsplit_once(' '));
        lines.find(|(name, _)| *name == series).map(|(_, value)| value.parse().unwrap())
    }

    #[track_caller]
    pub(crate) fn shows(&self, series: &str, value: f64) {
        assert_eq!(self.value(series), Some(value), "{series} in {}", self.text());
    }
}

impl Telemetry for Page {
    fn record(&self, event: TelemetryEvent<'_>) {
        self.with(|| self.metrics.record(event));
    }
}
