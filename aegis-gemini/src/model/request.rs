//! What a model is asked.

use std::time::Duration;

use aegis_core::redact::Redacted;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Whose words they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Who asks.
    User,
    /// The model, earlier in the same exchange.
    Model,
}

/// One turn of the exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Turn {
    /// Who says it.
    pub role: Role,
    /// What is said.
    pub text: Redacted,
}

impl Turn {
    /// What is asked.
    pub fn user(text: Redacted) -> Self {
        Self { role: Role::User, text }
    }

    /// What the model said before.
    pub fn model(text: Redacted) -> Self {
        Self { role: Role::Model, text }
    }
}

/// How much a model may think before it answers. Providers know it by budgets or by levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effort {
    /// As little as it can.
    Least,
    /// A little.
    Low,
    /// As much as most questions need.
    Medium,
    /// As much as it can.
    High,
}

impl Effort {
    /// The next smaller one; `Least` stays.
    #[must_use]
    pub fn less(self) -> Self {
        match self {
            Self::High => Self::Medium,
            Self::Medium => Self::Low,
            Self::Low | Self::Least => Self::Least,
        }
    }
}

/// One request. Its texts are [`Redacted`], so that none leaves that no redactor was over; the schema
/// goes out as it is, and is the program's own.
///
/// ```
/// use aegis_core::redact::Redactor;
/// use aegis_gemini::model::{Effort, Request};
///
/// let redactor = Redactor::standard();
/// let request = Request::new(redactor.redact_str("Name the cause."))
///     .ask(redactor.redact_str("login with password=hunter2 failed"))
///     .with_schema(serde_json::json!({"type": "object"}))
///     .with_temperature(0.05)
///     .with_effort(Effort::Low);
/// assert!(!request.turns[0].text.as_str().contains("hunter2"));
/// ```
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Request {
    /// What the model is told to be and to do; may be empty.
    pub system: Redacted,
    /// The exchange so far, the last turn being the user's.
    pub turns: Vec<Turn>,
    /// The JSON Schema of the answer; without one the answer is plain text.
    pub schema: Option<Value>,
    /// Most tokens of the answer, thinking included; 4,096 unless set.
    pub output_tokens: u32,
    /// How freely tokens are drawn, 0 being the least; left out where a model takes none.
    pub temperature: Option<f64>,
    /// Makes equal draws likely; left out where a model takes none.
    pub seed: Option<i32>,
    /// How much it may think; the model's own choice unless set.
    pub effort: Option<Effort>,
    /// How long the call may take; 60 s unless set.
    pub within: Duration,
}

impl Request {
    /// A request under this system text, without a turn yet.
    pub fn new(system: Redacted) -> Self {
        Self {
            system,
            turns: Vec::new(),
            schema: None,
            output_tokens: 4_096,
            temperature: None,
            seed: None,
            effort: None,
            within: Duration::from_secs(60),
        }
    }

    /// Adds what the user says.
    #[must_use]
    pub fn ask(mut self, text: Redacted) -> Self {
        self.turns.push(Turn::user(text));
        self
    }

    /// Adds what the model said.
    #[must_use]
    pub fn answered(mut self, text: Redacted) -> Self {
        self.turns.push(Turn::model(text));
        self
    }

    /// Wants JSON of this schema.
    #[must_use]
    pub fn with_schema(mut self, schema: Value) -> Self {
        self.schema = Some(schema);
        self
    }

    /// Lets the answer have so many tokens.
    #[must_use]
    pub fn with_output_tokens(mut self, most: u32) -> Self {
        self.output_tokens = most;
        self
    }

    /// Draws tokens so freely.
    #[must_use]
    pub fn with_temperature(mut self, temperature: f64) -> Self {
        self.temperature = Some(temperature);
        self
    }

    /// Draws by this seed.
    #[must_use]
    pub fn with_seed(mut self, seed: i32) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Lets it think so much.
    #[must_use]
    pub fn with_effort(mut self, effort: Effort) -> Self {
        self.effort = Some(effort);
        self
    }

    /// Lets it take so long.
    #[must_use]
    pub fn with_within(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }
}
