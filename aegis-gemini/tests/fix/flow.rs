//! From an answer to what is offered.

use aegis_core::compose::fix::or_else;
use aegis_core::model::{Case, Cause, Diagnosis, Fix, Hypothesis};
use aegis_core::port::Clock as _;
use aegis_core::stage::FixGenerator;
use aegis_core::{Confidence, ErrorKind, Result};
use aegis_gemini::fix::FixConfig;
use aegis_gemini::model::{RefusalKind, Request};
use async_trait::async_trait;

use super::{Bed, MODEL, PATH, STATS, Says, after, candidate, diagnosis, good, guarded};

#[tokio::test]
async fn a_candidate_that_fits_is_offered_with_its_author_and_what_it_means() {
    let bed = Bed::saying([good()]);
    let fixes = bed.generate().await.unwrap();
    let [fix] = &fixes[..] else { panic!("{fixes:?}") };
    assert_eq!(after(fix), guarded());
    assert_eq!(
        (fix.title.as_str(), fix.meaning.as_str()),
        ("Report no mean", "The documentation says so.")
    );
    assert_eq!(fix.author, format!("{MODEL} fix@1"));
    // The diagnosis is sure to 90%, and that is more than counts before anything is proven.
    assert_eq!(fix.claimed, Confidence::from_percent(80));
    assert_eq!(fix.patch().unwrap().base.as_str(), "b1");
}

#[tokio::test]
async fn a_request_is_as_configured() {
    let config = FixConfig::default().with_output_tokens(1_234).with_samples(2);
    let bed = Bed::saying([good()]).with(|fixes| fixes.with_config(config));
    bed.generate().await.unwrap();
    let drawn = |request: &Request| (request.output_tokens, request.temperature, request.seed);
    let asked: Vec<_> = bed.asked().iter().map(drawn).collect();
    assert_eq!(asked, [(1_234, Some(0.05), Some(0)), (1_234, Some(0.6), Some(1))]);
}

#[test]
fn a_configuration_has_defaults_and_no_unknown_fields() {
    let config: FixConfig = serde_json::from_str(r#"{"samples": 3}"#).unwrap();
    assert_eq!(config, FixConfig::default().with_samples(3));
    let wrong = serde_json::from_str::<FixConfig>(r#"{"sample": 3}"#).unwrap_err();
    assert!(wrong.to_string().contains("unknown field `sample`"), "{wrong}");
}

#[tokio::test]
async fn nothing_is_asked_where_no_code_is_blamed_or_none_can_be_read() {
    let mut bed = Bed::saying([good()]);
    let environment = Cause::Environment("the disk is full".into());
    let sure = Confidence::from_percent(90);
    bed.diagnosis.hypotheses = vec![Hypothesis::new(environment, "it says so", sure)];
    assert_eq!(bed.generate().await.unwrap(), []);
    let mut bed = Bed::on(&[("README.md", "Shop\n")], [Says::Text(good())]);
    bed.diagnosis = diagnosis("shop/nowhere.py", 3);
    assert_eq!(bed.generate().await.unwrap(), []);
    assert!(bed.asked().is_empty());
}

#[tokio::test]
async fn a_wrong_form_is_told_and_the_second_answer_is_taken() {
    let bed = Bed::saying(["Guard the divisor.".into(), good()]);
    assert_eq!(bed.titles().await, ["Report no mean"]);
    let told = bed.last_turns();
    assert_eq!(told.len(), 2);
    assert!(told[1].contains("no candidate: CANDIDATE, TITLE, MEANING and blocks"), "{}", told[1]);
}

#[tokio::test]
async fn a_wrong_file_is_told_with_those_that_can_be_changed() {
    let wrong = candidate("Wrong", "shop/other.py", "limit = 3", "limit = 4");
    let bed = Bed::saying([wrong, good()]);
    assert_eq!(bed.titles().await, ["Report no mean"]);
    let told = bed.last_turns().pop().unwrap();
    assert!(
        told.contains("shop/other.py is not shown; only these can be changed: shop/stats.py"),
        "{told}"
    );
}

#[tokio::test]
async fn a_search_that_fits_nowhere_is_told_with_the_nearest_line() {
    let wrong = candidate("Wrong", PATH, "    return the_total / len(of_values)", "    return 0");
    let bed = Bed::saying([wrong, good()]);
    assert_eq!(bed.titles().await, ["Report no mean"]);
    let told = bed.last_turns().pop().unwrap();
    assert!(
        told.contains("candidate 1: edit 1 of shop/stats.py: the search fits nowhere"),
        "{told}"
    );
    assert!(told.contains("line 7") && told.contains("return total / len(values)"), "{told}");
}

#[tokio::test]
async fn what_is_told_of_a_wrong_answer_is_bounded() {
    let long = "x".repeat(900);
    let wrong: String =
        (0..8).map(|n| candidate(&format!("W{n}"), PATH, &format!("{long}{n}"), "y")).collect();
    let bed = Bed::saying([wrong, good()]);
    assert_eq!(bed.titles().await, ["Report no mean"]);
    let told = bed.last_turns().pop().unwrap();
    assert!(told.len() < 1_600, "{}", told.len());
}

#[tokio::test]
async fn one_candidate_that_fits_is_enough_and_the_other_is_not_offered() {
    let wrong = candidate("Wrong", PATH, "    return nothing", "    return 0");
    let bed = Bed::saying([format!("{wrong}\n{}", good())]);
    assert_eq!(bed.titles().await, ["Report no mean"]);
    assert_eq!(bed.asked().len(), 1);
}

#[tokio::test]
async fn all_edits_of_a_candidate_fit_or_none_is_made() {
    let half = good().replace("```\n", "").replace(
        ">>>>>>> REPLACE\n",
        ">>>>>>> REPLACE\n\n<<<<<<< SEARCH\n    return nothing\n=======\n>>>>>>> REPLACE\n",
    );
    let bed = Bed::saying([half, "NONE".into()]);
    assert_eq!(bed.generate().await.unwrap(), []);
    let told = bed.last_turns().pop().unwrap();
    assert!(told.contains("edit 2 of shop/stats.py"), "{told}");
}

#[tokio::test]
async fn none_is_an_answer_and_no_error() {
    let bed = Bed::saying(["NONE"]);
    assert_eq!(bed.generate().await.unwrap(), []);
    assert_eq!(bed.asked().len(), 1);
}

const WHOLE: &str = "TITLE: Write it anew\nMEANING: As documented.\n```python\ndef mean(values):\n    \
                     \"\"\"The mean of the values; 0.0 where there are none.\"\"\"\n    if not values:\n        \
                     return 0.0\n    total = sum(values)\n    return total / len(values)\n```\n";

#[tokio::test]
async fn after_two_answers_that_dont_fit_the_whole_function_is_asked_for() {
    let wrong = candidate("Wrong", PATH, "    return nothing", "    return 0");
    let bed = Bed::saying([wrong.clone(), wrong, WHOLE.into()]);
    let fixes = bed.generate().await.unwrap();
    let guard = "    if not values:\n        return 0.0\n    total = sum";
    assert_eq!(after(&fixes[0]), STATS.replace("    total = sum", guard));
    assert_eq!(fixes[0].author, format!("{MODEL} function@1"));
    assert_eq!(fixes[0].claimed, Confidence::from_percent(72));
    let asked = bed.asked();
    assert_eq!(asked.len(), 3);
    let data = asked[2].turns[0].text.as_str();
    assert!(data.contains("begin the function to write anew\ndef mean(values):\n"), "{data}");
    assert!(data.contains("begin why edits did not fit\ncandidate 1: edit 1 of"), "{data}");
}

#[tokio::test]
async fn a_function_that_is_another_one_is_refused() {
    let wrong = candidate("Wrong", PATH, "    return nothing", "    return 0");
    let other = WHOLE.replace("def mean", "def average");
    let bed = Bed::saying([wrong.clone(), wrong, other.clone(), other]);
    let error = bed.generate().await.unwrap_err();
    assert!(error.to_string().contains("must define mean"), "{error}");
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

#[tokio::test]
async fn an_answer_that_was_cut_empty_or_endless_is_no_fix() {
    let cut = good().split(">>>>>>>").next().unwrap().to_owned();
    let body = "    total = 1\n".repeat(401);
    let long = format!("TITLE: T\nMEANING: M\n```\ndef mean(values):\n{body}```\n");
    for (says, part) in [
        (Says::Cut(cut.clone()), "cut twice"),
        (Says::Text(cut), "must hold one function"),
        (Says::Text(String::new()), "must hold one function"),
        (Says::Text("x\n".repeat(1 << 18)), "at most"),
        (Says::Text(long), "more than 400 lines"),
    ] {
        let bed = Bed::new([says]);
        let error = bed.generate().await.unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

#[tokio::test]
async fn blocks_of_thousands_of_lines_are_not_compared() {
    let bed = Bed::saying([candidate("T", PATH, "x", &"y\n".repeat(2_000)), "NONE".into()]);
    assert_eq!(bed.generate().await.unwrap(), []);
    assert!(bed.last_turns()[1].contains("its blocks take more than 2000 lines"));
}

/// Offers what a template would.
#[derive(Debug)]
struct Template(Fix);

#[async_trait]
impl FixGenerator for Template {
    async fn generate(&self, _case: &Case, _diagnosis: &Diagnosis) -> Result<Vec<Fix>> {
        Ok(vec![self.0.clone()])
    }
}

#[tokio::test]
async fn what_a_provider_refuses_is_left_to_other_generators() {
    let offered = Bed::saying([good()]).generate().await.unwrap().remove(0);
    for (kind, expected) in [
        (RefusalKind::Blocked, ErrorKind::Denied),
        (RefusalKind::Gone, ErrorKind::Exhausted),
        (RefusalKind::Invalid, ErrorKind::Invalid),
    ] {
        let bed = Bed::new([Says::Refuses(kind)]);
        assert_eq!(bed.generate().await.unwrap_err().kind(), expected);
        assert_eq!(bed.asked().len(), 1, "the whole function is not asked for");
        let both = or_else(bed.fixes, Template(offered.clone()));
        let fixes = both.generate(&bed.case, &bed.diagnosis).await.unwrap();
        assert_eq!(fixes.first(), Some(&offered));
    }
}

#[tokio::test]
async fn a_draft_ends_in_its_time_though_no_answer_comes() {
    let within = FixConfig::default().with_within_ms(20_000);
    let bed = Bed::new([Says::Nothing]).with(|fixes| fixes.with_config(within));
    let began = bed.clock.now();
    let mut work = std::pin::pin!(bed.generate());
    let error = loop {
        tokio::select! {
            biased;
            done = &mut work => break done.unwrap_err(),
            () = tokio::task::yield_now() => {
                if let Some(next) = bed.clock.next_wake() {
                    bed.clock.set(next);
                }
            }
        }
    };
    assert_eq!(bed.clock.now().since(began).as_millis(), 20_000);
    assert!(error.to_string().contains("no answer"), "{error}");
}
