//! The stand-in for Gemini, asked by the real client.

mod answers;
mod requests;
mod routing;

use aegis_core::redact::{Redacted, Redactor};
use aegis_gemini::model::{Answer, LanguageModel as _, Refusal, RefusalKind, Request};
use aegis_gemini::testkit::{Refused, Said, Script, Stand};
use serde_json::{Value, json};

const LITE: &str = "gemini-3.5-flash-lite";
const OLD: &str = "gemini-2.5-flash";

fn text(text: &str) -> Redacted {
    Redactor::standard().redact_str(text)
}

fn why() -> Request {
    Request::new(text("Be brief.")).ask(text("Why?"))
}

/// What comes of one request where `said` is said.
async fn came(said: Said) -> Result<Answer, Refusal> {
    let stand = Stand::scripted([said]).unwrap();
    stand.gemini().unwrap().complete(LITE, &why()).await
}
