//! What comes after each refusal.

use aegis_gemini::model::{Effort, Finish};

use super::*;

const BOTH: [&str; 2] = [LITE, OLD_LITE];

fn refuse(kind: RefusalKind) -> Does {
    Does::Refuse(kind)
}

fn cut() -> Does {
    Does::Say(Answer::new(Untrusted::new("y")).with_finish(Finish::Cut))
}

fn pace(seconds: u64) -> Does {
    refuse(RefusalKind::Pace(Some(Duration::from_secs(seconds))))
}

#[tokio::test]
async fn a_limit_of_the_minute_is_waited_for_where_the_deadline_allows() {
    let bed = Bed::new(config(&BOTH), [pace(38)]);
    let start = bed.clock.now();
    assert_eq!(bed.triage().await.unwrap().choice.model, LITE);
    assert_eq!(bed.clock.now(), start.plus(Duration::from_secs(38)));
    assert_eq!(bed.asked(), [LITE, LITE]);
}

#[tokio::test]
async fn where_the_deadline_does_not_allow_it_the_next_model_is_asked_at_once() {
    let bed = Bed::new(config(&BOTH), [pace(601)]);
    let start = bed.clock.now();
    assert_eq!(bed.triage().await.unwrap().choice.model, OLD_LITE);
    // The rest is the model's, whoever asks.
    assert_eq!(bed.triage().await.unwrap().choice.model, OLD_LITE);
    assert_eq!(
        (bed.clock.now(), bed.asked()),
        (start, vec![LITE.to_owned(), OLD_LITE.to_owned(), OLD_LITE.to_owned(),])
    );
    bed.clock.advance(Duration::from_secs(601));
    assert_eq!(bed.triage().await.unwrap().choice.model, LITE);
}

#[tokio::test]
async fn a_model_is_waited_for_once_and_rests_on_its_own_project_alone() {
    let choices = [Choice::new("main", LITE), Choice::new("spare", LITE)];
    let config = RouterConfig::new(catalogue(), QuotaDay::UsPacific).with_others(choices);
    let bed = Bed::new(config, [pace(5), pace(5)]);
    let reply = bed.triage().await.unwrap();
    assert_eq!((reply.choice.project.as_str(), bed.asked().len()), ("spare", 3));
}

#[tokio::test]
async fn a_limit_that_names_no_time_is_a_minute() {
    let bed = Bed::new(config(&BOTH), [refuse(RefusalKind::Pace(None))]);
    let start = bed.clock.now();
    bed.triage().await.unwrap();
    assert_eq!(bed.clock.now(), start.plus(Duration::from_secs(60)));
}

#[tokio::test]
async fn a_day_that_is_spent_is_over_at_midnight_on_the_coast_and_a_restart_forgets_nothing() {
    for (start, midnight) in [
        (datetime!(2026-11-20 20:00 UTC), datetime!(2026-11-21 08:00 UTC)),
        (datetime!(2027-07-20 20:00 UTC), datetime!(2027-07-21 07:00 UTC)),
        // Clocks are set back on this day, and forward on the other.
        (datetime!(2027-11-07 08:30 UTC), datetime!(2027-11-08 08:00 UTC)),
        (datetime!(2027-03-14 08:30 UTC), datetime!(2027-03-15 07:00 UTC)),
    ] {
        let mut bed = Bed::new(config(&BOTH), [refuse(RefusalKind::Spent)]);
        bed.clock.set(at(start));
        assert_eq!(bed.triage().await.unwrap().choice.model, OLD_LITE);
        assert_eq!((bed.clock.now(), bed.asked().len()), (at(start), 2));
        bed.clock.set(at(midnight - time::Duration::seconds(1)));
        bed.restart(config(&BOTH));
        assert_eq!(bed.triage().await.unwrap().choice.model, OLD_LITE);
        assert_eq!(bed.asked(), [OLD_LITE]);
        bed.clock.set(at(midnight));
        assert_eq!(bed.triage().await.unwrap().choice.model, LITE, "{midnight}");
    }
}

#[tokio::test]
async fn a_model_that_is_gone_is_tried_again_after_a_restart_alone() {
    let mut bed = Bed::new(config(&BOTH), [refuse(RefusalKind::Gone)]);
    assert_eq!(bed.triage().await.unwrap().choice.model, OLD_LITE);
    bed.clock.advance(Duration::from_secs(30 * 86_400));
    assert_eq!(bed.triage().await.unwrap().choice.model, OLD_LITE);
    assert_eq!(bed.asked(), [LITE, OLD_LITE, OLD_LITE]);
    bed.restart(config(&BOTH));
    assert_eq!(bed.triage().await.unwrap().choice.model, LITE);
}

#[tokio::test]
async fn what_failed_is_repeated_twice_after_pauses_with_some_chance_then_the_next_is_asked() {
    for kind in [RefusalKind::Failed, RefusalKind::Late] {
        let mut pauses = Vec::new();
        for _ in 0..20 {
            let bed = Bed::new(config(&BOTH), vec![refuse(kind.clone()); 3]);
            let start = bed.clock.now();
            assert_eq!(bed.triage().await.unwrap().choice.model, OLD_LITE);
            assert_eq!(bed.asked(), [LITE, LITE, LITE, OLD_LITE]);
            pauses.push(bed.clock.now().since(start).as_millis());
        }
        // One second and two, each shortened by up to a half.
        assert!(pauses.iter().all(|pause| (1_500..=3_000).contains(pause)), "{pauses:?}");
        assert!(pauses.iter().any(|pause| *pause != pauses[0]), "{pauses:?}");
    }
}

#[tokio::test]
async fn a_pause_that_ends_after_the_deadline_is_not_made() {
    let bed = Bed::new(config(&BOTH), [refuse(RefusalKind::Failed)]);
    let mut question = bed.question(Task::Triage);
    question.deadline = bed.clock.now().plus(Duration::from_millis(400));
    assert_eq!(bed.ask(&question).await.unwrap().choice.model, OLD_LITE);
}

#[tokio::test]
async fn a_model_that_hangs_has_its_time_and_no_more() {
    let bed = Bed::new(config(&BOTH), vec![Does::Hang; 3]);
    assert_eq!(bed.triage().await.unwrap().choice.model, OLD_LITE);
    assert_eq!(bed.requests()[0].1.within, Duration::from_secs(60));
    let bed = Bed::new(config(&BOTH), [Does::Hang]);
    let mut question = bed.question(Task::Triage);
    question.deadline = bed.clock.now().plus(Duration::from_secs(7));
    assert!(matches!(bed.ask(&question).await, Err(Unanswered::Late | Unanswered::NoneLeft(_))));
    let asked = bed.requests();
    assert_eq!((asked.len(), asked[0].1.within), (1, Duration::from_secs(7)));
    assert_eq!(bed.clock.now(), question.deadline);
}

#[tokio::test]
async fn a_wrong_request_is_given_up() {
    let bed = Bed::new(config(&BOTH), [refuse(RefusalKind::Invalid)]);
    assert!(matches!(bed.triage().await, Err(Unanswered::Refused(_))));
    assert_eq!(bed.asked(), [LITE]);
}

#[tokio::test]
async fn refused_credentials_are_not_tried_on_another_model_but_another_project_is() {
    let choices = [("main", LITE), ("main", OLD_LITE), ("spare", OLD_LITE)];
    let choices = choices.map(|(project, model)| Choice::new(project, model));
    let config = RouterConfig::new(catalogue(), QuotaDay::UsPacific).with_others(choices);
    let bed = Bed::new(config, [refuse(RefusalKind::Denied)]);
    assert_eq!(bed.triage().await.unwrap().choice, Choice::new("spare", OLD_LITE));
    assert_eq!(bed.asked(), [LITE, OLD_LITE]);
}

#[tokio::test]
async fn blamed_sampling_fields_are_stripped_once_and_not_sent_again() {
    let bed = Bed::new(config(&BOTH), [refuse(RefusalKind::Sampling)]);
    let question = || {
        let mut question = bed.question(Task::Triage);
        question.request = question.request.with_temperature(0.05).with_seed(7);
        question
    };
    bed.ask(&question()).await.unwrap();
    bed.ask(&question()).await.unwrap();
    let sampled: Vec<bool> =
        bed.requests().iter().map(|(_, r)| r.temperature.is_some() || r.seed.is_some()).collect();
    assert_eq!(sampled, [true, false, false]);
    bed.plan([refuse(RefusalKind::Sampling)]);
    assert!(matches!(bed.triage().await, Err(Unanswered::Refused(_))));
}

#[tokio::test]
async fn a_cut_answer_is_asked_for_once_more_with_a_larger_cap_or_less_thinking() {
    let bed = Bed::new(config(&BOTH), [cut()]);
    bed.triage().await.unwrap();
    let caps: Vec<u32> = bed.requests().iter().map(|(_, r)| r.output_tokens).collect();
    assert_eq!(caps, [4_096, 8_192]);

    bed.plan([cut()]);
    let mut question = bed.question(Task::Triage);
    question.request = question.request.with_output_tokens(65_536).with_effort(Effort::High);
    bed.ask(&question).await.unwrap();
    let efforts: Vec<_> = bed.requests().iter().map(|(_, r)| r.effort).collect();
    assert_eq!(efforts, [Some(Effort::High), Some(Effort::Medium)]);

    bed.plan([cut(), cut()]);
    assert!(matches!(bed.triage().await, Err(Unanswered::Cut(_))));
    assert_eq!(bed.asked().len(), 2);
}

#[tokio::test]
async fn a_blocked_prompt_is_not_sent_again() {
    let bed = Bed::new(config(&BOTH), [refuse(RefusalKind::Blocked)]);
    assert!(matches!(bed.triage().await, Err(Unanswered::Blocked(_))));
    assert_eq!(bed.asked(), [LITE]);
}

#[tokio::test]
async fn an_unreadable_answer_is_repaired_once_and_what_is_quoted_is_redacted() {
    let bed = Bed::new(config(&BOTH), [say("password=hunter2")]);
    bed.triage().await.unwrap();
    let turns = &bed.requests()[1].1.turns;
    assert_eq!(turns.len(), 3);
    assert!(turns[1].text.as_str().starts_with("password=[redacted:"), "{turns:?}");
    assert!(turns[2].text.as_str().contains("it is no yes"), "{turns:?}");
    assert!(!format!("{turns:?}").contains("hunter2"));

    bed.plan([say("no"), say("no")]);
    assert!(matches!(bed.triage().await, Err(Unanswered::Unreadable(_))));
    assert_eq!(bed.asked().len(), 2);
    bed.plan([refuse(RefusalKind::Unreadable), refuse(RefusalKind::Unreadable)]);
    assert!(matches!(bed.triage().await, Err(Unanswered::Unreadable(_))));
    assert_eq!(bed.asked().len(), 2);
}

#[tokio::test]
async fn after_a_weak_answer_only_abler_models_are_asked() {
    let bed = Bed::new(config(&[OLD_LITE, LITE, FLASH]), []);
    let weak = bed.triage().await.unwrap().choice.model;
    assert_eq!(weak, OLD_LITE);
    let up = bed.ask(&bed.question(Task::Triage).above(weak)).await.unwrap().choice.model;
    assert_eq!(up, LITE);
    let up = bed.ask(&bed.question(Task::Triage).above(up)).await.unwrap().choice.model;
    assert_eq!(up, FLASH);
    let none = bed.ask(&bed.question(Task::Triage).above(up)).await;
    assert!(matches!(none, Err(Unanswered::NoneLeft(None))));
}

#[tokio::test]
async fn the_same_question_is_asked_once_and_another_one_is_not_taken_for_it() {
    let bed = Bed::new(config(&BOTH), [say("no")]);
    let question = bed.question(Task::Triage);
    assert!(!bed.ask(&question).await.unwrap().cached);
    assert_eq!(bed.asked().len(), 2);
    assert!(bed.ask(&question).await.unwrap().cached);
    assert_eq!((bed.asked().len(), bed.router.figures().cached), (0, 1));
    let text = |text| Redactor::standard().redact_str(text);
    let mut others = vec![question.clone(); 4];
    others[0].version = "2".into();
    others[1].request.schema = Some(serde_json::json!({}));
    others[2].request.system = text("Be brief.");
    others[3].request = question.request.clone().with_seed(2);
    for other in others {
        assert!(!bed.ask(&other).await.unwrap().cached);
    }
    assert_eq!(bed.asked().len(), 4);
    let none = Bed::new(config(&BOTH).with_cache_bytes(0), []);
    for _ in 0..2 {
        assert!(!none.ask(&question).await.unwrap().cached);
    }
}

#[tokio::test]
async fn a_request_that_is_too_long_for_a_model_goes_to_the_next() {
    let mut small = catalogue().of(LITE).unwrap().clone();
    small.context_tokens = 6_000;
    let mut config = config(&BOTH);
    config.catalogue = catalogue().with(small);
    let bed = Bed::new(config, []);
    let mut question = bed.question(Task::Triage);
    assert_eq!(bed.ask(&question).await.unwrap().choice.model, BOTH[0]);
    question.request = question.request.ask(Redactor::standard().redact_str(&"a ".repeat(5_000)));
    assert_eq!(bed.ask(&question).await.unwrap().choice.model, BOTH[1]);
    assert_eq!(bed.asked().len(), 2, "nothing went to the small one in vain");
}

#[tokio::test]
async fn an_answer_without_end_is_repeated_in_part() {
    let bed = Bed::new(config(&BOTH), [say(&"no ".repeat(1_000_000))]);
    bed.triage().await.unwrap();
    let repair = &bed.requests()[1].1;
    assert!(repair.turns[1].text.len() <= 32 * 1_024, "{}", repair.turns[1].text.len());
}

#[tokio::test]
async fn who_is_checked_is_not_asked() {
    let bed = Bed::new(config(&BOTH), []);
    let question = bed.question(Task::Validation).besides(BOTH[0]);
    assert_eq!(bed.ask(&question).await.unwrap().choice.model, BOTH[1]);
}
