//! What a test's answers are given to.

use serde_json::Value;

use crate::model::Role;

/// A request that Gemini would take.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Asked {
    /// The model, as it is named.
    pub model: String,
    /// The system text; empty where there is none.
    pub system: String,
    /// Who said what so far, the user last.
    pub turns: Vec<(Role, String)>,
    /// The JSON Schema of the answer, where one is wanted.
    pub schema: Option<Value>,
    /// `generationConfig` as it came; null where there is none.
    pub generation: Value,
}

impl Asked {
    /// What the user says last.
    pub fn last(&self) -> &str {
        self.turns.last().map_or("", |(_, text)| text)
    }

    /// Whether `text` stands in the system text or in any turn.
    pub fn holds(&self, text: &str) -> bool {
        self.system.contains(text) || self.turns.iter().any(|(_, said)| said.contains(text))
    }

    /// Tokens of the prompt, counted as this stand-in does.
    pub(super) fn tokens(&self) -> u64 {
        tokens(&self.system) + self.turns.iter().map(|(_, text)| tokens(text)).sum::<u64>()
    }
}

/// A token is four bytes, which English comes close to.
pub(super) fn tokens(text: &str) -> u64 {
    u64::try_from(text.len().div_ceil(4)).unwrap_or(u64::MAX)
}
