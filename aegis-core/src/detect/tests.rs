use super::*;
use crate::id::Timestamp;
use crate::model::Unit;
use proptest::prelude::*;

/// Numbers that look random and are the same on every run: SplitMix64.
struct Noise(u64);

impl Noise {
    /// Roughly normal, standard deviation 1: twelve uniform numbers less six.
    fn next(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }

    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn point(value: f64) -> Option<Point> {
    Some(Point::new(Timestamp::from_ms(0), value))
}

fn weighed(value: f64, weight: u64) -> Option<Point> {
    point(value).map(|p| p.with_weight(weight))
}

fn feed(detector: &mut Detector, points: impl IntoIterator<Item = Option<Point>>) -> Vec<Change> {
    points.into_iter().filter_map(|p| detector.observe(p)).collect()
}

fn latency_around(level: f64) -> Detector {
    let mut d = Detector::new(Metric::LatencyP95, DetectConfig::default());
    let mut noise = Noise(1);
    let changes = feed(&mut d, (0..64).map(|_| point(level * (1.0 + 0.05 * noise.next()))));
    assert_eq!((changes, d.state()), (vec![], State::Normal));
    d
}

#[test]
fn noise_alone_opens_nothing_in_ten_thousand_samples() {
    let mut d = Detector::new(Metric::LatencyP95, DetectConfig::default());
    let mut noise = Noise(7);
    let changes =
        feed(&mut d, (0..10_000).map(|_| point((0.1 * (1.0 + 0.3 * noise.next())).max(0.01))));
    assert_eq!(changes, vec![]);
    assert!(d.healthy());
}

#[test]
fn a_step_opens_once_after_three_samples_and_closes_after_three_good_ones() {
    let mut d = latency_around(0.1);
    assert_eq!(feed(&mut d, [0.3, 0.3].map(point)), vec![]);
    let opened = d.observe(point(0.3));
    let Some(Change::Opened(anomaly)) = opened else { panic!("{opened:?}") };
    assert_eq!(anomaly.measured, 0.3);
    assert!((anomaly.expected - 0.1).abs() < 0.01 && anomaly.deviations > 4.0, "{anomaly:?}");
    assert_eq!(feed(&mut d, (0..50).map(|_| point(0.3))), vec![]);
    assert_eq!(d.state(), State::Anomalous);
    assert_eq!(feed(&mut d, [0.1, 0.1].map(point)), vec![]);
    assert_eq!(d.observe(point(0.1)), Some(Change::Closed));
    assert!(d.healthy());
}

#[test]
fn better_than_before_is_not_an_anomaly() {
    let mut d = latency_around(0.1);
    assert_eq!(feed(&mut d, (0..10).map(|_| point(0.01))), vec![]);
}

#[test]
fn a_metric_without_direction_is_watched_on_both_sides() {
    for level in [10.0, 400.0] {
        let mut d = Detector::new(Metric::RequestRate, DetectConfig::default());
        feed(&mut d, (0..20).map(|i| point(100.0 + f64::from(i % 3))));
        let changes = feed(&mut d, (0..3).map(|_| point(level)));
        assert!(matches!(changes[..], [Change::Opened(_)]), "{level}: {changes:?}");
    }
}

#[test]
fn a_flat_series_does_not_alarm_on_what_nobody_would_notice() {
    let mut d = Detector::new(Metric::LatencyP95, DetectConfig::default());
    feed(&mut d, (0..20).map(|_| point(0.004)));
    assert_eq!(feed(&mut d, (0..10).map(|_| point(0.010))), vec![], "6 ms more is jitter");
    let mut d = Detector::new(Metric::ErrorRate, DetectConfig::default());
    feed(&mut d, (0..20).map(|_| point(0.0)));
    assert_eq!(feed(&mut d, (0..10).map(|_| point(0.03))), vec![]);
    assert_eq!(feed(&mut d, (0..3).map(|_| point(0.10))).len(), 1);
}

#[test]
fn one_failure_among_few_requests_is_not_an_anomaly_and_many_are() {
    let mut d = Detector::new(Metric::ErrorRate, DetectConfig::default());
    feed(&mut d, (0..20).map(|_| weighed(0.0, 5)));
    // One failed of five requests, again and again, stays below the bound; two of five do not.
    assert_eq!(feed(&mut d, [weighed(0.2, 5)].repeat(3)), vec![]);
    let changes = feed(&mut d, [weighed(0.4, 5)].repeat(3));
    assert!(matches!(changes[..], [Change::Opened(_)]), "{changes:?}");
    let mut d = Detector::new(Metric::ErrorRate, DetectConfig::default());
    feed(&mut d, (0..20).map(|_| weighed(0.0, 500)));
    assert_eq!(feed(&mut d, [weighed(0.2, 500)].repeat(3)).len(), 1);
}

#[test]
fn a_slow_sample_with_one_request_behind_it_counts_less() {
    let mut d = latency_around(0.1);
    assert_eq!(feed(&mut d, [weighed(0.22, 1)].repeat(5)), vec![]);
    assert_eq!(feed(&mut d, [weighed(0.22, 200)].repeat(3)).len(), 1);
}

#[test]
fn three_suspicious_of_five_open_and_two_of_five_do_not() {
    let mut d = latency_around(0.1);
    assert_eq!(feed(&mut d, [0.3, 0.1, 0.1, 0.1, 0.1].repeat(5).into_iter().map(point)), vec![]);
    let mut d = latency_around(0.1);
    assert_eq!(feed(&mut d, [0.3, 0.1, 0.3, 0.1, 0.3].map(point)).len(), 1);
}

#[test]
fn what_is_suspicious_is_not_learned() {
    let mut d = latency_around(0.1);
    let expected = d.expected();
    assert_eq!(feed(&mut d, [0.3, 0.3].map(point)), vec![]);
    assert_eq!(d.expected(), expected);
}

#[test]
fn nothing_is_said_before_the_warm_up_is_over() {
    let mut d = Detector::new(Metric::Cpu, DetectConfig::default().with_warm_up(4));
    for (i, v) in [0.1, 0.9, 0.1, 0.9].into_iter().enumerate() {
        assert_eq!((d.state(), d.expected()), (State::Learning, None), "{i}");
        assert_eq!(d.observe(point(v)), None);
    }
    assert_eq!((d.state(), d.expected()), (State::Normal, Some(0.5)));
    let mut endless = Detector::new(Metric::Cpu, DetectConfig::default().with_warm_up(1_000));
    feed(&mut endless, [point(0.1)].repeat(64));
    assert_eq!(endless.state(), State::Normal, "a warm-up longer than the window still ends");
}

#[test]
fn missing_samples_are_neither_zero_nor_healthy_and_then_blind() {
    let mut d = latency_around(0.1);
    let expected = d.expected();
    assert_eq!(d.observe(None), None);
    assert!(!d.healthy());
    assert_eq!(d.state(), State::Normal);
    feed(&mut d, [None, point(f64::NAN)]);
    assert_eq!(d.state(), State::Blind);
    assert_eq!(d.expected(), expected, "nothing was learned from nothing");
    d.observe(point(0.1));
    assert!(d.healthy());
}

#[test]
fn silence_does_not_close_an_anomaly() {
    let mut d = latency_around(0.1);
    feed(&mut d, [point(0.3)].repeat(3));
    assert_eq!(feed(&mut d, [None].repeat(100)), vec![]);
    assert_eq!(d.state(), State::Blind);
    assert_eq!(d.observe(point(0.3)), None, "told once");
    assert_eq!(d.state(), State::Anomalous);
}

#[test]
fn an_incident_does_not_become_normal_until_it_is_adopted() {
    let mut d = latency_around(0.1);
    let changes = feed(&mut d, (0..122).map(|_| point(0.3)));
    assert!(matches!(changes[..], [Change::Opened(_)]), "{changes:?}");
    assert!(d.expected().is_some_and(|e| e < 0.12), "frozen");
    assert_eq!(d.observe(point(0.3)), Some(Change::Adopted));
    assert_eq!(d.state(), State::Learning);
    assert_eq!(feed(&mut d, [point(0.3)].repeat(20)), vec![]);
    assert_eq!(d.expected(), Some(0.3));
}

#[test]
fn failing_never_becomes_normal() {
    let mut d = Detector::new(Metric::ErrorRate, DetectConfig::default());
    feed(&mut d, [point(0.0)].repeat(20));
    let changes = feed(&mut d, [point(0.5)].repeat(10_000));
    assert!(matches!(changes[..], [Change::Opened(_)]), "{changes:?}");
    assert_eq!(d.state(), State::Anomalous);
}

#[test]
fn two_failed_health_checks_in_a_row_open_and_two_passed_close() {
    let mut d = Detector::new(Metric::Health, DetectConfig::default());
    assert_eq!(feed(&mut d, [1.0, 0.0, 1.0, 0.0, 1.0].map(point)), vec![]);
    let changes = feed(&mut d, [0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0].map(point));
    assert!(matches!(changes[..], [Change::Opened(_), Change::Closed]), "{changes:?}");
}

#[test]
fn a_configuration_refuses_what_it_does_not_know() {
    let config: DetectConfig = serde_json::from_str(r#"{"open_at": 6.0}"#).expect("known fields");
    assert_eq!((config.open_at, config.warm_up), (6.0, 10));
    assert!(serde_json::from_str::<DetectConfig>(r#"{"opn_at": 6.0}"#).is_err());
}

fn any_metric() -> impl Strategy<Value = Metric> {
    prop_oneof![
        Just(Metric::ErrorRate),
        Just(Metric::LatencyP99),
        Just(Metric::RequestRate),
        Just(Metric::Health),
        Just(Metric::Custom("queue".into(), Unit::Bytes)),
    ]
}

proptest! {
    #[test]
    fn any_samples_alternate_between_opened_and_over(
        metric in any_metric(),
        samples in prop::collection::vec(prop::option::of((any::<f64>(), any::<u64>())), 0..300),
        warm_up in 0_usize..100,
        of in any::<u32>(),
    ) {
        let config = DetectConfig::default().with_warm_up(warm_up).with_open_after(of / 2, of);
        let mut d = Detector::new(metric, config);
        let mut open = false;
        for s in samples {
            match d.observe(s.map(|(v, w)| Point::new(Timestamp::from_ms(0), v).with_weight(w))) {
                Some(Change::Opened(_)) => { prop_assert!(!open); open = true; }
                Some(Change::Closed | Change::Adopted) => { prop_assert!(open); open = false; }
                None => {}
            }
            prop_assert!(!(open && d.healthy()));
        }
    }
}
