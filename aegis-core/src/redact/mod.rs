//! Untrusted text in, redacted text out.
//!
//! Text from production can hold secrets and instructions. It enters as [`Untrusted`], which can be
//! neither printed nor stored, and leaves as [`Redacted`], which only a [`Redactor`] makes.

mod check;
#[cfg(test)]
mod corpus;
mod providers;
mod redactor;
mod rules;
mod ruleset;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use redactor::Redactor;

/// Text from production: no `Display`, no `Serialize`, no `Deref`, an opaque `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Untrusted(String);

impl Untrusted {
    /// Wraps text that somebody outside may have written.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The raw text, for a parser or the redactor; never for a log, a journal or a prompt.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no text at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Untrusted({} bytes)", self.0.len())
    }
}

/// Text that a [`Redactor`] has been over: fit for the journal, notices and prompts.
///
/// Redacted is not trusted: what it says is still data, never an instruction.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Redacted(String);

impl Redacted {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no text at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text cut to at most `max` bytes, on a character boundary.
    #[must_use]
    pub fn truncated(&self, max: usize) -> Self {
        Self(self.0[..self.0.floor_char_boundary(max)].to_owned())
    }

    /// The first line.
    #[must_use]
    pub fn first_line(&self) -> Self {
        Self(self.0.lines().next().unwrap_or_default().to_owned())
    }
}

impl fmt::Display for Redacted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
