#![allow(clippy::unwrap_used)]

use super::*;
use crate::testkit::mint;
use crate::trace;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_ms(seconds * 1_000)
}

fn error(n: i64, seconds: i64) -> Symptom {
    let text = format!(
        "Traceback (most recent call last):\n  File \"/srv/app/mean.py\", line 2, in mean{n}\n    \
         return sum(xs)\nZeroDivisionError: division by zero\n"
    );
    let trace = trace::parse(&text).pop().unwrap();
    let (print, title) = (trace.fingerprint(), mint::redacted(&trace.to_string()));
    Symptom::new(at(seconds), print, SignalKind::Error(Some(trace)), title)
}

/// At which of these errors, each with its second, a storm begins.
fn begins(errors: impl IntoIterator<Item = (i64, i64)>) -> Option<usize> {
    let (mut storms, shop, config) = (Storms::default(), "shop".into(), StormConfig::default());
    let counts = |(n, seconds)| storms.count(&shop, &error(n, seconds), at(1_000), &config);
    errors.into_iter().position(counts)
}

#[test]
fn ten_different_errors_within_a_minute_are_a_storm_and_nine_are_none() {
    assert_eq!(begins((0..9).map(|n| (n, n))), None);
    assert_eq!(begins((0..12).map(|n| (n, n * 6))), Some(9));
    assert_eq!(begins((0..50).map(|n| (n, n * 7))), None, "they are too far apart");
    assert_eq!(begins((0..500).map(|n| (n % 9, 0))), None, "the same ones count once");
}

#[test]
fn a_log_that_is_read_late_and_a_clock_that_is_ahead_make_no_storm() {
    let hours = (0..50).map(|n| (n, -3_600 * n));
    assert_eq!(begins(hours), None);
    let ahead = (0..9).map(|n| (n, 0)).chain([(10, 1_000_000)]);
    assert_eq!(begins(ahead), None);
}

#[test]
fn only_a_window_of_errors_is_kept() {
    let (mut storms, shop, config) = (Storms::default(), "shop".into(), StormConfig::default());
    for n in 0..2_000 {
        storms.count(&shop, &error(n, n * 7), at(100_000), &config);
        assert!(storms.of(&shop).firsts.len() <= 9);
    }
}

#[test]
fn a_threshold_that_can_t_work_is_refused() {
    let minute = Duration::from_secs(60);
    let of = |fingerprints, within, over| {
        StormConfig::new().with_threshold(fingerprints, within).with_over(over).check().is_ok()
    };
    assert!(of(0, Duration::ZERO, Duration::ZERO), "off");
    assert!(of(2, minute, minute) && of(1_000, minute, minute));
    assert!(!of(1, minute, minute) && !of(1_001, minute, minute));
    assert!(!of(10, Duration::ZERO, minute) && !of(10, minute, Duration::ZERO));
    assert!(serde_json::from_str::<StormConfig>(r#"{"fingerprint": 3}"#).is_err());
}
