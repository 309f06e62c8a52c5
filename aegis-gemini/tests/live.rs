//! Google's own Gemini, where there is a key.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use aegis_core::port::{Clock as _, MemoryJournal, SystemClock};
use aegis_core::redact::Redactor;
use aegis_gemini::gemini::{DataPolicy, Gemini, GeminiConfig, catalogue};
use aegis_gemini::model::{Effort, Request};
use aegis_gemini::router::{Choice, Question, QuotaDay, Router, RouterConfig, Task};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
struct Larger {
    larger: u32,
}

#[tokio::test]
async fn the_smallest_model_answers_by_a_schema() {
    let Some(key) = std::env::var("GEMINI_API_KEY").ok().filter(|key| !key.is_empty()) else {
        // Past the harness, which keeps what passing tests print to itself.
        let why = "skipped: Google's Gemini is not asked without a key; give one in GEMINI_API_KEY";
        writeln!(std::io::stderr(), "{why}").unwrap();
        return;
    };
    // Nothing here is anybody's secret, whatever the key is of.
    let gemini = Gemini::new(GeminiConfig::new(key, DataPolicy::MayTrain)).unwrap();
    let all = catalogue();
    let mut small: Vec<_> = all.families().iter().filter(|family| family.lite).collect();
    small.sort_by_key(|family| family.strength);
    // New accounts have none of the oldest: then the next one answers.
    let choices = small.iter().map(|family| Choice::new("main", family.name.as_str()));
    let config = RouterConfig::new(all.clone(), QuotaDay::UsPacific).with_others(choices);
    let journal = Arc::new(MemoryJournal::default());
    let router =
        Router::builder(config, journal).project("main", Arc::new(gemini)).build().unwrap();

    let schema = json!({
        "type": "object", "properties": { "larger": { "type": "integer" } }, "required": ["larger"],
    });
    let text = Redactor::standard().redact_str("Which number is larger, 2 or 3?");
    let request = Request::new(Default::default())
        .ask(text)
        .with_schema(schema)
        .with_output_tokens(256)
        .with_effort(Effort::Least);
    let deadline = SystemClock.now().plus(Duration::from_secs(120));
    let question = Question::new(Task::Triage, "1", request, deadline);
    let read = |text: &str| serde_json::from_str::<Larger>(text).map_err(|e| e.to_string());
    let reply = router.ask(&question, read).await.unwrap();
    assert_eq!(reply.value.larger, 3, "{}", reply.choice);
    assert!(reply.answer.usage.prompt > 0 && reply.answer.usage.output > 0, "{:?}", reply.answer);
    assert!(router.figures().cost > 0 && router.figures().lite_share() == Some(1.0));
}
