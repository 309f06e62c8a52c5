//! Reasons in words that an engineer on call wants to read.

use super::compare::{Finding, Standing};
use crate::model::{Exercise, Metric, Unit};

/// One sentence on what a metric says.
pub(super) fn finding(f: &Finding<'_>) -> String {
    let (metric, looks) = (f.metric, f.looks);
    if f.standing == Standing::Unknown {
        return match (looks, f.normal) {
            (0, _) => format!("{metric}: no data since the release"),
            (_, None) if f.failures.is_none() => format!("{metric}: nothing to compare with"),
            _ => format!("{metric}: only {} with data, too few to judge", count(looks, "look")),
        };
    }
    let mut text = level(f);
    match f.standing {
        Standing::Settling => text.push_str(", coming down from a peak"),
        Standing::Rising | Standing::Worse => {
            if let Some(n) = f.rising {
                text.push_str(&format!(", rising over the last {n} looks"));
            }
        }
        Standing::Fine | Standing::Unknown => {
            text.push_str(&format!(" over {}", count(looks, "look")))
        }
    }
    text
}

/// The level and what it was before.
fn level(f: &Finding<'_>) -> String {
    if let (Metric::Health, Some((failed, of))) = (f.metric, f.failures) {
        return format!("health check failed on {failed:.0} of the last {of:.0} looks");
    }
    let unit = f.metric.unit();
    let mut text = format!("{} {}", f.metric, value(f.recent, unit));
    if let Some((failed, of)) = f.failures {
        text.push_str(&format!(" ({failed:.0} of {of:.0} requests)"));
    }
    match f.normal {
        Some(normal) => {
            text.push_str(&format!(" against {} before", value(normal, unit)));
            let times = f.recent / normal;
            if f.standing != Standing::Fine && normal > 0.0 && times.is_finite() {
                text.push_str(&format!(" ({times:.1}x)"));
            }
        }
        None => text.push_str(", with nothing measured before"),
    }
    text
}

/// A value with its unit.
fn value(v: f64, unit: Unit) -> String {
    match unit {
        Unit::Ratio => format!("{:.1}%", v * 100.0),
        Unit::Seconds => format!("{v:.3} s"),
        Unit::PerSecond => format!("{v:.1}/s"),
        Unit::Bytes => format!("{:.1} MiB", v / 1_048_576.0),
        _ => format!("{v:.1}"),
    }
}

/// What use of the path that failed says; `None` where nothing needed it.
pub(super) fn exercise(e: &Exercise) -> Option<String> {
    if e.recurrences > 0 {
        let times = count(usize::try_from(e.recurrences).unwrap_or(usize::MAX), "time");
        return Some(format!("the error still occurs: seen {times} since the release"));
    }
    if e.needed == 0 {
        return None;
    }
    Some(match e.requests {
        None => String::from("nobody can tell whether the path that failed was used"),
        Some(n) if n >= e.needed => {
            format!("{n} requests on the path that failed ({} needed), without the error", e.needed)
        }
        Some(n) => format!("only {n} of {} requests needed on the path that failed", e.needed),
    })
}

/// What errors that are new say.
pub(super) fn new_errors(n: u64) -> Option<String> {
    let times = count(usize::try_from(n).unwrap_or(usize::MAX), "error");
    (n > 0).then(|| format!("{times} never seen before this release"))
}

fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}
