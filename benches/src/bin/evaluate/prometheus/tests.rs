#![allow(clippy::unwrap_used)]

use super::*;

/// Of a fleet of 4 services with 10 metrics each.
fn measured(words: &[&str]) -> Figures {
    let words = [&["--series", "31", "--ticks", "2"], words].concat();
    run(&Options::parse(&words).unwrap()).unwrap()
}

/// Nothing is missing, nothing is worse, and everything was counted.
fn adds_up(figures: &Figures) {
    let Figures { series, services, metrics, .. } = figures;
    assert_eq!((*series, *services, *metrics), (40, 4, 10));
    // Each query once for all services: of the newest sample, nine of values that the ten metrics
    // need, and of the events behind rates, errors and latency.
    assert_eq!(figures.requests, 14, "{figures}");
    assert_eq!((figures.opened, figures.taken_back), (0, 0), "{figures}");
    assert_eq!(figures.kept_releases, 4, "{figures}");
    assert_eq!(figures.parse.series, 4);
    for cpu in [figures.cpu_ms, figures.poll.ns, figures.parse.ns, figures.apart.ns] {
        assert!(cpu > 0.0, "{figures}");
    }
    // Four moments within two seconds: at most a question each.
    assert!((14..=56).contains(&figures.apart.requests), "{figures}");
    // A vector of four services, 14 times.
    let one = figures.parse.body_bytes as u64;
    assert!((10 * one..20 * one).contains(&figures.answer_bytes), "{figures}");
    assert!(figures.poll.allocations > 40, "{figures}");
    assert_eq!(figures.detect.allocations, 0, "{figures}");
    // 64 values of 8 bytes, and what they are judged by.
    assert!((512..2_048).contains(&figures.kept.detector), "{figures}");
    // 30 looks of a value that may be missing, and of a count.
    assert!((30 * 24..3_000).contains(&figures.kept.release), "{figures}");
}

#[test]
fn a_tick_is_measured_on_answers_of_the_benchs_own() {
    let figures = measured(&[]);
    adds_up(&figures);
    let json = serde_json::to_value(&figures).unwrap();
    assert_eq!(json["poll"]["allocations"], figures.poll.allocations);
}

#[test]
fn a_real_prometheus_is_measured_and_answers_as_the_benchs_own_does() {
    adds_up(&measured(&["--real"]));
}

#[test]
fn a_wrong_option_is_said() {
    for words in [&["--series", "0"], &["--ticks", "x"], &["--services", "1"]] {
        assert!(Options::parse(words).is_err(), "{words:?}");
    }
}
