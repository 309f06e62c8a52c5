//! What a model answers, and what that took.

use aegis_core::redact::Untrusted;
use serde::{Deserialize, Serialize};

/// Why an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// It is complete.
    Complete,
    /// It was cut at [`Request::output_tokens`](super::Request::output_tokens).
    Cut,
}

/// Tokens that a call took. What a provider does not tell is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Usage {
    /// Of the prompt, cached ones included.
    pub prompt: u64,
    /// Of the answer.
    pub output: u64,
    /// Spent on thinking; billed as output.
    pub thinking: u64,
    /// Of the prompt, those that the provider had kept from before.
    pub cached: u64,
}

impl Usage {
    /// These counts.
    pub fn new(prompt: u64, output: u64, thinking: u64, cached: u64) -> Self {
        Self { prompt, output, thinking, cached }
    }
}

/// One answer. Its text is [`Untrusted`]: it is made from text that others wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// What the model says, without its thoughts.
    pub text: Untrusted,
    /// Why it ended.
    pub finish: Finish,
    /// What it took.
    pub usage: Usage,
    /// The version that answered, where it is told.
    pub model_version: Option<String>,
    /// The provider's id of the answer, where it is told.
    pub response_id: Option<String>,
}

impl Answer {
    /// A complete answer that tells nothing else.
    pub fn new(text: Untrusted) -> Self {
        let (finish, usage) = (Finish::Complete, Usage::default());
        Self { text, finish, usage, model_version: None, response_id: None }
    }

    /// Ended for this reason.
    #[must_use]
    pub fn with_finish(mut self, finish: Finish) -> Self {
        self.finish = finish;
        self
    }

    /// Took so many tokens.
    #[must_use]
    pub fn with_usage(mut self, usage: Usage) -> Self {
        self.usage = usage;
        self
    }

    /// Answered by this version.
    #[must_use]
    pub fn with_model_version(mut self, version: Option<String>) -> Self {
        self.model_version = version;
        self
    }

    /// Known to the provider by this id.
    #[must_use]
    pub fn with_response_id(mut self, id: Option<String>) -> Self {
        self.response_id = id;
        self
    }
}
