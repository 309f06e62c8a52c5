//! How far Aegis may go by itself. There is no default: a host says it.

use serde::{Deserialize, Serialize};

/// How far Aegis may go by itself, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Autonomy {
    /// Watch, diagnose, verify, and say what it would do; change nothing.
    Observe,
    /// Offer a branch or a pull request; a person merges.
    Propose,
    /// Prepare everything and wait for a person's word before the submit.
    Approve,
    /// Go all the way.
    Auto,
}
