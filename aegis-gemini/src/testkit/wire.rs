//! Requests, held to what Gemini takes.

use http::request::Parts;
use serde_json::Value;

use super::asked::Asked;
use super::refused::{Failure, bad_field, bad_key, invalid, no_key, no_path, not_found};
use super::{KEY, asked, generation};
use crate::gemini::catalogue;
use crate::model::{Family, Role};

/// What is asked of the API.
pub(super) enum Call {
    Generate(Asked),
    /// The tokens of a prompt.
    Count(u64),
}

const REQUEST: [&str; 7] = [
    "contents",
    "systemInstruction",
    "generationConfig",
    "safetySettings",
    "tools",
    "toolConfig",
    "cachedContent",
];

/// Reads a request, or says what Gemini would not take.
pub(super) fn read(head: &Parts, body: &str) -> Result<Call, Failure> {
    let path = head.uri.path();
    let (version, model, method) = address(path).ok_or_else(|| no_path(path))?;
    match head.headers.get("x-goog-api-key") {
        None => return Err(no_key()),
        Some(key) if key != KEY => return Err(bad_key()),
        Some(_) => {}
    }
    if head.method != http::Method::POST {
        return Err(no_path(path));
    }
    let family = catalogue().of(model).cloned();
    // Aliases are known to the beta alone.
    let alias = model.ends_with("-latest");
    if (alias && version == "v1") || (family.is_none() && !alias) {
        return Err(not_found(model, version));
    }
    let body: Value = serde_json::from_str(body)
        .map_err(|e| invalid(format!("Invalid JSON payload received. {e}")))?;
    match method {
        "generateContent" => generate(model, family.as_ref(), &body).map(Call::Generate),
        "countTokens" => count(model, &body),
        _ => Err(no_path(path)),
    }
}

/// Version, model and method of `/v1/models/MODEL:METHOD`.
fn address(path: &str) -> Option<(&str, &str, &str)> {
    let (version, rest) = path.strip_prefix('/')?.split_once("/models/")?;
    let (model, method) = rest.split_once(':')?;
    ["v1", "v1beta"].contains(&version).then_some((version, model, method))
}

fn generate(model: &str, family: Option<&Family>, body: &Value) -> Result<Asked, Failure> {
    known(body, &REQUEST, "")?;
    let generation = &body["generationConfig"];
    let (system, turns) = prompt(body)?;
    generation::check(family, generation)?;
    let schema = ["responseJsonSchema", "responseSchema"].iter().find_map(|it| generation.get(it));
    let (model, schema) = (model.to_owned(), schema.cloned());
    Ok(Asked { model, system, turns, schema, generation: generation.clone() })
}

/// Counts bare turns, or a whole request that names its model.
fn count(model: &str, body: &Value) -> Result<Call, Failure> {
    known(body, &["contents", "generateContentRequest"], "")?;
    let Some(whole) = body.get("generateContentRequest") else {
        let (_, turns) = prompt(body)?;
        return Ok(Call::Count(turns.iter().map(|(_, text)| asked::tokens(text)).sum()));
    };
    if body.get("contents").is_some() {
        return Err(invalid("contents and generate_content_request can't both be set"));
    }
    if whole["model"] != format!("models/{model}") {
        return Err(bad_field("generate_content_request.model", "model is not specified"));
    }
    let mut fields = REQUEST.to_vec();
    fields.push("model");
    known(whole, &fields, "generate_content_request")?;
    let (system, turns) = prompt(whole)?;
    let (model, generation) = (model.to_owned(), Value::Null);
    Ok(Call::Count(Asked { model, system, turns, schema: None, generation }.tokens()))
}

/// An object with no field but these.
pub(super) fn known(value: &Value, fields: &[&str], at: &str) -> Result<(), Failure> {
    let Some(object) = value.as_object() else {
        return Err(bad_field(at, "Invalid value: an object is expected."));
    };
    let Some(name) = object.keys().find(|name| !fields.contains(&name.as_str())) else {
        return Ok(());
    };
    let place = if at.is_empty() { String::new() } else { format!(" at '{at}'") };
    let say = format!(
        "Invalid JSON payload received. Unknown name \"{name}\"{place}: Cannot find field."
    );
    Err(bad_field(at, &say))
}

/// The system text and the turns.
fn prompt(body: &Value) -> Result<(String, Vec<(Role, String)>), Failure> {
    let system = match body.get("systemInstruction") {
        None => String::new(),
        Some(system) => text(system, "system_instruction")?,
    };
    let contents = body["contents"].as_array().map_or(&[][..], Vec::as_slice);
    let mut turns = Vec::new();
    for (at, content) in contents.iter().enumerate() {
        let role = match content["role"].as_str() {
            Some("user") => Role::User,
            Some("model") => Role::Model,
            // One turn alone may have none.
            None if contents.len() == 1 => Role::User,
            _ => return Err(invalid("Please use a valid role: user, model.")),
        };
        turns.push((role, text(content, &format!("contents[{at}]"))?));
    }
    match turns.last() {
        None => {
            let say = "* GenerateContentRequest.contents: contents is not specified\n";
            Err(invalid(say))
        }
        Some((Role::Model, _)) => {
            Err(invalid("Please ensure that multiturn requests end with a user turn."))
        }
        Some((Role::User, _)) => Ok((system, turns)),
    }
}

fn text(content: &Value, at: &str) -> Result<String, Failure> {
    known(content, &["role", "parts"], at)?;
    let parts = content["parts"].as_array().map_or(&[][..], Vec::as_slice);
    if parts.is_empty() {
        return Err(invalid(format!(
            "* GenerateContentRequest.{at}.parts: contents.parts must not be empty.\n"
        )));
    }
    let mut all = String::new();
    for (number, part) in parts.iter().enumerate() {
        let at = format!("{at}.parts[{number}]");
        known(part, &["text", "thought", "thoughtSignature"], &at)?;
        let Some(text) = part["text"].as_str() else {
            let say = format!(
                "* GenerateContentRequest.{at}.data: required oneof field 'data' must have one initialized field\n"
            );
            return Err(invalid(say));
        };
        all += text;
    }
    Ok(all)
}
