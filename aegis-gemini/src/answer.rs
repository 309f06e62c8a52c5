//! Reading what models say.

use serde::de::DeserializeOwned;

/// The JSON of an answer, in a code fence or without.
pub(crate) fn json<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let text = text.trim();
    let inside = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    let inside = inside.map_or(text, |inside| inside.strip_prefix("json").unwrap_or(inside));
    serde_json::from_str(inside.trim()).map_err(|e| format!("it is no JSON of the schema: {e}"))
}

/// Refuses a confidence that is no share.
pub(crate) fn share(confidence: f64) -> Result<(), String> {
    if (0.0..=1.0).contains(&confidence) {
        return Ok(());
    }
    Err(format!("confidence is {confidence}, not from 0 to 1"))
}

/// At most so many bytes, on a character boundary.
pub(crate) fn cut(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}
