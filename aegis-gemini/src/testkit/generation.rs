//! `generationConfig`, held to what Gemini takes.

use serde_json::Value;

use super::refused::{Failure, bad_field, invalid};
use super::wire::known;
use crate::model::{Family, Thinking};

const GENERATION: [&str; 14] = [
    "temperature",
    "topP",
    "topK",
    "candidateCount",
    "maxOutputTokens",
    "seed",
    "stopSequences",
    "responseMimeType",
    "responseSchema",
    "responseJsonSchema",
    "thinkingConfig",
    "presencePenalty",
    "frequencyPenalty",
    "mediaResolution",
];
const SAMPLING: [(&str, &str); 4] =
    [("temperature", "temperature"), ("topP", "top_p"), ("topK", "top_k"), ("seed", "seed")];

/// What Gemini would not generate by. Of an alias nobody knows what it takes.
pub(super) fn check(family: Option<&Family>, generation: &Value) -> Result<(), Failure> {
    if generation.is_null() {
        return Ok(());
    }
    known(generation, &GENERATION, "generation_config")?;
    let given = |name: &str| generation.get(name).is_some();
    let bad = |field: &str, say: &str| Err(bad_field(&format!("generation_config.{field}"), say));
    if let Some(heat) = generation.get("temperature")
        && !heat.as_f64().is_some_and(|heat| (0.0..=2.0).contains(&heat))
    {
        return bad("temperature", "temperature must be in the range [0.0, 2.0].");
    }
    let most = family.map_or(u64::MAX, |family| u64::from(family.output_tokens));
    if let Some(tokens) = generation.get("maxOutputTokens")
        && !tokens.as_u64().is_some_and(|tokens| (1..=most).contains(&tokens))
    {
        let say = format!("max_output_tokens must be in the range [1, {most}].");
        return bad("max_output_tokens", &say);
    }
    if given("responseSchema") && given("responseJsonSchema") {
        return bad("response_json_schema", "only one of response_schema and it can be set.");
    }
    let json = generation["responseMimeType"] == "application/json";
    if (given("responseSchema") || given("responseJsonSchema")) && !json {
        let say = "a schema needs the response_mime_type application/json.";
        return bad("response_mime_type", say);
    }
    let Some(family) = family else { return Ok(()) };
    if !family.sampling
        && let Some((_, field)) = SAMPLING.iter().find(|(name, _)| given(name))
    {
        return bad(field, &format!("{field} is not supported by this model."));
    }
    thinking(family, &generation["thinkingConfig"])
}

fn thinking(family: &Family, thinking: &Value) -> Result<(), Failure> {
    if thinking.is_null() {
        return Ok(());
    }
    let at = "generation_config.thinking_config";
    known(thinking, &["includeThoughts", "thinkingBudget", "thinkingLevel"], at)?;
    let (budget, level) = (thinking.get("thinkingBudget"), thinking.get("thinkingLevel"));
    if budget.is_some() && level.is_some() {
        return Err(invalid("You can only set only one of thinking budget and thinking level."));
    }
    if level.is_some() && family.thinking != Thinking::Level {
        return Err(invalid("Thinking level is not supported for this model."));
    }
    if let Some(level) = level
        && !["minimal", "low", "medium", "high"].map(Value::from).contains(level)
    {
        return Err(bad_field(&format!("{at}.thinking_level"), "Invalid value."));
    }
    if budget.is_some_and(|budget| !budget.as_i64().is_some_and(|n| (-1..=32_768).contains(&n))) {
        return Err(bad_field(&format!("{at}.thinking_budget"), "The thinking budget is invalid."));
    }
    Ok(())
}
