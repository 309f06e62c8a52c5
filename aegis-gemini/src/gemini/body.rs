//! A request in Gemini's words.

use serde::Serialize;
use serde_json::{Value, json};

use crate::model::{Effort, Family, Refusal, RefusalKind, Request, Role, Thinking};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    system_instruction: Option<Content<'a>>,
    contents: Vec<Content<'a>>,
    generation_config: Generation<'a>,
}

#[derive(Serialize)]
struct Content<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    parts: [Part<'a>; 1],
}

#[derive(Serialize)]
struct Part<'a> {
    text: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Generation<'a> {
    max_output_tokens: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seed: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_mime_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_json_schema: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_config: Option<Value>,
}

/// The body that asks a model of `family` for `request`; of a family that nobody knows, nothing is sent
/// that some model refuses.
///
/// ```
/// use aegis_core::redact::Redactor;
/// use aegis_gemini::gemini::{body, catalogue};
/// use aegis_gemini::model::Request;
///
/// let request = Request::new(Default::default())
///     .ask(Redactor::standard().redact_str("Why?"))
///     .with_temperature(0.05);
/// let families = catalogue();
/// let of = |model| body(families.of(model), &request).map(|body| body["generationConfig"].clone());
/// assert_eq!(of("gemini-2.5-flash")?["temperature"], 0.05);
/// assert!(of("gemini-3.6-flash")?.get("temperature").is_none());
/// # Ok::<(), aegis_gemini::model::Refusal>(())
/// ```
///
/// # Errors
///
/// `Invalid` where the last turn is not the user's, or the answer may have no token.
pub fn body(family: Option<&Family>, request: &Request) -> Result<Value, Refusal> {
    let wrong = |why: &str| Err(Refusal::new(RefusalKind::Invalid, format!("the request {why}")));
    if request.turns.last().is_none_or(|turn| turn.role != Role::User) {
        return wrong("must end with the user's turn");
    }
    if request.output_tokens == 0 {
        return wrong("leaves no token to the answer; give output_tokens");
    }
    let sampling = family.is_some_and(|family| family.sampling);
    let most = family.map_or(u32::MAX, |family| family.output_tokens);
    let thinking = family.map_or(Thinking::None, |family| family.thinking);
    let schema = request.schema.as_ref();
    let body = Body {
        system_instruction: Some(&request.system)
            .filter(|system| !system.is_empty())
            .map(|system| content(None, system.as_str())),
        contents: request
            .turns
            .iter()
            .map(|turn| content(Some(role(turn.role)), turn.text.as_str()))
            .collect(),
        generation_config: Generation {
            max_output_tokens: request.output_tokens.min(most),
            temperature: request.temperature.filter(|_| sampling),
            seed: request.seed.filter(|_| sampling),
            response_mime_type: schema.map(|_| "application/json"),
            response_json_schema: schema,
            thinking_config: request.effort.and_then(|effort| thinks(thinking, effort)),
        },
    };
    serde_json::to_value(body)
        .map_err(|e| Refusal::new(RefusalKind::Invalid, format!("the request is no JSON: {e}")))
}

fn content<'a>(role: Option<&'static str>, text: &'a str) -> Content<'a> {
    Content { role, parts: [Part { text }] }
}

fn role(role: Role) -> &'static str {
    match role {
        Role::User => "user",
        Role::Model => "model",
    }
}

/// A budget or a level, never both.
fn thinks(by: Thinking, effort: Effort) -> Option<Value> {
    let (budget, level) = match effort {
        Effort::Least => (0, "minimal"),
        Effort::Low => (1_024, "low"),
        Effort::Medium => (8_192, "medium"),
        Effort::High => (24_576, "high"),
    };
    match by {
        Thinking::None => None,
        Thinking::Budget => Some(json!({ "thinkingBudget": budget })),
        Thinking::Level => Some(json!({ "thinkingLevel": level })),
    }
}
