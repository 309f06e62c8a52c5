//! What a delivery is answered.

use std::fmt;

use super::Heard;

/// What became of a delivery that GitHub signed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Whoever waits was woken.
    Woke(Heard),
    /// GitHub tries out the webhook.
    Ping(Heard),
    /// Of a kind, or of a repository, that nobody here waits for.
    Ignored(Heard),
    /// It was heard before, and woke nobody again.
    Repeated,
}

impl Verdict {
    /// The status to answer with.
    pub fn status(&self) -> u16 {
        match self {
            Self::Ping(_) | Self::Repeated => 200,
            Self::Woke(_) | Self::Ignored(_) => 202,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Woke(_) => "heard",
            Self::Ping(_) => "pong",
            Self::Ignored(_) => "ignored: nothing here waits for it",
            Self::Repeated => "heard before",
        })
    }
}

/// Why a delivery was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The body has more bytes than this.
    TooLarge(usize),
    /// The body did not come in time.
    Slow,
    /// The body broke off.
    Broken,
    /// It is not signed, or not with a secret of this webhook.
    Unsigned,
    /// It does not say which delivery it is.
    NoDelivery,
    /// It does not say of what kind it is.
    NoEvent,
    /// It is a form, or anything else that GitHub was not asked for.
    NotJsonType,
    /// It is no JSON object.
    NotJson,
}

impl Refusal {
    /// The status to answer with.
    pub fn status(&self) -> u16 {
        match self {
            Self::TooLarge(_) => 413,
            Self::Slow => 408,
            Self::Unsigned => 401,
            Self::NotJsonType => 415,
            Self::Broken | Self::NoDelivery | Self::NoEvent | Self::NotJson => 400,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLarge(most) => return write!(f, "the body has more than {most} bytes"),
            Self::Slow => "the body did not come in time",
            Self::Broken => "the body broke off",
            Self::Unsigned => "not signed with the secret of this webhook",
            Self::NoDelivery => "the header X-GitHub-Delivery is missing",
            Self::NoEvent => "the header X-GitHub-Event is missing",
            Self::NotJsonType => {
                "choose application/json as the content type in the webhook's settings"
            }
            Self::NotJson => "the body is no JSON object",
        })
    }
}

impl std::error::Error for Refusal {}
