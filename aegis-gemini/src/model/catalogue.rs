//! What is known of models: what they take, what they cost, how often they may be asked.

use serde::{Deserialize, Serialize};

use super::Usage;

/// How a model is told how much to think.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Thinking {
    /// It can't be told.
    None,
    /// By a number of tokens.
    Budget,
    /// By the name of a level.
    Level,
}

/// Millionths of a US dollar for a million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Of the prompt.
    pub input: u64,
    /// Of those of the prompt that were kept from before.
    pub cached: u64,
    /// Of the answer and of thinking.
    pub output: u64,
}

impl Price {
    /// What `usage` costs in millionths of a dollar, rounded up.
    ///
    /// ```
    /// use aegis_gemini::model::{Price, Usage};
    /// let price = Price { input: 300_000, cached: 30_000, output: 2_500_000 };
    /// assert_eq!(price.of(&Usage::new(10_000, 500, 500, 4_000)), 1_800 + 120 + 2_500);
    /// ```
    pub fn of(&self, usage: &Usage) -> u64 {
        let fresh = usage.prompt.saturating_sub(usage.cached);
        let output = usage.output.saturating_add(usage.thinking);
        let all = [(fresh, self.input), (usage.cached, self.cached), (output, self.output)];
        let sum: u128 = all.iter().map(|(n, each)| u128::from(*n) * u128::from(*each)).sum();
        u64::try_from(sum.div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }
}

/// How often a model may be asked; `None` where that is not known, and the provider says when to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Quota {
    /// Requests within any minute.
    pub per_minute: Option<u32>,
    /// Requests within a day of the provider.
    pub per_day: Option<u64>,
}

/// Models that are alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Family {
    /// The name that they share; a model's own may go on with a number or with `preview`, `latest`,
    /// `exp`.
    pub name: String,
    /// Whether it is a small one, for the bulk of the work.
    pub lite: bool,
    /// How able it is beside the others: only the order counts.
    pub strength: u8,
    /// Most tokens of prompt and answer together.
    pub context_tokens: u64,
    /// Most tokens of an answer.
    pub output_tokens: u32,
    /// Whether it takes temperature and seed.
    pub sampling: bool,
    /// How it is told to think.
    pub thinking: Thinking,
    /// What it costs, where that is known.
    #[serde(default)]
    pub price: Option<Price>,
    /// How often it may be asked, on each account.
    #[serde(default)]
    pub quota: Quota,
}

/// What is known of all models; part of a configuration.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Catalogue {
    families: Vec<Family>,
}

impl Catalogue {
    /// These families.
    pub fn new(families: Vec<Family>) -> Self {
        Self { families }
    }

    /// With `family` in the place of the one of its name, or beside the others.
    #[must_use]
    pub fn with(mut self, family: Family) -> Self {
        self.families.retain(|known| known.name != family.name);
        self.families.push(family);
        self
    }

    /// The families.
    pub fn families(&self) -> &[Family] {
        &self.families
    }

    /// The family of a model.
    pub fn of(&self, model: &str) -> Option<&Family> {
        let known = |family: &&Family| {
            let Some(rest) = model.strip_prefix(&family.name) else { return false };
            let Some(version) = rest.strip_prefix('-') else { return rest.is_empty() };
            version.starts_with(|c: char| c.is_ascii_digit())
                || ["preview", "latest", "exp"].iter().any(|word| version.starts_with(word))
        };
        self.families.iter().filter(known).max_by_key(|family| family.name.len())
    }
}
