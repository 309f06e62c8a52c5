//! What of an answer counts.

use aegis_core::model::{Author, Cause, Location, Release};
use aegis_core::stage::Diagnoser as _;
use aegis_core::testkit::conformance;
use aegis_core::{Confidence, ErrorKind, Timestamp};
use aegis_gemini::diagnose::DiagnoserConfig;
use serde_json::{Value, json};

use super::{TRACE, alone, case, diagnoser, holds, line_six, said, sources};
use crate::says::Says;

fn percent(percent: u8) -> Confidence {
    Confidence::from_percent(percent)
}

/// `hypothesis` with some of its fields replaced.
fn with(mut hypothesis: Value, fields: &Value) -> Value {
    let fields = fields.as_object().unwrap().clone();
    hypothesis.as_object_mut().unwrap().extend(fields);
    hypothesis
}

#[tokio::test]
async fn a_cause_that_the_data_bears_out_counts_and_names_its_author() {
    let (diagnosis, model) = alone(&[said(&[line_six(0.75)])]).await;
    let likely = diagnosis.likely().unwrap();
    let place = Location::new("shop/bills.py", 6).with_function("split");
    assert_eq!(likely.cause, Cause::Code(place));
    assert_eq!((likely.confidence, likely.claimed), (percent(75), Some(percent(75))));
    assert_eq!(likely.evidence.len(), 2);
    assert_eq!(diagnosis.author, "gemini-3.5-flash-lite diagnosis@1");
    assert_eq!(diagnosis.base.as_str(), "head");
    assert_eq!(model.asked().len(), 1);
}

#[tokio::test]
async fn what_a_model_claims_counts_for_80_percent_at_most_and_is_kept() {
    let (diagnosis, _) = alone(&[said(&[line_six(0.99)])]).await;
    let likely = diagnosis.likely().unwrap();
    assert_eq!((likely.confidence, likely.claimed), (percent(80), Some(percent(99))));
}

#[tokio::test]
async fn invented_evidence_is_dropped_and_caps() {
    let some = json!({"evidence": ["return total / people", "total is never checked"]});
    let (diagnosis, _) = alone(&[said(&[with(line_six(0.9), &some)])]).await;
    let likely = diagnosis.likely().unwrap();
    assert_eq!(likely.confidence, percent(60));
    assert_eq!(likely.evidence, ["return total / people"]);
}

#[tokio::test]
async fn what_rests_on_nothing_does_not_count() {
    for wrong in [
        json!({"evidence": ["total is never checked"]}),
        json!({"evidence": []}),
        json!({"evidence": ["", " ", "a"]}),
        json!({"path": "shop/prices.py"}),
        json!({"path": "../shop/bills.py"}),
        json!({"line": 4_000}),
        json!({"line": null}),
        json!({"path": null}),
        json!({"cause": "release", "revision": "4f2a9c1d"}),
        json!({"cause": "release"}),
        json!({"cause": "environment", "look_at": " ", "reasoning": ""}),
    ] {
        let answer = said(&[with(line_six(0.9), &wrong)]);
        let (diagnosis, model) = alone(&[answer.clone(), answer]).await;
        assert_eq!(diagnosis.likely(), None, "{wrong}");
        // An abler one was asked as well.
        let asked: Vec<String> = model.asked().into_iter().map(|asked| asked.model).collect();
        assert_eq!(asked, ["gemini-3.5-flash-lite", "gemini-3.8-flash"], "{wrong}");
    }
}

#[tokio::test]
async fn code_that_the_model_did_not_see_counts_for_half() {
    let unseen = json!({"path": "shop/mail.py", "line": 1});
    let (diagnosis, _) = alone(&[said(&[with(line_six(0.9), &unseen)])]).await;
    assert_eq!(diagnosis.likely().unwrap().confidence, percent(50));
}

#[tokio::test]
async fn no_code_to_blame_is_an_answer() {
    let pool = json!({"cause": "environment", "look_at": "the pool of the database"});
    let (diagnosis, _) = alone(&[said(&[with(line_six(0.7), &pool)])]).await;
    let cause = &diagnosis.likely().unwrap().cause;
    assert_eq!(*cause, Cause::Environment("the pool of the database".into()));
}

#[tokio::test]
async fn a_release_is_blamed_by_the_beginning_of_its_revision_where_it_can_be_taken_back() {
    let release = |previous| {
        let person = Author::Person("Ada".into());
        let at = Timestamp::from_ms(3_500_000);
        Release::new("shop".into(), "4f2a9c1d00".into(), at, person).with_previous(previous)
    };
    for (previous, blamed) in [(Some("0a".into()), true), (None, false)] {
        let mut case = case(TRACE);
        case.releases.push(release(previous));
        let answer =
            said(&[with(line_six(0.7), &json!({"cause": "release", "revision": "4f2a9c1d"}))]);
        let model = Says::new([answer.clone(), answer]);
        let config = DiagnoserConfig::default().with_critique(false);
        let diagnoser = diagnoser(&model, sources()).with_config(config);
        let diagnosis = diagnoser.diagnose(&case).await.unwrap();
        assert_eq!(diagnosis.likely().is_some(), blamed);
    }
}

#[tokio::test]
async fn a_weak_answer_makes_an_abler_model_be_asked_and_believed() {
    let (diagnosis, model) = alone(&[said(&[line_six(0.4)]), said(&[line_six(0.7)])]).await;
    assert_eq!(diagnosis.likely().unwrap().confidence, percent(70));
    assert_eq!(diagnosis.author, "gemini-3.8-flash diagnosis@1");
    assert_eq!(model.asked().len(), 2);
    // One that finds nothing knows better than one that guessed.
    let (diagnosis, _) = alone(&[said(&[line_six(0.4)]), said(&[])]).await;
    assert_eq!(diagnosis.likely(), None);
    // Where there is none, the weak answer stays.
    let (diagnosis, _) = alone(&[said(&[line_six(0.4)])]).await;
    assert_eq!(diagnosis.likely().unwrap().confidence, percent(40));
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_asked_for_once_more_and_then_given_up() {
    let model = Says::new(["no JSON".to_owned(), said(&[line_six(0.7)]).to_string()]);
    let config = DiagnoserConfig::default().with_critique(false);
    let mended = diagnoser(&model, sources()).with_config(config.clone());
    assert!(mended.diagnose(&case(TRACE)).await.unwrap().likely().is_some());
    assert!(model.asked()[1].data().contains("no JSON of the schema"), "{:?}", model.asked()[1]);
    for odd in [
        "",
        "{}",
        "[]",
        "null",
        r#"{"hypotheses": [{}]}"#,
        r#"{"hypotheses": [{"cause": "magic", "confidence": 1}]}"#,
        r#"{"hypotheses": [{"cause": "code", "confidence": 7}]}"#,
        r#"{"hypotheses": [{"cause": "code", "confidence": "high"}]}"#,
        "```json\n{\n```",
    ] {
        let given_up = diagnoser(&Says::new([odd, odd]), sources()).with_config(config.clone());
        let error = given_up.diagnose(&case(TRACE)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Invalid, "{odd}: {error}");
    }
    let deep = "[".repeat(100_000);
    let given_up = diagnoser(&Says::new([&deep, &deep]), sources()).with_config(config.clone());
    assert!(given_up.diagnose(&case(TRACE)).await.is_err());
}

#[tokio::test]
async fn a_fence_around_the_answer_is_no_fault() {
    let model = Says::new([format!("```json\n{}\n```", said(&[line_six(0.7)]))]);
    let config = DiagnoserConfig::default().with_critique(false);
    let diagnoser = diagnoser(&model, sources()).with_config(config);
    assert!(diagnoser.diagnose(&case(TRACE)).await.unwrap().likely().is_some());
}

#[tokio::test]
async fn the_conformance_suite_holds_over_recorded_answers() {
    let answers = (0..40).map(|n| if n % 2 == 0 { said(&[line_six(0.7)]) } else { holds() });
    let model = Says::new(answers);
    let diagnoser = diagnoser(&model, sources());
    conformance::diagnose::test_all(&diagnoser, &case(TRACE)).await;
}
