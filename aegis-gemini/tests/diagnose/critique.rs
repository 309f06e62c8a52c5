//! A second model that tries to refute.

use aegis_core::Confidence;
use aegis_core::model::Diagnosis;
use aegis_core::stage::Diagnoser as _;
use serde_json::{Value, json};

use super::{TRACE, case, diagnoser, holds, line_six, said, sources};
use crate::says::{Asked, Says};

async fn criticised(critique: &[Value]) -> (Diagnosis, Vec<Asked>) {
    let answers = [said(&[line_six(0.75)])].into_iter().chain(critique.iter().cloned());
    let model = Says::new(answers);
    let diagnosis = diagnoser(&model, sources()).diagnose(&case(TRACE)).await.unwrap();
    (diagnosis, model.asked())
}

#[tokio::test]
async fn another_model_than_the_author_is_asked_and_told_no_confidence() {
    let (diagnosis, asked) = criticised(&[holds()]).await;
    let models: Vec<&str> = asked.iter().map(|asked| asked.model.as_str()).collect();
    assert_eq!(models, ["gemini-3.5-flash-lite", "gemini-3.1-flash-lite"]);
    let data = asked[1].data();
    assert!(data.contains("the code at shop/bills.py:6") && data.contains("people is 0"), "{data}");
    assert!(!data.contains("0.75") && !data.contains("75"), "{data}");
    let likely = diagnosis.likely().unwrap();
    assert_eq!(likely.confidence, Confidence::from_percent(75));
    let said = "gemini-3.1-flash-lite critique@1 found nothing against it";
    assert_eq!(likely.evidence.last().unwrap(), said);
}

#[tokio::test]
async fn an_objection_lowers_what_counts_and_one_that_quotes_the_data_lowers_it_more() {
    let objection = |verdict: &str, quote: &str| json!({"objections": ["a guest has no people"], "evidence": [quote], "verdict": verdict});
    for (critique, percent) in [
        (objection("doubtful", "len(order.people)"), 55),
        (objection("refuted", "people is never 0 here"), 55),
        (objection("refuted", "len(order.people)"), 25),
    ] {
        let (diagnosis, _) = criticised(std::slice::from_ref(&critique)).await;
        let likely = diagnosis.likely().unwrap();
        assert_eq!(likely.confidence, Confidence::from_percent(percent), "{critique}");
        assert!(likely.evidence.last().unwrap().contains("objects: a guest has no people"));
    }
}

#[tokio::test]
async fn what_nobody_checked_counts_for_70_percent() {
    let (diagnosis, asked) = criticised(&[]).await;
    assert_eq!(diagnosis.likely().unwrap().confidence, Confidence::from_percent(70));
    assert_eq!(asked.len(), 3, "the other small model and the able one were tried");
}
