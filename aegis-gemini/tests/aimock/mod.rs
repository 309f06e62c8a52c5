//! The client and the router against a stand-in for models that others wrote: npm's `aimock`.
//!
//! What it lacks: its faults have no details in Google's form, so that a limit names no time, and it
//! speaks `v1beta` alone.

mod faults;
mod server;

use std::sync::Arc;
use std::time::Duration;

use aegis_core::port::{Clock as _, MemoryJournal, SystemClock};
use aegis_core::redact::Redactor;
use aegis_gemini::gemini::{DataPolicy, Gemini, GeminiConfig, routes};
use aegis_gemini::model::Request;
use aegis_gemini::router::{Question, Reply, Router, Task, Unanswered};
use serde::Deserialize;
use serde_json::{Value, json};

use self::server::{Aimock, KEY};

const LITE: &str = "gemini-3.5-flash-lite";
const NEXT: &str = "gemini-3.1-flash-lite";

async fn start() -> Aimock {
    Aimock::start("tests/aimock/fixtures").await
}

fn config(aimock: &Aimock) -> GeminiConfig {
    GeminiConfig::new(KEY, DataPolicy::Paid).with_base(&aimock.url).with_api_version("v1beta")
}

/// A router with pauses of a millisecond.
fn router(aimock: &Aimock) -> Router {
    router_within(aimock, Duration::from_secs(60))
}

/// The same with so long for a request.
fn router_within(aimock: &Aimock, attempt: Duration) -> Router {
    let mut config = routes("main");
    (config.backoff_ms, config.cooldown_ms) = (1, 1);
    config.attempt_ms = attempt.as_millis().try_into().unwrap();
    let gemini = Arc::new(Gemini::new(self::config(aimock)).unwrap());
    let journal = Arc::new(MemoryJournal::default());
    Router::builder(config, journal).project("main", gemini).build().unwrap()
}

fn request(text: &str) -> Request {
    let redactor = Redactor::standard();
    Request::new(redactor.redact_str("Be brief.")).ask(redactor.redact_str(text))
}

async fn ask(router: &Router, text: &str) -> Result<Reply<()>, Unanswered> {
    let deadline = SystemClock.now().plus(Duration::from_secs(60));
    let question = Question::new(Task::Diagnosis, "1", request(text), deadline);
    let yes = |text: &str| (text == "yes").then_some(()).ok_or(format!("{text} is no yes"));
    router.ask(&question, yes).await
}

/// The models that were asked, and the status that each got.
async fn asked(aimock: &Aimock) -> Vec<(String, u64)> {
    let one = |entry: &Value| {
        let model = entry["body"]["model"].as_str().unwrap().to_owned();
        (model, entry["response"]["status"].as_u64().unwrap())
    };
    aimock.journal().await.iter().map(one).collect()
}

#[tokio::test]
async fn an_answer_of_a_schema_comes_through_the_router() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct Cause {
        cause: String,
        confidence: f64,
    }
    let aimock = start().await;
    let router = router(&aimock);
    let schema = json!({
        "type": "object", "required": ["cause", "confidence"],
        "properties": { "cause": { "type": "string" }, "confidence": { "type": "number" } },
    });
    let request = request("What is the cause? login with password=hunter2 failed");
    let request = request.with_schema(schema).with_output_tokens(300);
    let deadline = SystemClock.now().plus(Duration::from_secs(60));
    let question = Question::new(Task::Diagnosis, "1", request, deadline);
    let read = |text: &str| serde_json::from_str::<Cause>(text).map_err(|e| e.to_string());
    let reply = router.ask(&question, read).await.unwrap();
    let cause = Cause { cause: "the rate is zero".into(), confidence: 0.75 };
    assert_eq!((reply.value, reply.choice.model.as_str()), (cause, LITE));
    // A hundred tokens at 0.3 and twenty at 2.5 millionths.
    assert_eq!((router.figures().requests, router.figures().cost), (1, 80));

    let journal = aimock.journal().await;
    let messages = &journal[0]["body"]["messages"];
    assert_eq!(messages[0], json!({ "role": "system", "content": "Be brief." }));
    assert_eq!(messages[1]["role"], "user");
    assert_eq!(journal[0]["body"]["max_tokens"], 300);
    assert!(!journal[0].to_string().contains("hunter2"), "{messages}");
}

#[tokio::test]
async fn an_answer_that_is_cut_is_asked_for_with_twice_the_tokens() {
    let aimock = start().await;
    ask(&router(&aimock), "Answer too long").await.unwrap();
    let tokens: Vec<Value> =
        aimock.journal().await.iter().map(|it| it["body"]["max_tokens"].clone()).collect();
    assert_eq!(tokens, [4_096, 8_192]);
}

#[tokio::test]
async fn what_is_filtered_is_not_asked_again() {
    let aimock = start().await;
    let refused = ask(&router(&aimock), "Answer what is not safe").await.unwrap_err();
    assert!(matches!(refused, Unanswered::Blocked(_)), "{refused}");
    assert_eq!(asked(&aimock).await.len(), 1);
}
