//! How a model refuses, by what helps.

use std::fmt;
use std::time::Duration;

use aegis_core::{Error, ErrorKind, Retry};

use super::Usage;

/// Why there is no answer, in terms of what helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefusalKind {
    /// Too many requests for the moment: wait so long, where that is told.
    Pace(Option<Duration>),
    /// The quota of the day is spent: nothing helps before the next day of the provider.
    Spent,
    /// The model does not exist, or this account has none of it.
    Gone,
    /// The provider failed or can't be reached: it may not the next time.
    Failed,
    /// No answer in time.
    Late,
    /// The credentials are refused, or the data may not be sent.
    Denied,
    /// The request is wrong, and will be the next time.
    Invalid,
    /// The model takes no sampling fields (temperature, seed): the same without them may do.
    Sampling,
    /// The provider will not answer this prompt.
    Blocked,
    /// There is an answer, and nobody can read it: empty, broken off, too long, or of no known form.
    Unreadable,
}

impl RefusalKind {
    /// Whether it is sure that nothing was generated, so that nothing is billed.
    pub fn is_free(&self) -> bool {
        matches!(
            self,
            Self::Pace(_)
                | Self::Spent
                | Self::Gone
                | Self::Denied
                | Self::Invalid
                | Self::Sampling
        )
    }
}

/// A call without an answer.
///
/// ```
/// use aegis_core::{Error, ErrorKind};
/// use aegis_gemini::model::{Refusal, RefusalKind};
///
/// let refusal = Refusal::new(RefusalKind::Gone, "gemini-2.5-flash-lite: there is no such model");
/// assert_eq!(Error::from(refusal).kind(), ErrorKind::NotFound);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// What helps.
    pub kind: RefusalKind,
    /// What happened, where, and what to do.
    pub message: String,
    /// What it took, where the provider tells.
    pub usage: Option<Usage>,
}

impl Refusal {
    /// No answer, for this reason.
    pub fn new(kind: RefusalKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), usage: None }
    }

    /// Took so many tokens all the same.
    #[must_use]
    pub fn with_usage(mut self, usage: Usage) -> Self {
        self.usage = Some(usage);
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal.kind {
            RefusalKind::Pace(_) | RefusalKind::Spent => ErrorKind::Exhausted,
            RefusalKind::Gone => ErrorKind::NotFound,
            RefusalKind::Failed | RefusalKind::Unreadable => ErrorKind::Unavailable,
            RefusalKind::Late => ErrorKind::Timeout,
            RefusalKind::Denied | RefusalKind::Blocked => ErrorKind::Denied,
            RefusalKind::Invalid | RefusalKind::Sampling => ErrorKind::Invalid,
        };
        let error = Error::new(kind, refusal.message).at("model");
        match refusal.kind {
            RefusalKind::Pace(Some(wait)) => error.retry_after(wait),
            RefusalKind::Pace(None) => error.with_retry(Retry::Backoff),
            _ => error,
        }
    }
}
