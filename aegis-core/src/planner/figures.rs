//! What was measured before and since a release, as a person reads it: a table, and charts in Mermaid.

use std::fmt::{self, Write as _};

use crate::model::{Baseline, Evidence, Metric, MetricEvidence, Summary, Unit};

/// Charts of one report, and the points of one of them.
const CHARTS: usize = 2;
const POINTS: usize = 40;

/// A table of all metrics that anything is known of; with `seen`, also what was measured since, and a
/// chart of those that matter most.
pub(super) fn write(
    out: &mut String,
    before: &Baseline,
    seen: Option<&Evidence>,
    inline: fn(&str) -> String,
) -> fmt::Result {
    let since = |metric: &Metric| seen?.metrics.iter().find(|m| m.metric == *metric);
    let mut metrics: Vec<&Metric> = before.metrics.iter().map(|(metric, _)| metric).collect();
    let more = seen.into_iter().flat_map(|seen| seen.metrics.iter().map(|m| &m.metric));
    metrics.extend(more.filter(|metric| before.get(metric).is_none()));
    if metrics.is_empty() {
        return Ok(());
    }
    writeln!(out, "## Measured\n")?;
    match seen {
        None => writeln!(out, "| metric | before |\n|---|---:|")?,
        Some(_) => writeln!(out, "| metric | before | since | change |\n|---|---:|---:|---:|")?,
    }
    for metric in metrics {
        let (unit, was) = (metric.unit(), before.get(metric));
        write!(out, "| {} | {} |", inline(&metric.to_string()), of(was, unit))?;
        if seen.is_some() {
            let is = since(metric).and_then(|m| Summary::of(m.values.iter().copied().flatten(), 0));
            write!(out, " {} | {} |", of(is.as_ref(), unit), change(was, is.as_ref()))?;
        }
        writeln!(out)?;
    }
    writeln!(out, "\nMedians, and how far values usually lie from them.\n")?;
    let charts = CHARTED.iter().filter_map(since).filter(|m| m.values.iter().flatten().count() > 2);
    for shown in charts.take(CHARTS) {
        chart(out, shown, before.get(&shown.metric))?;
    }
    Ok(())
}

/// What a chart is drawn of, what matters most first.
const CHARTED: [Metric; 6] = [
    Metric::ErrorRate,
    Metric::LatencyP95,
    Metric::LatencyP99,
    Metric::Saturation,
    Metric::Cpu,
    Metric::Memory,
];

/// The values since the release, look by look, over a flat line at what was normal.
fn chart(out: &mut String, shown: &MetricEvidence, before: Option<&Summary>) -> fmt::Result {
    let (factor, unit) = scale(shown.metric.unit());
    let looks = shown.values.iter().enumerate();
    let looks: Vec<(usize, f64)> = looks.filter_map(|(n, v)| Some((n + 1, (*v)?))).collect();
    // The last look is always among them.
    let step = looks.len().div_ceil(POINTS);
    let looks = looks.iter().rev().step_by(step).rev();
    let (numbers, values): (Vec<String>, Vec<String>) =
        looks.map(|(n, v)| (n.to_string(), format!("{:.3}", v * factor))).unzip();
    let metric = &shown.metric;
    let flat = before.map(|before| format!("{:.3}", before.median * factor));
    let title = match &flat {
        Some(flat) => {
            format!("{metric} in {unit}, look by look, and a flat line at what was before ({flat})")
        }
        None => format!("{metric} in {unit}, look by look"),
    };
    writeln!(out, "```mermaid\nxychart-beta\n    title \"{title}\"")?;
    writeln!(out, "    x-axis [{}]", numbers.join(", "))?;
    writeln!(out, "    line [{}]", values.join(", "))?;
    if let Some(flat) = flat {
        writeln!(out, "    line [{}]", vec![flat.as_str(); values.len()].join(", "))?;
    }
    writeln!(out, "```\n")
}

/// What a value is multiplied by to be read, and in which unit it is then.
fn scale(unit: Unit) -> (f64, &'static str) {
    match unit {
        Unit::Ratio => (100.0, "%"),
        Unit::Seconds => (1_000.0, "ms"),
        Unit::PerSecond => (1.0, "/s"),
        Unit::Bytes => (1.0 / 1_048_576.0, "MiB"),
        Unit::Count => (1.0, ""),
    }
}

fn of(summary: Option<&Summary>, unit: Unit) -> String {
    let Some(summary) = summary else { return String::from("no data") };
    let (factor, name) = scale(unit);
    let (median, spread) = (round(summary.median * factor), round(summary.spread * factor));
    let space = if name.is_empty() || name == "/s" { "" } else { " " };
    format!("{median} ± {spread}{space}{name}")
}

/// Three digits that count, without an exponent.
fn round(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 || v == 0.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

fn change(was: Option<&Summary>, is: Option<&Summary>) -> String {
    match (was, is) {
        (Some(was), Some(is)) if was.median > 0.0 => {
            let percent = (100.0 * (is.median / was.median - 1.0)).round();
            if percent == 0.0 { String::from("none") } else { format!("{percent:+.0} %") }
        }
        (Some(was), Some(is)) if was.median == is.median => String::from("none"),
        _ => String::from("–"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::id::{Revision, Timestamp};

    fn before() -> Baseline {
        let of = |values: &[f64]| Summary::of(values.iter().copied(), 0).unwrap();
        let custom = Metric::Custom("a|b\n```".into(), Unit::Bytes);
        let metrics = vec![
            (Metric::ErrorRate, of(&[0.10, 0.12, 0.14])),
            (Metric::LatencyP95, of(&[0.2, 0.2, 0.2])),
            (custom, of(&[2_097_152.0])),
        ];
        Baseline::new(Timestamp::from_ms(0), metrics)
    }

    fn seen(values: impl IntoIterator<Item = Option<f64>>) -> Evidence {
        let at = Timestamp::from_ms(0);
        let mut evidence = Evidence::new(Revision::new("r"), at, at, before());
        let mut rate = MetricEvidence::new(Metric::ErrorRate);
        values.into_iter().for_each(|value| rate.push(value, 10));
        evidence.metrics.push(rate);
        evidence
    }

    fn text(seen: Option<&Evidence>) -> String {
        let mut out = String::new();
        write(&mut out, &before(), seen, |text| text.replace(['|', '\n', '`'], "?")).unwrap();
        out
    }

    #[test]
    fn before_a_release_there_is_a_table_of_what_is_normal() {
        let text = text(None);
        for row in ["| error rate | 12.0 ± 2.97 % |", "| latency P95 | 200 ± 0 ms |"] {
            assert!(text.contains(row), "{text}");
        }
        assert!(text.contains("| a?b???? | 2.00 ± 0 MiB |"), "{text}");
        assert!(!text.contains("mermaid"), "{text}");
    }

    #[test]
    fn after_it_there_are_both_and_a_chart_of_the_looks_that_saw_something() {
        let text = text(Some(&seen([Some(0.06), None, Some(0.0), Some(0.0)])));
        assert!(text.contains("| error rate | 12.0 ± 2.97 % | 0 ± 0 % | -100 % |"), "{text}");
        assert!(text.contains("| latency P95 | 200 ± 0 ms | no data | – |"), "{text}");
        assert!(text.contains("x-axis [1, 3, 4]\n    line [6.000, 0.000, 0.000]"), "{text}");
        assert!(text.contains("line [12.000, 12.000, 12.000]"), "{text}");
        assert_eq!(text.matches("```").count(), 2, "{text}");
    }

    #[test]
    fn a_long_watch_keeps_its_last_look_and_two_looks_are_no_chart() {
        let text_of = |n: u32| text(Some(&seen((0..n).map(|n| Some(f64::from(n) / 1_000.0)))));
        let long = text_of(300);
        let axis = long.lines().find(|line| line.contains("x-axis")).unwrap();
        assert!(axis.ends_with(", 300]") && axis.matches(',').count() < POINTS, "{axis}");
        assert!(!text_of(2).contains("mermaid"));
    }

    #[test]
    fn nothing_measured_is_nothing_said() {
        let mut out = String::new();
        let nothing = Baseline::new(Timestamp::from_ms(0), Vec::new());
        write(&mut out, &nothing, None, str::to_owned).unwrap();
        assert_eq!(out, "");
    }
}
