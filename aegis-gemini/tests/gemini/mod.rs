//! The connection to Gemini.

mod answers;
mod bounds;
mod refusals;
mod requests;

use aegis_core::redact::{Redacted, Redactor};
use aegis_gemini::gemini::{DataPolicy, Gemini, GeminiConfig};
use aegis_gemini::model::{Answer, LanguageModel as _, Refusal, Request};
use serde_json::{Value, json};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, ResponseTemplate};

pub(super) const LITE: &str = "gemini-3.5-flash-lite";
const KEY: &str = "a-key-that-nobody-sees";

fn text(text: &str) -> Redacted {
    Redactor::standard().redact_str(text)
}

fn why() -> Request {
    Request::new(text("Be brief.")).ask(text("Why?"))
}

fn config(server: &MockServer, policy: DataPolicy) -> GeminiConfig {
    GeminiConfig::new(KEY, policy).with_base(server.uri())
}

/// A Gemini that answers all with `template`.
async fn answering(template: ResponseTemplate) -> (MockServer, Gemini) {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(template).mount(&server).await;
    let gemini = Gemini::new(config(&server, DataPolicy::Paid)).unwrap();
    (server, gemini)
}

/// What comes of an answer with this status and body.
async fn answered(status: u16, body: Value) -> Result<Answer, Refusal> {
    let (_server, gemini) = answering(ResponseTemplate::new(status).set_body_json(body)).await;
    gemini.complete(LITE, &why()).await
}

fn plain() -> Value {
    json!({ "candidates": [{ "content": { "parts": [{ "text": "Because." }] }, "finishReason": "STOP" }] })
}
