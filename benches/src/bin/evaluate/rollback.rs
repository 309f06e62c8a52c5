//! How well releases are judged, on recorded windows of real faults.
//!
//! `DIR` holds `*.jsonl` files, a line a case: `{id, class, bad, interval_s, metrics: {name: {kind:
//! err|lat|res, baseline: [..], window: [..]}}}`. `err` and `res` are percentages, `lat` is seconds,
//! `null` a missing sample. Every look of a window is judged as a planner would, one after the other;
//! the first verdict that decides counts. Printed are false rollbacks with Wilson's interval at 95%,
//! misses, and after which share of the window rollbacks were decided, by class.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use aegis_core::detect::wilson;
use aegis_core::judge::{JudgeConfig, verdict};
use aegis_core::model::{Baseline, Evidence, Metric, MetricEvidence, Summary, Unit, Verdict};
use aegis_core::{Revision, Timestamp};
use serde_json::Value;

/// A metric with its looks before and after the release.
type Series = (Metric, Vec<Option<f64>>, Vec<Option<f64>>);

/// What one class of windows came to.
#[derive(Debug, Default)]
struct Tally {
    bad: bool,
    windows: u32,
    rolled_back: u32,
    undecided: u32,
    /// Shares of the window after which a rollback was decided.
    decided: Vec<f64>,
}

/// The table of all windows in a folder.
pub(crate) fn evaluate(folder: &Path) -> Result<String, Box<dyn Error>> {
    let mut classes: BTreeMap<String, Tally> = BTreeMap::new();
    let config = JudgeConfig::default();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none_or(|e| e != "jsonl") {
            continue;
        }
        for line in std::fs::read_to_string(&path)?.lines() {
            let case: Value = serde_json::from_str(line)?;
            let class = case["class"].as_str().ok_or("a case without its class")?;
            let tally = classes.entry(class.to_owned()).or_default();
            tally.bad = case["bad"].as_bool().ok_or("a case without its truth")?;
            tally.windows += 1;
            match judged(&case, &config) {
                (Verdict::Rollback(_), share) => {
                    tally.rolled_back += 1;
                    tally.decided.push(share);
                }
                (Verdict::Keep(_), _) => {}
                _ => tally.undecided += 1,
            }
        }
    }
    if classes.is_empty() {
        return Err("it holds no *.jsonl file".into());
    }
    Ok(table(&classes))
}

/// The first verdict that decides, and after which share of the window; the last one otherwise.
fn judged(case: &Value, config: &JudgeConfig) -> (Verdict, f64) {
    let series: Vec<Series> = case["metrics"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, of)| {
            let metric = metric(name, of["kind"].as_str()?)?;
            let values = |key: &str| -> Vec<Option<f64>> {
                let scale = if metric.unit() == Unit::Ratio { 0.01 } else { 1.0 };
                let all = of[key].as_array().into_iter().flatten();
                all.map(|v| v.as_f64().map(|v| v * scale)).collect()
            };
            Some((metric.clone(), values("baseline"), values("window")))
        })
        .collect();
    let looks = series.iter().map(|(_, _, window)| window.len()).max().unwrap_or(0);
    let interval = case["interval_s"].as_i64().unwrap_or(60) * 1_000;
    let at = |look: usize| Timestamp::from_ms(interval * i64::try_from(look).unwrap_or(i64::MAX));
    let before = series.iter().filter_map(|(metric, before, _)| {
        Some((metric.clone(), Summary::of(before.iter().copied().flatten(), 0)?))
    });
    let baseline = Baseline::new(at(0), before.collect());
    let mut evidence = Evidence::new(Revision::new("release"), at(0), at(looks), baseline);
    evidence.metrics = series.iter().map(|(m, _, _)| MetricEvidence::new(m.clone())).collect();
    let mut last = verdict(&evidence, config);
    for look in 0..looks {
        for (seen, (_, _, window)) in evidence.metrics.iter_mut().zip(&series) {
            seen.push(window.get(look).copied().flatten(), 0);
        }
        evidence.now = at(look + 1);
        evidence.looks += 1;
        last = verdict(&evidence, config);
        if matches!(last, Verdict::Rollback(_)) {
            return (last, (look + 1) as f64 / looks as f64);
        }
    }
    (last, 1.0)
}

/// Which metric a series stands for: one of each kind, so that none counts twice.
fn metric(name: &str, kind: &str) -> Option<Metric> {
    match (kind, name) {
        ("err", _) => Some(Metric::ErrorRate),
        ("lat", "p50") => Some(Metric::LatencyP50),
        ("lat", "p90" | "p95") => Some(Metric::LatencyP95),
        ("lat", "p99" | "pod_p90") => Some(Metric::LatencyP99),
        ("res", "cpu") => Some(Metric::Cpu),
        ("res", "mem") => Some(Metric::Memory),
        _ => None,
    }
}

fn table(classes: &BTreeMap<String, Tally>) -> String {
    let mut text = format!(
        "{:<24} {:>7} {:>11} {:>9} {:>12}\n",
        "class", "windows", "rolled back", "undecided", "decided at"
    );
    for (class, tally) in classes {
        let mean = tally.decided.iter().sum::<f64>() / tally.decided.len().max(1) as f64;
        let (windows, rolled, open) = (tally.windows, tally.rolled_back, tally.undecided);
        text += &format!("{class:<24} {windows:>7} {rolled:>11} {open:>9} {mean:>11.2}\n");
    }
    let sum = |bad: bool, of: fn(&Tally) -> u32| -> u32 {
        classes.values().filter(|t| t.bad == bad).map(of).sum()
    };
    let (good, wrong) = (sum(false, |t| t.windows), sum(false, |t| t.rolled_back));
    let (bad, right) = (sum(true, |t| t.windows), sum(true, |t| t.rolled_back));
    let (low, high) = wilson(f64::from(wrong), f64::from(good), 1.96);
    let share = |part: u32, of: u32| 100.0 * f64::from(part) / f64::from(of.max(1));
    text += &format!(
        "false rollbacks {wrong} of {good} ({:.1}%, {:.1}% to {:.1}%), missed {} of {bad} ({:.1}%)\n",
        share(wrong, good),
        100.0 * low,
        100.0 * high,
        bad - right,
        share(bad - right, bad)
    );
    text
}
