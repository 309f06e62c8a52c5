//! What is computed before a model is asked.

use std::fmt::Write as _;

use aegis_core::model::{Author, Case, Evidence, Metric, MetricEvidence, Summary};

/// Releases, and earlier incidents, that are shown.
const SHOWN: usize = 8;

/// Measurements below which nothing is said to have left its baseline.
const ENOUGH: u32 = 3;

/// How the release stands apart from its metrics.
pub(super) fn release(case: &Case, evidence: &Evidence) -> String {
    let mut text = String::new();
    let window = evidence.ends_at.since(evidence.live_at).as_secs();
    let so_far = evidence.now.since(evidence.live_at).as_secs();
    let looks = evidence.looks;
    let _ = writeln!(text, "watched for {so_far} s of {window} s, in {looks} looks");
    let _ = writeln!(text, "errors that nobody had seen before it: {}", evidence.new_errors);
    let _ = writeln!(text, "other incidents that it is blamed for: {}", evidence.blamed.len());
    let exercise = &evidence.exercise;
    if let Some(title) = case.symptoms.first().map(|symptom| symptom.title.first_line()) {
        let _ = writeln!(text, "the incident: {title}");
    }
    let _ = writeln!(text, "its error came again: {} times", exercise.recurrences);
    let used = exercise.requests.map_or(String::from("nobody can tell"), |n| n.to_string());
    let _ = writeln!(text, "requests on the path that failed: {used}, needed: {}", exercise.needed);
    text
}

/// One row a metric.
pub(super) fn metrics(evidence: &Evidence) -> String {
    let mut text = String::new();
    for seen in &evidence.metrics {
        let before = evidence.baseline.get(&seen.metric);
        let _ = writeln!(text, "{}", row(seen, before));
    }
    text
}

fn row(seen: &MetricEvidence, before: Option<&Summary>) -> String {
    let mut row = format!("{}: baseline ", seen.metric);
    let _ = match before {
        None => write!(row, "unknown"),
        Some(b) => write!(row, "median {:.6} spread {:.6} n {}", b.median, b.spread, b.count),
    };
    row.push_str("; since ");
    let Some(since) = since(seen) else {
        let _ = write!(row, "no data in {} looks", seen.values.len());
        return row;
    };
    let _ = write!(row, "median {:.6} spread {:.6} n {}", since.median, since.spread, since.count);
    let missing = seen.values.iter().filter(|value| value.is_none()).count();
    if missing > 0 {
        let _ = write!(row, " (and {missing} looks without data)");
    }
    if since.events > 0 {
        let _ = write!(row, " requests {}", since.events);
    }
    if let Some(slope) = slope(&seen.values) {
        let _ = write!(row, "; slope {slope:+.6} a look");
    }
    if let Some(last) = seen.values.iter().rev().flatten().next() {
        let _ = write!(row, "; last {last:.6}");
    }
    row
}

fn since(seen: &MetricEvidence) -> Option<Summary> {
    Summary::of(seen.values.iter().copied().flatten(), seen.events.iter().sum())
}

/// The metrics that are worse than their baseline by more than both spreads explain, by name.
pub(super) fn worse(evidence: &Evidence) -> impl Iterator<Item = &Metric> {
    let left = |seen: &&MetricEvidence| {
        let (Some(before), Some(since)) = (evidence.baseline.get(&seen.metric), since(seen)) else {
            return false;
        };
        let Some(up) = seen.metric.higher_is_worse() else { return false };
        let by = if up { since.median - before.median } else { before.median - since.median };
        since.count >= ENOUGH
            && by > before.spread.max(since.spread)
            && by > 0.01 * before.median.abs()
    };
    evidence.metrics.iter().filter(left).map(|seen| &seen.metric)
}

/// The slope of the least squares line, a look; nothing below three values.
fn slope(values: &[Option<f64>]) -> Option<f64> {
    let points: Vec<(f64, f64)> =
        (0u32..).zip(values).filter_map(|(at, value)| Some((f64::from(at), (*value)?))).collect();
    // Counts of looks stay far below what an f64 holds exactly.
    #[allow(clippy::cast_precision_loss)]
    let n = points.len() as f64;
    if n < 3.0 {
        return None;
    }
    let (mx, my) = (
        points.iter().map(|(x, _)| x).sum::<f64>() / n,
        points.iter().map(|(_, y)| y).sum::<f64>() / n,
    );
    let up: f64 = points.iter().map(|(x, y)| (x - mx) * (y - my)).sum();
    let across: f64 = points.iter().map(|(x, _)| (x - mx).powi(2)).sum();
    Some(up / across)
}

pub(super) fn history(case: &Case) -> String {
    let mut text = String::new();
    for release in case.releases.iter().take(SHOWN) {
        let by = match &release.author {
            Author::Aegis(_) => "an automatic fix",
            Author::Person(_) => "a person",
        };
        let (revision, at) = (release.revision.short(), release.at.as_ms());
        let _ = writeln!(text, "release {revision} at {at} ms by {by}");
    }
    for earlier in case.similar.iter().take(SHOWN) {
        let _ = writeln!(text, "an earlier incident like this one: {}", earlier.outcome);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slope_is_that_of_the_line_through_what_was_measured() {
        assert_eq!(slope(&[Some(1.0), None, Some(3.0)]), None);
        assert_eq!(slope(&[Some(1.0), Some(3.0), None, Some(7.0)]), Some(2.0));
    }

    #[test]
    fn a_row_tells_what_is_missing() {
        let mut seen = MetricEvidence::new(Metric::ErrorRate);
        seen.push(None, 0);
        assert!(row(&seen, None).ends_with("baseline unknown; since no data in 1 looks"));
        seen.push(Some(0.5), 10);
        let row = row(&seen, Summary::of([0.0, 0.0], 20).as_ref());
        assert!(
            row.contains("since median 0.500000 spread 0.000000 n 1 (and 1 looks without data)")
        );
    }
}
