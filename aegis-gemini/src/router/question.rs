//! What a router is asked, and what becomes of it.

use std::fmt;

use aegis_core::{Error, ErrorKind, Timestamp};

use super::{Choice, Task};
use crate::model::{Answer, Refusal, Request};

/// A request, for a task and up to a deadline.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Question {
    /// What it is for.
    pub task: Task,
    /// The version of the prompt: answers to another one are not taken for answers to this.
    pub version: String,
    /// What is asked. How long a call may take is the router's to say.
    pub request: Request,
    /// When an answer is of no use any more.
    pub deadline: Timestamp,
    /// A model whose answer was too weak: only abler ones are asked.
    pub above: Option<String>,
    /// A model that is not asked: whose answer this is to check.
    pub besides: Option<String>,
}

impl Question {
    /// Asks for `request`.
    pub fn new(
        task: Task,
        version: impl Into<String>,
        request: Request,
        deadline: Timestamp,
    ) -> Self {
        let version = version.into();
        Self { task, version, request, deadline, above: None, besides: None }
    }

    /// Asks only models that are abler than `model`, whose answer was too weak.
    #[must_use]
    pub fn above(mut self, model: impl Into<String>) -> Self {
        self.above = Some(model.into());
        self
    }

    /// Asks any model but `model`, whose answer this is to check.
    #[must_use]
    pub fn besides(mut self, model: impl Into<String>) -> Self {
        self.besides = Some(model.into());
        self
    }
}

/// An answer that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reply<T> {
    /// What was read of it.
    pub value: T,
    /// Who answered.
    pub choice: Choice,
    /// The answer.
    pub answer: Answer,
    /// Whether it was given before, to the same question.
    pub cached: bool,
}

/// Why there is no answer that can be used. Templates and statistics go on without.
#[derive(Debug)]
#[non_exhaustive]
pub enum Unanswered {
    /// No model of the task may be asked or answers; why the last one did not.
    NoneLeft(Option<Refusal>),
    /// The deadline passed.
    Late,
    /// The provider will not answer this prompt.
    Blocked(Refusal),
    /// The request is wrong.
    Refused(Refusal),
    /// The answer was cut twice.
    Cut(Choice),
    /// The answer could not be read, and its repair neither; why.
    Unreadable(String),
    /// Nobody can tell what may be spent.
    Journal(Error),
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoneLeft(None) => f.write_str("no model of this task may be asked that"),
            Self::NoneLeft(Some(last)) => write!(f, "no model of this task is left: {last}"),
            Self::Late => f.write_str("no model answered before the deadline"),
            Self::Blocked(refusal) | Self::Refused(refusal) => refusal.fmt(f),
            Self::Cut(choice) => write!(f, "{choice}: the answer was cut twice; allow more tokens"),
            Self::Unreadable(why) => write!(f, "the answer can't be read: {why}"),
            Self::Journal(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Unanswered {}

impl From<Error> for Unanswered {
    fn from(error: Error) -> Self {
        Self::Journal(error)
    }
}

impl From<Unanswered> for Error {
    fn from(unanswered: Unanswered) -> Self {
        let kind = match unanswered {
            Unanswered::Journal(error) => return error,
            Unanswered::Blocked(refusal) | Unanswered::Refused(refusal) => return refusal.into(),
            Unanswered::NoneLeft(_) => ErrorKind::Exhausted,
            Unanswered::Late => ErrorKind::Timeout,
            Unanswered::Cut(_) | Unanswered::Unreadable(_) => ErrorKind::Invalid,
        };
        Self::new(kind, unanswered.to_string()).at("router")
    }
}
