//! What a model advises, and what of it the data bears out.

use aegis_core::model::Evidence;
use aegis_core::{Confidence, Error, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use super::statistics;
use crate::answer;
use crate::prompt::Framed;

/// Bytes of the reason that are kept.
const REASON: usize = 1_000;

/// Advice to take a release back is worth asking for more time below this.
const SURE: Confidence = Confidence::from_percent(60);

#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Said {
    #[serde(default)]
    evidence: Vec<String>,
    #[serde(default)]
    reasoning: String,
    advice: Word,
    confidence: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Word {
    Rollback,
    Keep,
    InsufficientData,
}

/// Advice that rests on the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Advice {
    Rollback { sure: Confidence, why: String },
    Keep(String),
    Wait(String),
}

impl Said {
    pub(super) fn read(text: &str) -> std::result::Result<Self, String> {
        let said: Self = answer::json(text)?;
        answer::share(said.confidence)?;
        Ok(said)
    }

    /// What it is worth; `Invalid` where nothing that it quotes is in the data.
    pub(super) fn checked(self, data: &Framed, evidence: &Evidence) -> Result<Advice> {
        let quoted: Vec<&String> =
            self.evidence.iter().filter(|quote| data.quotes(quote)).collect();
        if quoted.is_empty() {
            return Err(Error::invalid("the advice rests on nothing in the data").at("judge"));
        }
        let why = answer::cut(self.reasoning.trim(), REASON).to_owned();
        let sure = Confidence::from_ratio(self.confidence);
        Ok(match self.advice {
            Word::Keep => Advice::Keep(why),
            Word::InsufficientData => Advice::Wait(why),
            Word::Rollback if sure >= SURE && shows(&quoted, evidence) => {
                Advice::Rollback { sure, why }
            }
            Word::Rollback => Advice::Wait(format!("{why} (what it quotes does not show harm)")),
        })
    }
}

/// Whether what is quoted is harm, as computed: a metric that left its baseline, or new errors.
fn shows(quoted: &[&String], evidence: &Evidence) -> bool {
    let errors =
        evidence.new_errors > 0 || !evidence.blamed.is_empty() || evidence.exercise.recurrences > 0;
    let names = |metric: &aegis_core::model::Metric| {
        let row = format!("{metric}: baseline");
        quoted.iter().any(|quote| quote.trim().starts_with(&row))
    };
    errors || statistics::worse(evidence).any(names)
}

pub(super) fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "evidence": {"type": "array", "items": {"type": "string"}, "maxItems": 6},
            "reasoning": {"type": "string"},
            "advice": {"type": "string", "enum": ["rollback", "keep", "insufficient_data"]},
            "confidence": {"type": "number", "minimum": 0, "maximum": 1},
        },
        "required": ["evidence", "reasoning", "advice", "confidence"],
        "propertyOrdering": ["evidence", "reasoning", "advice", "confidence"],
    })
}
