//! Text in, stack traces and fingerprints out. Pure.

mod collect;
mod fingerprint;
mod line;
mod locate;
mod mask;
mod open;
mod path;
mod python;
mod recorded;
mod wrap;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use collect::{Block, BlockKind, Collector, CollectorConfig};
pub use fingerprint::fingerprint_of_text;
pub(crate) use line::regex;
pub use locate::{Located, Moved, line_of, locate, names_file};
pub use mask::mask;
pub use python::parse;
pub use recorded::{Argument, RECORDED_MARKER, RecordedCall};

/// The language that printed a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Language {
    /// CPython 3.
    Python,
}

/// How an exception came from the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Relation {
    /// "The above exception was the direct cause of the following exception".
    Cause,
    /// "During handling of the above exception, another exception occurred".
    Context,
    /// A member of the exception group before it.
    Member,
}

/// One frame of a stack.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Frame {
    /// File as printed, with the folder of a release cut off where one was recognised.
    pub path: String,
    /// Line, from 1.
    pub line: Option<u32>,
    /// Function or method; `<module>` at the top level.
    pub function: String,
    /// The source line that was printed with it.
    pub source: Option<String>,
    /// Whether it is the service's own code, not the standard library's or a dependency's.
    pub in_app: bool,
}

impl Frame {
    /// A frame of the service's own code.
    pub fn new(path: impl Into<String>, line: Option<u32>, function: impl Into<String>) -> Self {
        Self { path: path.into(), line, function: function.into(), source: None, in_app: true }
    }

    /// Says whether the frame is the service's own code.
    #[must_use]
    pub fn with_in_app(mut self, in_app: bool) -> Self {
        self.in_app = in_app;
        self
    }

    /// Adds the source line.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<String>) -> Self {
        self.source = Some(source.into());
        self
    }
}

/// One exception with its stack.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Exception {
    /// Type as printed: `ZeroDivisionError`, `shop.errors.OutOfStock`.
    pub kind: String,
    /// Message, possibly empty.
    pub message: String,
    /// Frames, outermost first; the last one raised.
    pub frames: Vec<Frame>,
    /// How it came from the exception before it in the trace.
    pub relation: Option<Relation>,
}

impl Exception {
    /// An exception with its stack, outermost frame first.
    pub fn new(kind: impl Into<String>, message: impl Into<String>, frames: Vec<Frame>) -> Self {
        Self { kind: kind.into(), message: message.into(), frames, relation: None }
    }

    /// Says how it came from the exception before it.
    #[must_use]
    pub fn with_relation(mut self, relation: Relation) -> Self {
        self.relation = Some(relation);
        self
    }

    /// The innermost frame of the service's own code.
    pub fn culprit(&self) -> Option<&Frame> {
        self.frames.iter().rev().find(|f| f.in_app)
    }
}

/// One stack trace: the exceptions in the order they were raised, at least one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Trace {
    /// Who printed it.
    pub language: Language,
    /// The chain: the root cause first, the exception that surfaced last.
    pub exceptions: Vec<Exception>,
    /// What the failing function was called with, where the service has Aegis's recorder; no part of
    /// the fingerprint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded: Option<RecordedCall>,
}

impl Trace {
    /// A trace of a chain of exceptions, in the order they were raised.
    pub fn new(language: Language, exceptions: Vec<Exception>) -> Self {
        Self { language, exceptions, recorded: None }
    }

    /// The exception that surfaced.
    pub fn surfaced(&self) -> Option<&Exception> {
        self.exceptions.last()
    }

    /// The exception at the bottom of the chain.
    pub fn root(&self) -> Option<&Exception> {
        self.exceptions.first()
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.surfaced() {
            Some(e) if e.message.is_empty() => f.write_str(&e.kind),
            Some(e) => write!(f, "{}: {}", e.kind, e.message),
            None => f.write_str("empty trace"),
        }
    }
}
