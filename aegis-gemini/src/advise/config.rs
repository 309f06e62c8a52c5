//! The bounds of advice.

use serde::{Deserialize, Serialize};

/// How advice is asked for.
///
/// ```
/// let config = aegis_gemini::advise::AdviserConfig::default();
/// assert_eq!((config.questions, config.within_ms), (3, 20_000));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct AdviserConfig {
    /// Parts of a window: a model is asked after each; 3 unless set.
    pub questions: u32,
    /// How long one answer may take, in milliseconds; 20,000 unless set. The next look waits for it, and
    /// the planner's own deadline for a verdict is 60 s.
    pub within_ms: u64,
}

impl Default for AdviserConfig {
    fn default() -> Self {
        Self { questions: 3, within_ms: 20_000 }
    }
}

impl AdviserConfig {
    /// Asks after each of so many parts of a window.
    #[must_use]
    pub fn with_questions(mut self, questions: u32) -> Self {
        self.questions = questions;
        self
    }

    /// Lets one answer take so many milliseconds.
    #[must_use]
    pub fn with_within_ms(mut self, within: u64) -> Self {
        self.within_ms = within;
        self
    }
}
