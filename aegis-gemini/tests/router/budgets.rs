//! Quotas, budgets and what is kept for judgement.

use aegis_core::{Error, ErrorKind};
use aegis_gemini::model::{Price, Quota};

use super::*;

fn lite(per_minute: Option<u32>, per_day: Option<u64>) -> RouterConfig {
    config(&[LITE]).with_quota(Choice::new("main", LITE), Quota { per_minute, per_day })
}

async fn answers(bed: &Bed, task: Task) -> usize {
    let mut answered = 0;
    while bed.ask(&bed.question(task)).await.is_ok() {
        answered += 1;
    }
    answered
}

#[tokio::test]
async fn a_fifth_of_a_quota_is_kept_for_judgement_whichever_comes_first() {
    let bed = Bed::new(lite(None, Some(10)), []);
    assert_eq!(answers(&bed, Task::Fix).await, 8);
    assert_eq!(answers(&bed, Task::Judgement).await, 2);
    let bed = Bed::new(lite(None, Some(10)), []);
    for _ in 0..3 {
        bed.ask(&bed.question(Task::Judgement)).await.unwrap();
    }
    assert_eq!(answers(&bed, Task::Diagnosis).await, 7);
    assert_eq!(bed.asked().len(), 10);
}

#[tokio::test]
async fn failed_requests_count_and_a_restart_forgets_nothing_before_the_day_is_over() {
    let quota = || lite(None, Some(10));
    let mut bed = Bed::new(quota(), vec![Does::Refuse(RefusalKind::Failed); 3]);
    bed.triage().await.unwrap_err();
    assert_eq!(bed.asked().len(), 3);
    bed.restart(quota());
    assert_eq!(answers(&bed, Task::Triage).await, 5);
    bed.clock.set(at(datetime!(2026-11-21 08:00 UTC)));
    assert_eq!(answers(&bed, Task::Triage).await, 8);
}

#[tokio::test]
async fn a_dropped_question_counts() {
    let bed = Bed::new(lite(None, Some(10)), [Does::Hang]);
    let question = bed.question(Task::Triage);
    tokio::select! {
        biased;
        _ = bed.router.ask(&question, yes) => panic!("it hangs"),
        () = tokio::task::yield_now() => {}
    }
    assert_eq!(bed.asked().len(), 1);
    assert_eq!(answers(&bed, Task::Triage).await, 7);
    assert!(bed.router.figures().cost > 0);
}

#[tokio::test]
async fn no_more_than_a_minutes_quota_goes_out_within_any_minute() {
    let bed = Bed::new(lite(Some(3), None), []);
    let mut times = Vec::new();
    for _ in 0..10 {
        bed.triage().await.unwrap();
        times.push(bed.clock.now());
    }
    let minute = Duration::from_secs(60);
    assert!(times.windows(4).all(|four| four[3].since(four[0]) >= minute), "{times:?}");
}

#[tokio::test]
async fn what_a_day_may_cost_is_not_passed_and_answers_cost_what_they_took() {
    let price = Price { input: 300_000, cached: 30_000, output: 2_500_000 };
    let each = price.of(&Usage::new(1_000, 100, 0, 0));
    // What is taken ahead is for an answer of 4,096 tokens, and is given back.
    let bed = Bed::new(lite(None, None).with_day_cost(20_000), []);
    let asked = answers(&bed, Task::Triage).await;
    assert!((8..=11).contains(&asked), "{asked}");
    let figures = bed.router.figures();
    assert_eq!((figures.cost, figures.unpriced), (each * u64::try_from(asked).unwrap(), 0));
    assert!(answers(&bed, Task::Judgement).await >= 4);
    let day = QuotaDay::UsPacific.of(bed.clock.now());
    let used = bed.journal.used(&format!("models/cost/{day}")).await.unwrap();
    assert_eq!(used, bed.router.figures().cost);
    assert!(used <= 20_000, "{used}");
    bed.clock.set(at(datetime!(2026-11-21 08:00 UTC)));
    bed.triage().await.unwrap();
}

#[tokio::test]
async fn a_lost_answer_costs_what_it_may_have_cost_and_a_refused_one_nothing() {
    let bed = Bed::new(lite(None, None), [Does::Refuse(RefusalKind::Invalid)]);
    bed.triage().await.unwrap_err();
    assert_eq!(bed.router.figures().cost, 0);
    bed.plan(vec![Does::Refuse(RefusalKind::Failed); 3]);
    bed.triage().await.unwrap_err();
    assert!(bed.router.figures().cost >= 3 * 4_096 * 5 / 2);
}

#[tokio::test]
async fn the_share_of_small_models_is_counted_by_request() {
    let bed = Bed::new(config(&[LITE, FLASH]), vec![Does::Refuse(RefusalKind::Failed); 3]);
    assert_eq!(bed.router.figures().lite_share(), None);
    bed.triage().await.unwrap();
    let figures = bed.router.figures();
    assert_eq!((figures.requests, figures.lite, figures.lite_share()), (4, 3, Some(0.75)));
}

#[test]
fn what_can_not_work_is_refused_at_the_start() {
    let journal = || Arc::new(MemoryJournal::default());
    let builds = |config| {
        let router = Router::builder(config, journal()).project("main", Arc::<Planned>::default());
        router.build().map(drop)
    };
    builds(config(&[LITE])).unwrap();
    for (bad, says) in [
        (config(&[]), "no model does Triage"),
        (config(&["gpt"]), "add it to the catalogue"),
        (config(&[LITE]).with_task(Task::Fix, [Choice::new("gone", LITE)]), "no such project"),
    ] {
        let error: Error = builds(bad).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn a_configuration_is_read_as_it_was_written() {
    let config = lite(Some(3), None).with_day_cost(7);
    let written = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<RouterConfig>(&written).unwrap(), config);
    let typo = written.replacen("\"day_cost\"", "\"day_costs\"", 1);
    assert!(serde_json::from_str::<RouterConfig>(&typo).is_err());
}
