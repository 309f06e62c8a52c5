use super::*;
use crate::id::{Confidence, Revision, Timestamp};
use crate::model::{Baseline, Exercise, MetricEvidence, Summary};

/// Numbers that look random and are the same on every run: SplitMix64.
pub(super) struct Noise(pub(super) u64);

impl Noise {
    pub(super) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Around 1 with a standard deviation of `spread`.
    fn around_one(&mut self, spread: f64) -> f64 {
        1.0 + spread * ((0..12).map(|_| self.uniform()).sum::<f64>() - 6.0)
    }
}

/// Looks in a window of five minutes, one every 10 s.
const LOOKS: usize = 30;

/// A release under watch: a series a metric, before and after.
pub(super) struct Scene {
    before: Vec<(Metric, Summary)>,
    after: Vec<(Metric, Vec<Option<f64>>, u64)>,
    exercise: Exercise,
    new_errors: u64,
    strict: bool,
}

impl Scene {
    pub(super) fn new() -> Self {
        Self {
            before: vec![],
            after: vec![],
            exercise: Exercise::new(0),
            new_errors: 0,
            strict: false,
        }
    }

    /// A metric with a baseline of `before`, and `events` requests behind each of its looks.
    pub(super) fn metric(
        mut self,
        metric: Metric,
        before: &[f64],
        events: u64,
        after: Vec<Option<f64>>,
    ) -> Self {
        let summary = Summary::of(before.iter().copied(), events * before.len() as u64);
        self.before.extend(summary.map(|s| (metric.clone(), s)));
        self.after.push((metric, after, events));
        self
    }

    /// P95 around 0.1 s before, and 0.1 s times `shape` of the look's number after it.
    fn latency(self, seed: u64, shape: impl Fn(f64) -> f64) -> Self {
        self.latency_of(Metric::LatencyP95, seed, shape)
    }

    fn latency_of(self, metric: Metric, seed: u64, shape: impl Fn(f64) -> f64) -> Self {
        let mut noise = Noise(seed);
        let before: Vec<f64> = (0..LOOKS).map(|_| 0.1 * noise.around_one(0.08)).collect();
        let after =
            (0..LOOKS).map(|i| Some(0.1 * shape(i as f64) * noise.around_one(0.08))).collect();
        self.metric(metric, &before, 200, after)
    }

    /// A series of 30 looks at each of `rate` failures among `events` requests.
    fn errors(self, seed: u64, events: u64, before: f64, after: impl Fn(usize) -> f64) -> Self {
        let mut noise = Noise(seed);
        let mut draw = |rate: f64| {
            (0..events).filter(|_| noise.uniform() < rate).count() as f64 / events as f64
        };
        let old: Vec<f64> = (0..LOOKS).map(|_| draw(before)).collect();
        let new = (0..LOOKS).map(|i| Some(draw(after(i)))).collect();
        self.metric(Metric::ErrorRate, &old, events, new)
    }

    fn exercised(mut self, requests: Option<u64>, needed: u64, recurrences: u64) -> Self {
        self.exercise.needed = needed;
        self.exercise.requests = requests;
        self.exercise.recurrences = recurrences;
        self
    }

    pub(super) fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// The evidence after `looks` of `of` looks.
    pub(super) fn at(&self, looks: usize, of: usize) -> Evidence {
        let at = |n: usize| Timestamp::from_ms(n as i64 * 10_000);
        let baseline = Baseline::new(at(0), self.before.clone());
        let mut e = Evidence::new(Revision::new("4f2a9c1"), at(0), at(of), baseline);
        e.now = at(looks);
        e.looks = looks as u32;
        e.exercise = self.exercise;
        e.new_errors = self.new_errors;
        e.strict = self.strict;
        for (metric, values, events) in &self.after {
            let mut m = MetricEvidence::new(metric.clone());
            values.iter().take(looks).for_each(|v| m.push(*v, *events));
            e.metrics.push(m);
        }
        e
    }

    /// Looks as a planner does until something is decided: the verdict, and after how many looks.
    fn watch(&self) -> (Verdict, usize) {
        let judge = Statistical::default();
        let decided = (1..=LOOKS)
            .map(|n| (judge.decide(&self.at(n, LOOKS)), n))
            .find(|(v, _)| !matches!(v, Verdict::Watch(_)));
        decided.expect("the last look decides")
    }
}

fn kept(scene: &Scene) {
    let (verdict, looks) = scene.watch();
    assert!(matches!(verdict, Verdict::Keep(_)), "after {looks}: {verdict:#?}");
}

fn rolled_back_within(scene: &Scene, most: usize) -> Grounds {
    let (verdict, looks) = scene.watch();
    let Verdict::Rollback(grounds) = verdict else { panic!("after {looks}: {verdict:#?}") };
    assert!(looks <= most, "only after {looks}: {grounds:#?}");
    assert!(grounds.confidence < Confidence::from_percent(50), "{grounds:#?}");
    grounds
}

fn inconclusive(scene: &Scene) -> Grounds {
    let (verdict, looks) = scene.watch();
    let Verdict::Inconclusive(grounds) = verdict else { panic!("after {looks}: {verdict:#?}") };
    grounds
}

#[test]
fn flat_noise_is_kept() {
    for seed in 0..200 {
        kept(&Scene::new().latency(seed, |_| 1.0).errors(seed, 50, 0.01, |_| 0.01));
    }
}

#[test]
fn a_doubled_latency_goes_as_soon_as_it_had_time_to_warm_up() {
    let scene = Scene::new().latency(1, |_| 2.0).errors(1, 50, 0.0, |_| 0.0);
    assert!(matches!(verdict_of_at(&scene, 14), Verdict::Watch(_)));
    let g = rolled_back_within(&scene, 15);
    assert!(g.reasons[0].starts_with("latency P95 0."), "{g:?}");
    assert!(g.reasons[0].contains(" s against 0."), "{g:?}");
}

#[test]
fn a_step_by_half_goes_and_one_by_a_tenth_stays() {
    rolled_back_within(&Scene::new().latency(2, |_| 1.5), LOOKS);
    kept(&Scene::new().latency(2, |_| 1.1));
}

#[test]
fn a_step_by_a_third_is_never_called_proven_good() {
    for seed in 0..50 {
        let (verdict, _) = Scene::new().latency(seed, |_| 1.35).watch();
        assert!(matches!(verdict, Verdict::Rollback(_) | Verdict::Inconclusive(_)), "{verdict:#?}");
    }
}

#[test]
fn a_slow_ramp_is_caught_while_it_rises() {
    let g = rolled_back_within(&Scene::new().latency(3, |i| 1.0 + i / 20.0), 25);
    assert!(g.reasons[0].contains("rising over the last"), "{g:?}");
}

#[test]
fn a_ramp_that_is_not_there_yet_is_not_kept() {
    let g = inconclusive(&Scene::new().latency(4, |i| 1.0 + 0.22 * i / 30.0));
    assert!(g.reasons[0].contains("rising"), "{g:?}");
}

#[test]
fn a_cold_cache_that_settles_is_waited_out() {
    for seconds in [10.0, 30.0, 60.0] {
        kept(&Scene::new().latency(5, |i| 1.0 + 4.0 * (-i * 10.0 / seconds).exp()));
    }
}

#[test]
fn a_warm_up_that_takes_half_of_the_window_is_waited_out() {
    for seed in 0..50 {
        kept(&Scene::new().latency(seed, |i| 1.0 + 4.0 * (1.0 - i / 15.0).max(0.0)));
        kept(&Scene::new().latency(seed, |i| if i < 12.0 { 3.0 } else { 1.0 }));
        kept(&Scene::new().latency(seed, |i| if i < 14.0 { 3.0 } else { 1.0 }));
    }
}

#[test]
fn a_tail_that_goes_once_the_cache_is_full_is_waited_out() {
    let tail = |seed, until: f64| {
        let scene = Scene::new().latency(seed, |_| 1.0);
        scene.latency_of(Metric::LatencyP99, seed + 50, move |i| if i < until { 2.4 } else { 1.0 })
    };
    for seed in 0..50 {
        kept(&tail(seed, 16.0));
    }
    rolled_back_within(&tail(7, 30.0), 24);
    // Where nothing else is measured it stands for all.
    let alone = Scene::new().latency_of(Metric::LatencyP99, 7, |_| 2.4);
    rolled_back_within(&alone, 18);
}

#[test]
fn what_still_settles_when_the_window_ends_is_neither_kept_nor_taken_back() {
    let g = inconclusive(&Scene::new().latency(6, |i| 1.0 + 8.0 * (-i / 12.0).exp()));
    assert!(g.reasons[0].contains("coming down from a peak"), "{g:?}");
}

#[test]
fn a_good_beginning_is_not_kept_where_nothing_was_measured_at_the_end() {
    let latency = |last: usize| {
        let after = (0..LOOKS).map(|i| (i < last).then_some(0.1)).collect();
        Scene::new().metric(Metric::LatencyP95, &[0.1; LOOKS], 0, after)
    };
    let health =
        |scene: Scene| scene.metric(Metric::Health, &[1.0; LOOKS], 0, vec![Some(1.0); LOOKS]);
    inconclusive(&latency(LOOKS - 5));
    inconclusive(&health(latency(LOOKS - 5)));
    // A scrape or two may fail.
    kept(&latency(LOOKS - 3));
    // Without visitors there is no latency, and their rate says so.
    let nobody =
        |scene: Scene| scene.metric(Metric::RequestRate, &[9.0; LOOKS], 0, vec![Some(0.0); LOOKS]);
    kept(&nobody(latency(LOOKS - 5)));
}

#[test]
fn cpu_that_follows_the_traffic_is_kept() {
    let flat = |v: f64| vec![v; LOOKS];
    let some = |v: f64| vec![Some(v); LOOKS];
    let scene = |rate: f64, cpu: f64| {
        Scene::new()
            .latency(7, |_| 1.0)
            .metric(Metric::RequestRate, &flat(100.0), 0, some(rate))
            .metric(Metric::Cpu, &flat(0.2), 0, some(cpu))
    };
    kept(&scene(220.0, 0.42));
    let g = inconclusive(&scene(100.0, 0.42));
    assert!(g.reasons[0].starts_with("CPU 42.0% against 20.0% before"), "{g:?}");
    rolled_back_within(&scene(100.0, 0.97), 21);
}

#[test]
fn a_release_during_a_daily_rise_is_kept() {
    let rate = (0..LOOKS).map(|i| Some(100.0 + 2.0 * i as f64)).collect();
    kept(&Scene::new().latency(8, |i| 1.0 + 0.2 * i / 30.0).metric(
        Metric::RequestRate,
        &[100.0; 10],
        0,
        rate,
    ));
}

#[test]
fn one_failure_at_low_traffic_is_not_a_verdict() {
    for bad in 0..LOOKS {
        let after = (0..LOOKS).map(|i| Some(if i == bad { 0.5 } else { 0.0 })).collect();
        kept(&Scene::new().metric(Metric::ErrorRate, &[0.0; 30], 2, after));
    }
}

#[test]
fn two_failures_are_not_a_verdict_however_rare_they_were() {
    let after = (0..LOOKS).map(|i| Some(if i == 0 || i == 2 { 1.0 } else { 0.0 })).collect();
    let scene = Scene::new().metric(Metric::ErrorRate, &[0.0; 10_000], 1, after);
    assert!(matches!(verdict_of_at(&scene, 3), Verdict::Watch(_)));
    kept(&scene);
}

#[test]
fn what_was_seen_before_or_could_have_been_is_not_worse() {
    let uneven = [0.1, 0.2].repeat(15);
    kept(&Scene::new().metric(Metric::LatencyP95, &uneven, 100, vec![Some(0.2); LOOKS]));
    // None of ten requests failed before: that does not rule out one in ten.
    kept(&Scene::new().metric(Metric::ErrorRate, &[0.0], 10, vec![Some(0.1); LOOKS]));
    rolled_back_within(
        &Scene::new().metric(Metric::ErrorRate, &[0.0; 30], 10, vec![Some(0.1); LOOKS]),
        10,
    );
}

#[test]
fn a_percentile_of_one_request_is_not_judged() {
    let slow = |events| {
        Scene::new().metric(Metric::LatencyP95, &[0.1; 30], events, vec![Some(0.9); LOOKS])
    };
    inconclusive(&slow(1));
    rolled_back_within(&slow(50), 21);
}

#[test]
fn errors_do_not_wait_for_a_warm_up() {
    let g = rolled_back_within(&Scene::new().errors(9, 50, 0.002, |_| 0.2), 3);
    assert!(g.reasons[0].starts_with("error rate"), "{g:?}");
    rolled_back_within(&Scene::new().errors(10, 50, 0.002, |_| 0.05), 12);
    let late = rolled_back_within(&Scene::new().errors(11, 50, 0.002, |i| i as f64 / 150.0), 20);
    assert!(late.reasons[0].contains("requests) against"), "{late:?}");
}

#[test]
fn errors_of_unknown_weight_are_judged_by_looks() {
    let after = vec![Some(0.4); LOOKS];
    rolled_back_within(&Scene::new().metric(Metric::ErrorRate, &[0.0; 5], 0, after), 3);
}

#[test]
fn errors_during_the_switch_that_are_over_are_kept() {
    kept(&Scene::new().errors(12, 50, 0.0, |i| if i < 2 { 0.4 } else { 0.0 }));
}

#[test]
fn a_significant_change_that_nobody_notices_is_kept() {
    let after = vec![Some(0.004); LOOKS];
    kept(&Scene::new().metric(Metric::ErrorRate, &[0.001; 30], 100_000, after));
    let after = vec![Some(0.009); LOOKS];
    kept(&Scene::new().metric(Metric::LatencyP95, &[0.002; 30], 1_000, after));
}

#[test]
fn better_than_before_is_kept() {
    kept(&Scene::new().latency(13, |_| 0.3).errors(13, 50, 0.3, |_| 0.0));
}

#[test]
fn failing_health_checks_take_a_release_back() {
    let health =
        |before: f64| Scene::new().metric(Metric::Health, &[before; 5], 0, vec![Some(0.0); LOOKS]);
    let g = rolled_back_within(&health(1.0), 3);
    assert_eq!(g.reasons[0], "health check failed on 3 of the last 3 looks");
    kept(&health(0.0));
}

#[test]
fn missing_looks_count_for_nothing() {
    let gaps = |v: f64| (0..LOOKS).map(|i| (i % 3 == 0).then_some(v)).collect::<Vec<_>>();
    kept(&Scene::new().metric(Metric::ErrorRate, &[0.0; 10], 50, gaps(0.0)));
    rolled_back_within(&Scene::new().metric(Metric::ErrorRate, &[0.0; 10], 50, gaps(0.3)), 7);
}

#[test]
fn no_data_is_inconclusive_and_so_is_data_that_stopped() {
    let g =
        inconclusive(&Scene::new().metric(Metric::ErrorRate, &[0.0; 10], 50, vec![None; LOOKS]));
    assert_eq!(g.reasons, ["error rate: no data since the release"]);
    assert_eq!(inconclusive(&Scene::new()).reasons, ["no data since the release"]);
    for metric in [Metric::ErrorRate, Metric::LatencyP95] {
        let stopped = (0..LOOKS).map(|i| (i < 10).then_some(0.0)).collect();
        inconclusive(&Scene::new().metric(metric, &[0.0; 10], 50, stopped));
    }
}

#[test]
fn cpu_does_not_stand_in_for_what_users_feel() {
    let cpu = |s: Scene| s.metric(Metric::Cpu, &[0.2; 10], 0, vec![Some(0.2); LOOKS]);
    inconclusive(&cpu(Scene::new()).metric(Metric::ErrorRate, &[0.0; 10], 50, vec![None; LOOKS]));
    kept(&cpu(Scene::new()));
}

#[test]
fn a_fix_whose_error_comes_back_is_taken_back_at_once() {
    let scene = |times| Scene::new().errors(14, 50, 0.1, |_| 0.1).exercised(Some(40), 20, times);
    let g = rolled_back_within(&scene(2), 1);
    assert_eq!(g.reasons[0], "the error still occurs: seen 2 times since the release");
    inconclusive(&scene(1));
    kept(&scene(0));
}

#[test]
fn errors_never_seen_before_take_a_release_back() {
    let scene = |n| Scene { new_errors: n, ..Scene::new().errors(15, 50, 0.0, |_| 0.0) };
    let g = rolled_back_within(&scene(3), 1);
    assert_eq!(g.reasons[0], "3 errors never seen before this release");
    kept(&scene(2));
}

#[test]
fn a_path_that_nobody_used_proves_nothing() {
    let flat = || Scene::new().errors(16, 50, 0.0, |_| 0.0);
    inconclusive(&flat().exercised(Some(3), 20, 0));
    inconclusive(&flat().exercised(None, 20, 0));
    kept(&flat().exercised(Some(20), 20, 0));
    kept(&Scene::new().exercised(Some(20), 20, 0));
}

#[test]
fn a_watch_that_nobody_kept_is_not_kept_on_one_look_at_its_end() {
    let late = |scene: Scene, looks: usize| {
        let scene = scene.exercised(Some(900), 5, 0);
        let mut evidence = scene.at(looks, LOOKS);
        evidence.now = evidence.ends_at;
        verdict(&evidence, &JudgeConfig::default())
    };
    let slow = || Scene::new().latency(3, |_| 9.0);
    for (scene, looks) in [(slow(), 1), (slow(), 2), (Scene::new().latency(3, |_| 1.0), 1)] {
        let verdict = late(scene, looks);
        assert!(matches!(verdict, Verdict::Inconclusive(_)), "{verdict:#?}");
    }
    assert!(matches!(late(slow(), LOOKS), Verdict::Rollback(_)));
    // The source is gone since.
    let gone = Scene::new().metric(Metric::ErrorRate, &[0.0; 30], 50, vec![None; LOOKS]);
    assert!(matches!(late(gone, LOOKS), Verdict::Inconclusive(_)));
}

#[test]
fn a_strict_watch_needs_its_confidence() {
    kept(&Scene::new().errors(17, 50, 0.0, |_| 0.0).strict());
    let shaky = |s: Scene| Scene { new_errors: 2, ..s.errors(17, 50, 0.0, |_| 0.0) };
    kept(&shaky(Scene::new()));
    let (verdict, _) = shaky(Scene::new()).strict().watch();
    assert!(matches!(verdict, Verdict::Rollback(_)), "{verdict:#?}");
    let reason = verdict.grounds().reasons.last().cloned().unwrap_or_default();
    assert!(reason.ends_with("at the end of a strict watch, 70.0% needed"), "{reason}");
    let unsure = JudgeConfig::default().with_prior(Confidence::from_percent(50));
    let nothing = Scene::new().exercised(Some(3), 20, 0).strict();
    assert!(matches!(verdict_of(&nothing, &unsure), Verdict::Inconclusive(_)));
}

fn verdict_of_at(scene: &Scene, looks: usize) -> Verdict {
    Statistical::default().decide(&scene.at(looks, LOOKS))
}

fn verdict_of(scene: &Scene, config: &JudgeConfig) -> Verdict {
    verdict(&scene.at(LOOKS, LOOKS), config)
}

#[test]
fn confidence_starts_at_the_prior_and_moves_by_evidence_only() {
    let judge = Statistical::default();
    let of = |s: &Scene, n| judge.decide(&s.at(n, LOOKS)).grounds().confidence;
    assert_eq!(of(&Scene::new(), LOOKS), Confidence::from_percent(80));
    let flat = Scene::new().errors(18, 50, 0.0, |_| 0.0);
    assert_eq!(of(&flat, 1), Confidence::from_percent(80));
    assert!(of(&flat, LOOKS) > Confidence::from_percent(85));
}
