//! What a delivery is answered.

use std::fmt;

/// What became of a delivery, all of which is in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Taken {
    /// Alerts that fire, and were told to the planner.
    pub firing: usize,
    /// Alerts that ended, and were told to the planner.
    pub resolved: usize,
    /// Alerts that were told before, or that end while others of the same trouble go on.
    pub passed: usize,
    /// Alerts that Alertmanager left out of the delivery, by its `max_alerts`.
    pub truncated: u64,
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { firing, resolved, passed, truncated } = self;
        write!(f, "{firing} firing, {resolved} resolved, {passed} told before")?;
        if *truncated > 0 {
            write!(f, "; {truncated} were left out: raise `max_alerts` of the receiver")?;
        }
        Ok(())
    }
}

/// Why a delivery was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// It does not come from who may send.
    Unauthorized,
    /// The body has more bytes than this.
    TooLarge(usize),
    /// The body did not come in time.
    Slow,
    /// The body broke off.
    Broken,
    /// It is no delivery of Alertmanager's webhook, version 4.
    NotADelivery(String),
    /// Some of its alerts can't be taken, now or later; the others are.
    Misplaced(String),
    /// Some of its alerts are not in the journal; the same delivery may be taken later.
    NotJournaled(String),
}

impl Refusal {
    /// The status to answer with. Alertmanager repeats after 5xx.
    pub fn status(&self) -> u16 {
        match self {
            Self::Unauthorized => 401,
            Self::TooLarge(_) => 413,
            Self::Slow => 408,
            Self::Broken | Self::NotADelivery(_) => 400,
            Self::Misplaced(_) => 422,
            Self::NotJournaled(_) => 503,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unauthorized => f.write_str(
                "not authorized: set `authorization` or `basic_auth` in the receiver's `http_config`",
            ),
            Self::TooLarge(most) => {
                write!(f, "the body has more than {most} bytes: set `max_alerts` of the receiver")
            }
            Self::Slow => f.write_str("the body did not come in time"),
            Self::Broken => f.write_str("the body broke off"),
            Self::NotADelivery(why) => write!(f, "no delivery of Alertmanager's webhook: {why}"),
            Self::Misplaced(why) => write!(f, "not taken: {why}"),
            Self::NotJournaled(why) => write!(f, "not in the journal, send it again: {why}"),
        }
    }
}

impl std::error::Error for Refusal {}
