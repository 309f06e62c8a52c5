//! The bounds of a diagnosis.

use aegis_core::Confidence;
use serde::{Deserialize, Serialize};

/// How a diagnosis is asked for.
///
/// ```
/// use aegis_gemini::diagnose::DiagnoserConfig;
/// let config = DiagnoserConfig::default().with_context_tokens(6_000);
/// assert!(config.critique);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct DiagnoserConfig {
    /// About how many tokens of data a model is shown; 12,000 unless set.
    pub context_tokens: u32,
    /// How long all of it may take, in milliseconds; 50,000 unless set. The planner's own deadline for a
    /// diagnosis is 60 s.
    pub within_ms: u64,
    /// Where the likeliest hypothesis is less sure than this, an abler model is asked; 50% unless set.
    pub weak: Confidence,
    /// Whether another model is asked to refute what was found; true unless set.
    pub critique: bool,
}

impl Default for DiagnoserConfig {
    fn default() -> Self {
        let weak = Confidence::from_percent(50);
        Self { context_tokens: 12_000, within_ms: 50_000, weak, critique: true }
    }
}

impl DiagnoserConfig {
    /// Shows a model about so many tokens of data.
    #[must_use]
    pub fn with_context_tokens(mut self, tokens: u32) -> Self {
        self.context_tokens = tokens;
        self
    }

    /// Takes at most so many milliseconds.
    #[must_use]
    pub fn with_within_ms(mut self, within: u64) -> Self {
        self.within_ms = within;
        self
    }

    /// Asks an abler model below this confidence.
    #[must_use]
    pub fn with_weak(mut self, weak: Confidence) -> Self {
        self.weak = weak;
        self
    }

    /// Asks another model to refute what was found, or does not.
    #[must_use]
    pub fn with_critique(mut self, critique: bool) -> Self {
        self.critique = critique;
        self
    }
}
