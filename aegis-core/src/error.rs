//! One error type for every stage and port: what went wrong is a kind, whether to try again is data.

use std::fmt;
use std::time::Duration;

/// The result of every fallible operation in Aegis.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Source = Box<dyn std::error::Error + Send + Sync + 'static>;

/// What went wrong, in terms a program can act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The input can't be right whatever the world does: configuration, arguments, malformed data.
    Invalid,
    /// The thing asked for does not exist.
    NotFound,
    /// Policy, credentials or permissions forbid it.
    Denied,
    /// The world has moved: somebody else changed what this call relied on.
    Conflict,
    /// A deadline passed.
    Timeout,
    /// The other side can't be reached or is overloaded.
    Unavailable,
    /// A budget, quota or bounded queue is full.
    Exhausted,
    /// The journal holds more records than the writer knew of.
    Stale,
    /// The writer's lease was taken over.
    Fenced,
    /// A stage panicked.
    Panicked,
    /// The operation was cancelled, by shutdown or by a person.
    Cancelled,
    /// A broken invariant inside Aegis or an adapter.
    Internal,
}

impl ErrorKind {
    /// The kind in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Invalid => "invalid",
            Self::NotFound => "not_found",
            Self::Denied => "denied",
            Self::Conflict => "conflict",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::Exhausted => "exhausted",
            Self::Stale => "stale",
            Self::Fenced => "fenced",
            Self::Panicked => "panicked",
            Self::Cancelled => "cancelled",
            Self::Internal => "internal",
        }
    }
}

/// Whether calling again can help. Nobody matches on message text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Retry {
    /// The same call will fail the same way.
    Never,
    /// Try again after the caller's own backoff.
    Backoff,
    /// Try again, no earlier than this many milliseconds from now.
    AfterMs(u64),
}

/// Why an operation failed: kind, retryability, where, and the cause beneath.
///
/// ```
/// use aegis_core::{Error, ErrorKind, Retry};
/// let e = Error::unavailable("the probe got no answer").at("metrics");
/// assert_eq!(e.kind(), ErrorKind::Unavailable);
/// assert_eq!(e.retry(), Retry::Backoff);
/// assert_eq!(e.to_string(), "metrics: the probe got no answer");
/// ```
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    retry: Retry,
    at: Option<&'static str>,
    message: String,
    source: Option<Source>,
}

impl Error {
    /// An error of `kind` with a message that says what, where and what to do.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        let retry = match kind {
            ErrorKind::Timeout | ErrorKind::Unavailable | ErrorKind::Stale => Retry::Backoff,
            _ => Retry::Never,
        };
        Self { kind, retry, at: None, message: message.into(), source: None }
    }

    /// Bad input; never retried.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// Something that does not exist; never retried.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// Forbidden; never retried.
    pub fn denied(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Denied, message)
    }

    /// The world moved; the caller looks again instead of retrying.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, message)
    }

    /// Unreachable or overloaded; retried with backoff.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }

    /// A deadline passed; retried with backoff.
    pub fn timeout(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Timeout, message)
    }

    /// A broken invariant; never retried.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// Names the stage or port that failed.
    #[must_use]
    pub fn at(mut self, stage: &'static str) -> Self {
        self.at = Some(stage);
        self
    }

    /// Attaches the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Overrides whether calling again can help.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = retry;
        self
    }

    /// Asks for a retry no earlier than `delay` from now.
    #[must_use]
    pub fn retry_after(self, delay: Duration) -> Self {
        let ms = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.with_retry(Retry::AfterMs(ms))
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether calling again can help.
    pub fn retry(&self) -> Retry {
        self.retry
    }

    /// The stage or port that failed, where it is known.
    pub fn stage(&self) -> Option<&'static str> {
        self.at
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = self.at {
            write!(f, "{at}: ")?;
        }
        f.write_str(&self.message)?;
        let mut source = self.source.as_deref().map(|e| e as &dyn std::error::Error);
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|e| e as &(dyn std::error::Error + 'static))
    }
}

/// What is at the bottom of an error: where each one above it repeats the same, as an HTTP client's do
/// with the address, that alone is said.
///
/// ```
/// let full = std::io::Error::other("no space left");
/// assert_eq!(aegis_core::error::root_cause(&full), "no space left");
/// ```
pub fn root_cause(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.last().map(ToString::to_string).unwrap_or_default()
}

impl From<std::io::Error> for Error {
    fn from(e: std::io::Error) -> Self {
        let kind = match e.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::NotFound,
            std::io::ErrorKind::PermissionDenied => ErrorKind::Denied,
            std::io::ErrorKind::TimedOut => ErrorKind::Timeout,
            _ => ErrorKind::Unavailable,
        };
        Self::new(kind, "input or output failed").with_source(e)
    }
}
