//! Three tiers of confidence.

use serde::{Deserialize, Serialize};

use crate::id::Confidence;

/// What a verification's confidence entitles to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// A person looks first.
    Low,
    /// Ship under a strict watch.
    Medium,
    /// Ship.
    High,
}

/// Where the tiers begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Tiers {
    /// From here on Medium; 60% unless set.
    pub medium: Confidence,
    /// From here on High; 80% unless set.
    pub high: Confidence,
}

impl Default for Tiers {
    fn default() -> Self {
        Self { medium: Confidence::from_percent(60), high: Confidence::from_percent(80) }
    }
}

impl Tiers {
    /// The tier of a confidence.
    pub fn of(&self, confidence: Confidence) -> Tier {
        if confidence >= self.high {
            Tier::High
        } else if confidence >= self.medium {
            Tier::Medium
        } else {
            Tier::Low
        }
    }
}
