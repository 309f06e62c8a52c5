//! How much is asked for.

use serde::{Deserialize, Serialize};

/// A generator as configured.
///
/// ```
/// use aegis_gemini::fix::FixConfig;
/// let config = FixConfig::default().with_samples(3);
/// assert_eq!((config.samples, config.candidates), (3, 4));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct FixConfig {
    /// Tokens of what is shown of a case; 16,000 unless set.
    pub context_tokens: u32,
    /// Requests for candidates, each by another seed, at least one; 1 unless set. What several of them
    /// come to is offered first.
    pub samples: u32,
    /// Most candidates that are offered; 4 unless set.
    pub candidates: usize,
    /// How long all requests together may take, in milliseconds; 240,000 unless set, of the 300 s that a
    /// planner gives a draft.
    pub within_ms: u64,
    /// Most tokens of one answer, thinking included; 8,192 unless set.
    pub output_tokens: u32,
}

impl Default for FixConfig {
    fn default() -> Self {
        Self {
            context_tokens: 16_000,
            samples: 1,
            candidates: 4,
            within_ms: 240_000,
            output_tokens: 8_192,
        }
    }
}

impl FixConfig {
    /// Shows so many tokens of a case.
    #[must_use]
    pub fn with_context_tokens(mut self, tokens: u32) -> Self {
        self.context_tokens = tokens;
        self
    }

    /// Asks so often.
    #[must_use]
    pub fn with_samples(mut self, samples: u32) -> Self {
        self.samples = samples;
        self
    }

    /// Offers at most so many candidates.
    #[must_use]
    pub fn with_candidates(mut self, most: usize) -> Self {
        self.candidates = most;
        self
    }

    /// Lets all requests together take so many milliseconds.
    #[must_use]
    pub fn with_within_ms(mut self, within_ms: u64) -> Self {
        self.within_ms = within_ms;
        self
    }

    /// Lets an answer have so many tokens.
    #[must_use]
    pub fn with_output_tokens(mut self, most: u32) -> Self {
        self.output_tokens = most;
        self
    }
}
