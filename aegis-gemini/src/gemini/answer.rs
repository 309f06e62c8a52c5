//! What Gemini answers with a status of 200.

use aegis_core::redact::Untrusted;
use serde::Deserialize;

use super::said;
use crate::model::{Answer, Finish, Refusal, RefusalKind, Usage};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    #[serde(default)]
    candidates: Vec<Candidate>,
    prompt_feedback: Option<Feedback>,
    #[serde(default)]
    usage_metadata: Metadata,
    model_version: Option<String>,
    response_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Candidate {
    #[serde(default)]
    content: Content,
    finish_reason: Option<String>,
    finish_message: Option<String>,
}

#[derive(Deserialize, Default)]
struct Content {
    #[serde(default)]
    parts: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    text: String,
    #[serde(default)]
    thought: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Feedback {
    block_reason: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
#[allow(clippy::struct_field_names)]
struct Metadata {
    prompt_token_count: u64,
    candidates_token_count: u64,
    thoughts_token_count: u64,
    cached_content_token_count: u64,
}

/// What a reason to end comes to.
#[derive(Debug, PartialEq, Eq)]
enum Ended {
    Finished(Finish),
    Blocked,
    Unknown,
}

impl Ended {
    /// Google adds reasons without notice: what is not known is said, and not taken for an answer.
    fn of(reason: &str) -> Self {
        match reason {
            "STOP" => Self::Finished(Finish::Complete),
            "MAX_TOKENS" => Self::Finished(Finish::Cut),
            "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "LANGUAGE"
            | "OTHER" => Self::Blocked,
            _ => Self::Unknown,
        }
    }
}

/// Reads the answer of `model`.
pub(super) fn read(model: &str, body: &[u8]) -> Result<Answer, Refusal> {
    let unreadable =
        |why: String| Refusal::new(RefusalKind::Unreadable, format!("{model}: the answer {why}"));
    let response: Response =
        serde_json::from_slice(body).map_err(|e| unreadable(format!("can't be read: {e}")))?;
    let Metadata {
        prompt_token_count: prompt,
        candidates_token_count: output,
        thoughts_token_count: thinking,
        cached_content_token_count: cached,
    } = response.usage_metadata;
    let usage = Usage::new(prompt, output, thinking, cached);
    let blocked = |what: &str, reason: &str, more: Option<&str>| {
        let more = more.map_or_else(String::new, |more| format!(": {}", said(more)));
        let say = format!("{model}: {what} is blocked ({}){more}", said(reason));
        Refusal::new(RefusalKind::Blocked, say).with_usage(usage)
    };
    if let Some(reason) = response.prompt_feedback.and_then(|feedback| feedback.block_reason) {
        return Err(blocked("the prompt", &reason, None));
    }
    let Some(candidate) = response.candidates.into_iter().next() else {
        return Err(unreadable(String::from("holds no candidate")).with_usage(usage));
    };
    let reason = candidate.finish_reason.unwrap_or_default();
    let finish = match Ended::of(&reason) {
        Ended::Finished(finish) => finish,
        Ended::Blocked => {
            return Err(blocked("the answer", &reason, candidate.finish_message.as_deref()));
        }
        Ended::Unknown => {
            let why = format!("ended for a reason that is not known ({:?})", said(&reason));
            return Err(unreadable(why).with_usage(usage));
        }
    };
    let parts = candidate.content.parts.into_iter().filter(|part| !part.thought);
    let text: String = parts.map(|part| part.text).collect();
    // One that was cut may have come no further than its thoughts.
    if text.trim().is_empty() && finish == Finish::Complete {
        return Err(unreadable(String::from("is empty")).with_usage(usage));
    }
    Ok(Answer::new(Untrusted::new(text))
        .with_finish(finish)
        .with_usage(usage)
        .with_model_version(response.model_version)
        .with_response_id(response.response_id))
}
