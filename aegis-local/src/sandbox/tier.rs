//! How well a command is held.

use std::fmt;

use aegis_core::model::Isolation;
use serde::{Deserialize, Serialize};

/// How well a command is held; the stronger is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// By limits, Landlock and a list of system calls, in the host's own namespaces. What leads out of
    /// it is listed in the [module's docs](crate::sandbox#the-reduced-tier).
    Reduced,
    /// In a world of its own.
    Strong,
}

impl From<Tier> for Isolation {
    fn from(tier: Tier) -> Self {
        match tier {
            Tier::Reduced => Self::Reduced,
            Tier::Strong => Self::Strong,
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reduced => "reduced",
            Self::Strong => "strong",
        })
    }
}
