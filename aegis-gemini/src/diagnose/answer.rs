//! What a model says of the causes, before anything of it is believed.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::answer;

/// Hypotheses that are read of an answer.
const MOST: usize = 3;

/// The whole answer.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Said {
    pub(super) hypotheses: Vec<Claim>,
}

/// One hypothesis as a model claims it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Claim {
    #[serde(default)]
    pub(super) evidence: Vec<String>,
    #[serde(default)]
    pub(super) reasoning: String,
    pub(super) cause: Blamed,
    #[serde(default)]
    pub(super) path: Option<String>,
    #[serde(default)]
    pub(super) line: Option<u32>,
    #[serde(default)]
    pub(super) function: Option<String>,
    #[serde(default)]
    pub(super) revision: Option<String>,
    #[serde(default)]
    pub(super) look_at: Option<String>,
    pub(super) confidence: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Blamed {
    Code,
    Release,
    Environment,
}

impl Said {
    /// Reads an answer, or says what is wrong with it.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        let mut said: Self = answer::json(text)?;
        said.hypotheses.truncate(MOST);
        said.hypotheses.iter().try_for_each(|claim| answer::share(claim.confidence))?;
        Ok(said)
    }
}

/// What an answer has to look like; a decision comes after what it rests on, and confidence last. A model
/// writes what is required first, in that order, so that all of it is.
pub(super) fn schema() -> Value {
    let fields = [
        "evidence",
        "reasoning",
        "cause",
        "path",
        "line",
        "function",
        "revision",
        "look_at",
        "confidence",
    ];
    let hypothesis = json!({
        "type": "object",
        "properties": {
            "evidence": {"type": "array", "items": {"type": "string"}, "maxItems": 6},
            "reasoning": {"type": "string"},
            "cause": {"type": "string", "enum": ["code", "release", "environment"]},
            "path": {"type": "string"},
            "line": {"type": "integer", "minimum": 0},
            "function": {"type": "string"},
            "revision": {"type": "string"},
            "look_at": {"type": "string"},
            "confidence": {"type": "number", "minimum": 0, "maximum": 1},
        },
        "required": fields,
        "propertyOrdering": fields,
    });
    json!({
        "type": "object",
        "properties": {
            "hypotheses": {"type": "array", "items": hypothesis, "maxItems": MOST},
        },
        "required": ["hypotheses"],
    })
}
