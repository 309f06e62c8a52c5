//! What is offered, in which order, and what is not offered again.

use aegis_core::model::{Attempt, AttemptEnd};
use aegis_core::testkit::conformance;
use aegis_gemini::fix::{FixConfig, ModelFixes};

use super::{Bed, PATH, candidate, good};

/// A fix of the mean that returns `what` where there is none.
fn returning(title: &str, what: &str) -> String {
    let line = "    return total / len(values)";
    candidate(title, PATH, line, &format!("    if not values:\n        return {what}\n{line}"))
}

fn sampling(samples: u32) -> impl FnOnce(ModelFixes) -> ModelFixes {
    move |fixes| fixes.with_config(FixConfig::default().with_samples(samples))
}

#[tokio::test]
async fn what_most_answers_come_to_is_offered_first_and_once() {
    let commented =
        returning("Say why", "0.0").replace("if not", "# There are none.\n\n    if not");
    let (none, zero) = (returning("None", "None"), returning("Zero", "0.0"));
    let bed =
        Bed::saying([format!("{none}\n{none}"), zero, commented, "NONE".into()]).with(sampling(4));
    assert_eq!(bed.titles().await, ["Zero", "None"]);
    let asked = bed.asked();
    let seeds: Vec<_> = asked.iter().map(|request| request.seed).collect();
    assert_eq!(seeds, [Some(0), Some(1), Some(2), Some(3)]);
}

#[tokio::test]
async fn without_a_majority_candidates_stay_in_their_order() {
    let all: Vec<String> = (0..6).map(|n| returning(&format!("T{n}"), &n.to_string())).collect();
    let bed = Bed::saying([all.concat()]);
    assert_eq!(bed.titles().await, ["T0", "T1", "T2", "T3"]);
    let most = FixConfig::default().with_candidates(2);
    let bed = bed.with(|fixes| fixes.with_config(most));
    assert_eq!(bed.titles().await, ["T0", "T1"]);
}

#[tokio::test]
async fn a_sample_that_cant_be_read_costs_only_itself() {
    let bed = Bed::saying(["no".into(), "no".into(), good()]).with(sampling(2));
    assert_eq!(bed.titles().await, ["Report no mean"]);
    assert_eq!(bed.asked().len(), 3);
}

#[tokio::test]
async fn what_failed_comes_back_as_feedback_and_is_not_offered_again() {
    let mut bed = Bed::saying([returning("None", "None"), returning("None", "None"), good()]);
    let first = bed.generate().await.unwrap().remove(0);
    let why = "tests: test_mean_of_nothing failed: assert None == 0.0";
    let attempt = Attempt::new(first.digest(), first.title, AttemptEnd::Rejected, why);
    bed.case.attempts.push(attempt);
    assert_eq!(bed.titles().await, Vec::<String>::new(), "the same again");
    let told = bed.last_turns().pop().unwrap();
    assert!(
        told.contains("None: verification rejected it\n    tests: test_mean_of_nothing"),
        "{told}"
    );
    bed.case.attempts[0].feedback.push_str("; again");
    assert_eq!(bed.titles().await, ["Report no mean"]);
}

#[tokio::test]
async fn a_generator_keeps_the_contract() {
    let all: Vec<String> = (0..3).map(|n| returning(&format!("T{n}"), &n.to_string())).collect();
    let bed = Bed::saying([all.concat()]);
    conformance::fix::test_all(&bed.fixes, &bed.case, &bed.diagnosis).await;
}
