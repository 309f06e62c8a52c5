//! What a test lets a model say.

use std::convert::Infallible;

use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};

use super::asked::tokens;
use super::{Asked, Refused};
use crate::model::Usage;

/// What is answered to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Said {
    /// An answer.
    Answer {
        /// Its text; without any there is no content.
        text: String,
        /// Why it ended, in Gemini's words, as `STOP`.
        finish: String,
        /// What it took; counted where it is not given.
        usage: Option<Usage>,
    },
    /// An error.
    Refused(Refused),
    /// The prompt is blocked for this reason, as `PROHIBITED_CONTENT`.
    Blocked(String),
    /// A status of 200 without a candidate.
    Empty,
    /// A status of 200 with what is no JSON.
    Malformed,
    /// The connection breaks in the middle of an answer.
    Disconnect,
    /// Nothing comes.
    Hang,
}

impl Said {
    /// A complete answer.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Answer { text: text.into(), finish: String::from("STOP"), usage: None }
    }

    /// A complete answer of JSON.
    pub fn json(value: &Value) -> Self {
        Self::text(value.to_string())
    }

    /// An answer that came no further for the bound of its tokens.
    pub fn cut(text: impl Into<String>) -> Self {
        Self::text(text).with_finish("MAX_TOKENS")
    }

    /// No answer, for it would not have been safe.
    pub fn unsafe_answer() -> Self {
        Self::text("").with_finish("SAFETY")
    }

    /// The answer ended for this reason; changes nothing else.
    #[must_use]
    pub fn with_finish(mut self, reason: impl Into<String>) -> Self {
        if let Self::Answer { finish, .. } = &mut self {
            *finish = reason.into();
        }
        self
    }

    /// The answer took so many tokens; changes nothing else.
    #[must_use]
    pub fn with_usage(mut self, took: Usage) -> Self {
        if let Self::Answer { usage, .. } = &mut self {
            *usage = Some(took);
        }
        self
    }

    pub(super) async fn response(self, asked: &Asked) -> Response<Body> {
        match self {
            Self::Answer { text, finish, usage } => {
                let usage =
                    usage.unwrap_or_else(|| Usage::new(asked.tokens(), tokens(&text), 0, 0));
                let mut candidate = json!({ "finishReason": finish, "index": 0 });
                if !text.is_empty() {
                    candidate["content"] = json!({ "role": "model", "parts": [{ "text": text }] });
                }
                body(asked, &json!({ "candidates": [candidate] }), usage)
            }
            Self::Refused(refused) => refused.error(&asked.model).response(),
            Self::Blocked(reason) => {
                let feedback = json!({ "promptFeedback": { "blockReason": reason } });
                body(asked, &feedback, Usage::new(asked.tokens(), 0, 0, 0))
            }
            Self::Empty => body(asked, &json!({}), Usage::new(asked.tokens(), 0, 0, 0)),
            Self::Malformed => json_of(Body::from("{\"candidates\": [{\"content\": <")),
            Self::Disconnect => json_of(breaking()),
            Self::Hang => std::future::pending().await,
        }
    }
}

/// What `countTokens` says.
pub(super) fn count(tokens: u64) -> Response<Body> {
    let details = json!([{ "modality": "TEXT", "tokenCount": tokens }]);
    axum::Json(json!({ "totalTokens": tokens, "promptTokensDetails": details })).into_response()
}

fn body(asked: &Asked, with: &Value, usage: Usage) -> Response<Body> {
    let Usage { prompt, output, thinking, cached } = usage;
    let mut body = with.clone();
    body["usageMetadata"] = json!({
        "promptTokenCount": prompt,
        "candidatesTokenCount": output,
        "thoughtsTokenCount": thinking,
        "cachedContentTokenCount": cached,
        "totalTokenCount": prompt + output + thinking,
    });
    body["modelVersion"] = Value::from(asked.model.as_str());
    body["responseId"] = Value::from("of-a-stand-in");
    axum::Json(body).into_response()
}

fn json_of(body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    response.headers_mut().insert(CONTENT_TYPE, http::HeaderValue::from_static("application/json"));
    response
}

/// The head and half a body go out, then the connection breaks.
fn breaking() -> Body {
    let half = Full::new(Bytes::from_static(b"{\"candidates\": [{\"content\""));
    let half = half.map_err(|never: Infallible| match never {});
    let half = half.with_trailers(async {
        // What is written so far is sent while this waits.
        tokio::task::yield_now().await;
        Some(Err(std::io::Error::from(std::io::ErrorKind::BrokenPipe)))
    });
    // A stream has no length, which would be all that is sent.
    Body::from_stream(Body::new(half).into_data_stream())
}
