//! How a run ends, to whoever started it.

use std::fmt;
use std::path::Path;

/// Anything that keeps a run from being played.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How a run ends; the number is the process's exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Every incident ended as it should, or there was none.
    AsItShould = 0,
    /// An incident is a person's.
    Waiting = 1,
    /// The command line is wrong.
    Usage = 2,
    /// Something that it names is not there, or of no use.
    Missing = 3,
    /// The run broke off.
    BrokeOff = 4,
}

impl Exit {
    /// Every one.
    pub const ALL: [Self; 5] =
        [Self::AsItShould, Self::Waiting, Self::Usage, Self::Missing, Self::BrokeOff];

    /// The process's exit code.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// What it means, in a line.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::AsItShould => "every incident ended as it should; an interrupt with --repo too",
            Self::Waiting => "an incident waits for a person, was taken back or did not end",
            Self::Usage => "the command line is wrong; nothing was touched",
            Self::Missing => "something that is needed is missing or unusable; Git is unchanged",
            Self::BrokeOff => "the run broke off; its state is kept, the same command resumes it",
        }
    }

    /// The codes and what they mean, a line each.
    #[must_use]
    pub fn table() -> String {
        let line = |exit: Self| format!("  {}  {}\n", exit.code(), exit.meaning());
        Self::ALL.map(line).concat()
    }
}

/// Why a run did not come to its end, and what to do about it.
#[derive(Debug)]
pub struct Stopped {
    exit: Exit,
    what: String,
    next: String,
}

impl Stopped {
    /// The command line is wrong.
    pub fn usage(what: impl fmt::Display) -> Self {
        let next = String::from("`--help` lists the options");
        Self { exit: Exit::Usage, what: what.to_string(), next }
    }

    /// Something is missing: nothing runs, and Git is as it was.
    pub fn missing(what: impl fmt::Display) -> Self {
        let next = String::from("put that right, then run the same command again");
        Self { exit: Exit::Missing, what: what.to_string(), next }
    }

    /// It broke off in the middle.
    pub(super) fn broke_off(what: impl fmt::Display, state: &Path) -> Self {
        let state = state.display();
        let next = format!("put that right, then run the same command again: {state} is resumed");
        Self { exit: Exit::BrokeOff, what: what.to_string(), next }
    }

    /// How the process ends.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\nNext: {}", self.what, self.next)
    }
}

impl std::error::Error for Stopped {}
