//! What holds for any evidence.

use super::tests::Scene;
use super::*;
use crate::id::Timestamp;
use crate::model::{MetricEvidence, Summary, Unit};
use proptest::prelude::*;

fn any_metric() -> impl Strategy<Value = Metric> {
    prop_oneof![
        Just(Metric::ErrorRate),
        Just(Metric::LatencyP95),
        Just(Metric::RequestRate),
        Just(Metric::Cpu),
        Just(Metric::Health),
        Just(Metric::RouteErrors("/pay".into())),
        Just(Metric::Custom("queue".into(), Unit::Count)),
    ]
}

fn any_evidence() -> impl Strategy<Value = Evidence> {
    let float = prop_oneof![any::<f64>(), 0.0..1.0_f64];
    let one = (
        any_metric(),
        prop::collection::vec(prop::option::of(float.clone()), 0..12),
        prop::collection::vec(any::<u64>(), 0..12),
        (any::<u32>(), float.clone(), float.clone(), float, any::<u64>()),
    );
    let rest = (any::<i32>(), any::<i32>(), any::<bool>(), any::<u64>(), any::<u64>());
    (prop::collection::vec(one, 0..5), rest, prop::option::of(any::<u64>()), 0_u64..5).prop_map(
        |(metrics, (now, ends, strict, needed, recurrences), requests, new_errors)| {
            let mut e = Scene::new().at(0, 1);
            (e.now, e.ends_at) = (Timestamp::from_ms(now.into()), Timestamp::from_ms(ends.into()));
            e.strict = strict;
            e.new_errors = new_errors;
            e.exercise.requests = requests;
            e.exercise.needed = needed;
            e.exercise.recurrences = recurrences % 4;
            for (metric, values, events, (count, median, spread, mean, total)) in metrics {
                let mut s = Summary::of([0.0], 0).expect("one value");
                (s.count, s.median, s.spread, s.mean, s.events) =
                    (count, median, spread, mean, total);
                e.baseline.metrics.push((metric.clone(), s));
                let mut m = MetricEvidence::new(metric);
                (m.values, m.events) = (values, events);
                e.metrics.push(m);
            }
            e
        },
    )
}

proptest! {
    #[test]
    fn any_evidence_has_one_verdict(e in any_evidence()) {
        let first = verdict(&e, &JudgeConfig::default());
        prop_assert_eq!(&first, &verdict(&e, &JudgeConfig::default()));
        prop_assert!(!first.grounds().reasons.is_empty());
        if !e.over() {
            prop_assert!(matches!(first, Verdict::Watch(_) | Verdict::Rollback(_)));
        } else {
            prop_assert!(!matches!(first, Verdict::Watch(_)));
        }
    }

    #[test]
    fn nothing_seen_is_never_kept(mut e in any_evidence(), needed in 0_u64..3) {
        e.metrics.iter_mut().for_each(|m| m.values.iter_mut().for_each(|v| *v = None));
        e.exercise.requests = None;
        e.exercise.needed = needed;
        prop_assert!(!matches!(verdict(&e, &JudgeConfig::default()), Verdict::Keep(_)));
    }

    #[test]
    fn more_failures_never_turn_a_rollback_into_keep(
        failed in prop::collection::vec(0_u64..20, 3..20),
        more in prop::collection::vec(0_u64..10, 20),
        base in 0.0..0.1_f64,
        strict in any::<bool>(),
    ) {
        let scene = |failed: &[u64]| {
            let after = failed.iter().map(|&f| Some(f.min(20) as f64 / 20.0)).collect();
            let s = Scene::new().metric(Metric::ErrorRate, &[base; 20], 20, after);
            verdict(&(if strict { s.strict() } else { s }).at(failed.len(), failed.len()), &JudgeConfig::default())
        };
        let worse: Vec<u64> = failed.iter().zip(&more).map(|(a, b)| a + b).collect();
        if matches!(scene(&failed), Verdict::Rollback(_)) {
            prop_assert!(!matches!(scene(&worse), Verdict::Keep(_)));
        }
    }
}
