//! What was measured, as JSON and as a table.

use std::fmt;

use serde::Serialize;

/// One tick over all series. CPU is that of the one thread that polls and judges.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    pub(super) series: usize,
    pub(super) services: usize,
    pub(super) metrics: usize,
    pub(super) ticks: usize,
    /// Median of all ticks.
    pub(super) cpu_ms: f64,
    pub(super) cpu_ms_most: f64,
    /// Median, with the time of the server.
    pub(super) wall_ms: f64,
    /// A tick.
    pub(super) requests: u64,
    /// A tick.
    pub(super) answer_bytes: u64,
    pub(super) poll: Part,
    pub(super) detect: Part,
    pub(super) judge: Part,
    pub(super) parse: Parse,
    pub(super) apart: Apart,
    /// Bytes of heap a series that stay between ticks.
    pub(super) kept: Kept,
    /// Series that left their baselines, in all ticks.
    pub(super) opened: usize,
    /// Verdicts of the last tick.
    pub(super) kept_releases: usize,
    pub(super) taken_back: usize,
    pub(super) undecided: usize,
}

/// One part of a tick.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Part {
    /// CPU a series, median.
    pub(super) ns: f64,
    /// Of one tick.
    pub(super) allocations: u64,
    /// Most bytes of heap at a moment beside what is kept.
    pub(super) heap_most: u64,
}

/// An answer that is read.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Parse {
    pub(super) series: usize,
    pub(super) body_bytes: usize,
    /// CPU a series.
    pub(super) ns: f64,
    /// The same by `serde_json::Value`.
    pub(super) json_value_ns: f64,
}

/// A tick in which each service is sampled at a moment of its own, as a planner does.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Apart {
    pub(super) requests: u64,
    /// CPU a series.
    pub(super) ns: f64,
    /// As many times that of a poll of all.
    pub(super) times: f64,
}

/// What stays.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(super) struct Kept {
    pub(super) detector: i64,
    /// Evidence of a release of which 30 looks are taken.
    pub(super) release: i64,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { series, services, metrics, ticks, .. } = self;
        writeln!(f, "{series} series: {services} services, {metrics} metrics; {ticks} ticks")?;
        let share = self.cpu_ms / 10.0;
        let Self { cpu_ms, cpu_ms_most, wall_ms, .. } = self;
        writeln!(
            f,
            "tick             {cpu_ms:>9.1} ms of CPU, {share:.1}% of a second; {cpu_ms_most:.1} ms at \
             most, {wall_ms:.1} ms wall"
        )?;
        let Self { requests, answer_bytes, .. } = self;
        let each = *answer_bytes as f64 / *series as f64;
        writeln!(f, "  {requests} queries, {answer_bytes} bytes of answers, {each:.0} a series")?;
        for (name, part) in [("poll", self.poll), ("detect", self.detect), ("judge", self.judge)] {
            let Part { ns, allocations, heap_most } = part;
            writeln!(
                f,
                "  {name:<14} {ns:>9.0} ns a series, {allocations} allocations, {heap_most} bytes at most"
            )?;
        }
        let Parse { series, body_bytes, ns, json_value_ns } = self.parse;
        writeln!(
            f,
            "parse            {ns:>9.0} ns a series of an answer, {:.2} of serde_json::Value \
             ({series} series, {body_bytes} bytes)",
            ns / json_value_ns
        )?;
        let Apart { requests, ns, times } = self.apart;
        writeln!(
            f,
            "each apart       {ns:>9.0} ns a series, {times:.1} times the poll of all; {requests} queries"
        )?;
        let Kept { detector, release } = self.kept;
        writeln!(
            f,
            "kept             {detector:>9} bytes a series by detectors, {release} by watched releases"
        )?;
        let Self { opened, kept_releases, taken_back, undecided, .. } = self;
        writeln!(
            f,
            "verdicts         {kept_releases:>9} kept, {taken_back} taken back, {undecided} undecided; \
             {opened} anomalies"
        )
    }
}
