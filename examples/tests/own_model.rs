//! A provider of one's own: its wire, and the example as a person runs it.

#[path = "../../aegis-gemini/tests/aimock/server.rs"]
mod aimock;

use std::process::Output;
use std::time::Duration;

use aegis_core::redact::{Redacted, Redactor};
use aegis_examples::chat::ChatCompletions;
use aegis_gemini::model::{
    Answer, Finish, LanguageModel as _, Refusal, RefusalKind, Request, Usage,
};
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use self::aimock::{Aimock, KEY};
use crate::support::example;

/// A server that says the same to all, and tells what it was asked.
struct Says {
    base: String,
    asked: mpsc::UnboundedReceiver<(HeaderMap, Value)>,
    server: JoinHandle<()>,
}

impl Drop for Says {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Says {
    async fn start(status: u16, retry_after: &'static str, body: String) -> Self {
        let (tell, asked) = mpsc::unbounded_channel();
        let status = StatusCode::from_u16(status).unwrap();
        let answer = async move |headers: HeaderMap, axum::Json(asked): axum::Json<Value>| {
            tell.send((headers, asked)).unwrap();
            // To itself, without end, for whoever follows it.
            let elsewhere = ("location", "/v1/chat/completions");
            (status, [("retry-after", retry_after), elsewhere], body.clone())
        };
        let app = axum::Router::new().route("/v1/chat/completions", axum::routing::post(answer));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}/v1/", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { base, asked, server }
    }

    async fn ask(&self, request: &Request) -> Result<Answer, Refusal> {
        let own = ChatCompletions::new(&self.base, Some("hush")).unwrap();
        assert!(!format!("{own:?}").contains("hush"), "{own:?}");
        own.complete("qwen3:4b", request).await
    }
}

fn text(text: &str) -> Redacted {
    Redactor::standard().redact_str(text)
}

fn why() -> Request {
    Request::new(text("Be brief.")).ask(text("Why?"))
}

/// What is said to one question.
async fn came(status: u16, retry_after: &'static str, body: &Value) -> Result<Answer, Refusal> {
    Says::start(status, retry_after, body.to_string()).await.ask(&why()).await
}

fn completion(text: &str, finish: &str) -> Value {
    json!({
        "id": "c1", "model": "qwen3:4b-q4",
        "choices": [{ "message": { "role": "assistant", "content": text }, "finish_reason": finish }],
        "usage": { "prompt_tokens": 9, "completion_tokens": 3 },
    })
}

#[tokio::test]
async fn a_question_goes_out_as_chat_completions_have_it() {
    let mut says = Says::start(200, "", completion("Because.", "stop").to_string()).await;
    let request = why()
        .answered(text("I can't tell."))
        .ask(text("Try."))
        .with_schema(json!({ "type": "object" }))
        .with_output_tokens(300)
        .with_temperature(0.05)
        .with_seed(7);
    says.ask(&request).await.unwrap();
    let (headers, asked) = says.asked.recv().await.unwrap();
    assert_eq!(headers["authorization"], "Bearer hush");
    let exact = json!({
        "model": "qwen3:4b",
        "messages": [
            { "role": "system", "content": "Be brief." },
            { "role": "user", "content": "Why?" },
            { "role": "assistant", "content": "I can't tell." },
            { "role": "user", "content": "Try." },
        ],
        "max_tokens": 300, "temperature": 0.05, "seed": 7,
        "response_format": { "type": "json_schema", "json_schema": {
            "name": "answer", "schema": { "type": "object" }, "strict": true,
        } },
    });
    assert_eq!(asked, exact);
}

#[tokio::test]
async fn an_answer_is_read_with_what_it_took() {
    let answer = came(200, "", &completion("Because.", "stop")).await.unwrap();
    assert_eq!((answer.text.expose(), answer.finish), ("Because.", Finish::Complete));
    assert_eq!(answer.usage, Usage::new(9, 3, 0, 0));
    assert_eq!(answer.model_version.as_deref(), Some("qwen3:4b-q4"));
    let cut = came(200, "", &completion("Bec", "length")).await.unwrap();
    assert_eq!((cut.text.expose(), cut.finish), ("Bec", Finish::Cut));
}

#[tokio::test]
async fn what_is_no_answer_is_known_by_what_helps() {
    let spent = json!({ "error": { "code": "insufficient_quota" } });
    let wait = RefusalKind::Pace(Some(Duration::from_secs(7)));
    let error = json!({ "error": { "message": "no" } });
    for (status, retry_after, body, kind) in [
        (429, "7", &error, wait),
        (429, "soon", &error, RefusalKind::Pace(None)),
        (429, "7", &spent, RefusalKind::Spent),
        (401, "", &error, RefusalKind::Denied),
        (403, "", &error, RefusalKind::Denied),
        (404, "", &error, RefusalKind::Gone),
        (400, "", &error, RefusalKind::Invalid),
        (307, "", &error, RefusalKind::Invalid),
        (500, "", &error, RefusalKind::Failed),
        (503, "", &error, RefusalKind::Failed),
        (200, "", &error, RefusalKind::Unreadable),
        (200, "", &json!({ "choices": [] }), RefusalKind::Unreadable),
        (200, "", &completion(" ", "stop"), RefusalKind::Unreadable),
        (200, "", &completion("x", "of_tomorrow"), RefusalKind::Unreadable),
        (200, "", &completion("", "content_filter"), RefusalKind::Blocked),
        (200, "", &completion(&"x".repeat(1 << 20), "stop"), RefusalKind::Unreadable),
    ] {
        let refusal = came(status, retry_after, body).await.unwrap_err();
        assert_eq!(refusal.kind, kind, "{status}: {refusal}");
        assert!(refusal.message.contains("qwen3:4b"), "{refusal}");
    }
}

#[tokio::test]
async fn who_does_not_answer_is_late_and_who_is_not_there_failed() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/v1", listener.local_addr().unwrap());
    let own = ChatCompletions::new(&base, None).unwrap();
    let request = why().with_within(Duration::from_millis(50));
    let refusal = tokio::time::timeout(Duration::from_secs(60), own.complete("m", &request)).await;
    assert_eq!(refusal.expect("it gives up").unwrap_err().kind, RefusalKind::Late);
    drop(listener);
    assert_eq!(own.complete("m", &why()).await.unwrap_err().kind, RefusalKind::Failed);
}

async fn run(words: &[&str]) -> Output {
    let mut command = tokio::process::Command::new(example("own_model"));
    command.args(words).env("OWN_MODEL_KEY", KEY).kill_on_drop(true);
    let ends = tokio::time::timeout(Duration::from_secs(120), command.output());
    ends.await.expect("it ends").unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[tokio::test]
async fn without_a_server_the_example_asks_its_own() {
    let said = said(&run(&[]).await);
    for line in [
        "who     own/stand-in",
        "cause   division by zero (10 % sure)",
        "because ZeroDivisionError: division by zero",
        "cost    $0.000000, ",
    ] {
        assert!(said.contains(line), "{said}");
    }
}

#[tokio::test]
async fn the_example_asks_a_server_that_others_wrote() {
    let aimock = Aimock::start("tests/models").await;
    let base = format!("{}/v1", aimock.url);
    let words = ["--base-url", &base, "--model", "qwen3:4b", "--price", "0.3,2.5"];
    let said = said(&run(&words).await);
    for line in [
        "who     own/qwen3:4b",
        "cause   the rate is zero (75 % sure)",
        // A hundred tokens at 0.3 and twenty at 2.5 millionths.
        "cost    $0.000080, 100 tokens in and 20 out",
    ] {
        assert!(said.contains(line), "{said}");
    }
    let journal = aimock.journal().await;
    assert_eq!((journal.len(), &journal[0]["response"]["status"]), (1, &json!(200)));
    assert!(!journal[0].to_string().contains("hunter2"), "{}", journal[0]["body"]);
}

#[tokio::test]
async fn the_example_says_why_there_is_no_answer() {
    let says = Says::start(401, "", String::from("who are you?")).await;
    let output = run(&["--base-url", &says.base]).await;
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("401 who are you?"), "{error}");
}

#[tokio::test]
async fn a_quote_that_is_none_is_no_answer() {
    let cause = json!({ "because": "the weather", "cause": "rain", "confidence": 1 }).to_string();
    let mut says = Says::start(200, "", completion(&cause, "stop").to_string()).await;
    let output = run(&["--base-url", &says.base]).await;
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("quotes nothing of the error"), "{error}");
    // The model was told, once.
    says.asked.recv().await.unwrap();
    let (_, again) = says.asked.recv().await.unwrap();
    assert!(again.to_string().contains("quotes nothing of the error"), "{again}");
    assert!(says.asked.try_recv().is_err());
}

#[tokio::test]
async fn the_example_teaches_how_to_call_it() {
    let help = said(&run(&["--help"]).await);
    for word in ["--base-url URL", "--model NAME", "--price IN,OUT", "OWN_MODEL_KEY", "ollama"] {
        assert!(help.contains(word), "{help}");
    }
    for words in [&["--wat"][..], &["--price", "cheap"], &["--model"]] {
        let output = run(words).await;
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains("--help says how"), "{error}");
    }
}
