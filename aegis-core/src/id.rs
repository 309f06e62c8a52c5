//! Names and numbers that everything else is keyed by.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};

/// Milliseconds since the Unix epoch, UTC.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since the Unix epoch.
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn as_ms(self) -> i64 {
        self.0
    }

    /// This moment moved forward by `d`, saturating.
    #[must_use]
    pub fn plus(self, d: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(d.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This moment moved back by `d`, saturating.
    #[must_use]
    pub fn minus(self, d: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(d.as_millis()).unwrap_or(i64::MAX)))
    }

    /// Time elapsed since `earlier`; zero where `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// How sure somebody is, in basis points: 0 is impossible, 10,000 is certain; more is read as 10,000.
///
/// An integer, so that a journal replays to the same bits.
///
/// ```
/// use aegis_core::Confidence;
/// assert_eq!(Confidence::from_ratio(0.805).bps(), 8050);
/// assert_eq!(Confidence::from_percent(65).to_string(), "65.0%");
/// ```
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(from = "u16")]
pub struct Confidence(u16);

impl From<u16> for Confidence {
    fn from(bps: u16) -> Self {
        Self::from_bps(bps)
    }
}

impl Confidence {
    /// Certainty.
    pub const FULL: Self = Self(10_000);
    /// No confidence at all.
    pub const NONE: Self = Self(0);

    /// From basis points; more than 10,000 saturates.
    pub const fn from_bps(bps: u16) -> Self {
        Self(if bps > 10_000 { 10_000 } else { bps })
    }

    /// From whole percent; more than 100 saturates.
    pub const fn from_percent(percent: u8) -> Self {
        Self::from_bps(percent as u16 * 100)
    }

    /// From a ratio in `0.0..=1.0`, clamped; NaN is no confidence.
    pub fn from_ratio(ratio: f64) -> Self {
        if ratio.is_nan() {
            return Self::NONE;
        }
        // Clamped to 0..=10,000 on the line itself, so the cast is exact.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        Self((ratio.clamp(0.0, 1.0) * 10_000.0).round() as u16)
    }

    /// Basis points, `0..=10_000`.
    pub const fn bps(self) -> u16 {
        self.0
    }

    /// As a ratio in `0.0..=1.0`.
    pub fn ratio(self) -> f64 {
        f64::from(self.0) / 10_000.0
    }
}

impl fmt::Display for Confidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}%", self.0 / 100, self.0 % 100 / 10)
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $type(String);

        impl $type {
            /// Wraps the text as it is.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $type {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }

        impl From<String> for $type {
            fn from(text: String) -> Self {
                Self(text)
            }
        }
    };
}

name! {
    /// A watched service, as its people call it.
    ServiceName
}

name! {
    /// A revision of the source: a commit id for Git, opaque to the core.
    Revision
}

impl Revision {
    /// The first 12 characters, for people.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

name! {
    /// What makes two errors the same error: 16 hexadecimal digits, equal across releases.
    Fingerprint
}

impl Fingerprint {
    /// Hashes the parts that identify an error, in order.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a str>) -> Self {
        Self(Digest::of(parts).0[..16].to_owned())
    }
}

name! {
    /// A SHA-256 over the parts of something, as 64 hexadecimal digits.
    Digest
}

impl Digest {
    /// Hashes `parts` in order; lengths are hashed too, so that parts can't run into each other.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        // Every candidate is hashed in several records: one allocation, not one a byte.
        let mut hex = String::with_capacity(64);
        for byte in hash.finalize() {
            for nibble in [byte >> 4, byte & 15] {
                hex.push(char::from(b"0123456789abcdef"[usize::from(nibble)]));
            }
        }
        Self(hex)
    }

    /// Hashes the JSON form of `value`.
    pub fn of_json(value: &impl Serialize) -> Self {
        let text = serde_json::to_string(value).unwrap_or_else(|e| format!("unserialisable: {e}"));
        Self::of([text.as_str()])
    }

    /// The first 12 digits, for people.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

name! {
    /// One incident, never repeated across journals, valid inside a Git ref name.
    IncidentId
}

impl IncidentId {
    /// Draws an id from the time and fresh entropy: nine characters of time, a dash, six of chance.
    pub fn draw(now: Timestamp) -> Self {
        const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
        let mut id = String::with_capacity(16);
        let mut push = |bits: u64, width: u32| {
            for i in (0..width).rev() {
                id.push(ALPHABET[(bits >> (i * 5) & 31) as usize] as char);
            }
        };
        push(now.as_ms().unsigned_abs(), 9);
        let mut entropy = RandomState::new().build_hasher();
        entropy.write_i64(now.as_ms());
        push(entropy.finish(), 6);
        id.insert(9, '-');
        Self(id)
    }

    /// Accepts an id that can be part of a ref name: lower-case letters, digits and inner dashes.
    pub fn parse(text: &str) -> Result<Self> {
        let ok = !text.is_empty()
            && text.len() <= 64
            && !text.starts_with('-')
            && !text.ends_with('-')
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if ok {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::invalid(format!(
                "{text:?} is no incident id: use lower-case letters, digits and dashes"
            )))
        }
    }
}

/// A write to the outside world that may happen once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    /// Offer a fix: branch and, where there are any, pull request.
    Submit,
    /// Merge the head that was verified.
    Merge,
    /// Take back what was submitted and not merged.
    Withdraw,
    /// Revert what was merged.
    Revert,
}

impl EffectKind {
    /// The kind in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Submit => "submit",
            Self::Merge => "merge",
            Self::Withdraw => "withdraw",
            Self::Revert => "revert",
        }
    }
}

/// The deterministic key of an effect: after a crash it is looked up under this, never guessed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EffectKey {
    /// The service that is changed.
    pub service: ServiceName,
    /// The incident on whose behalf it is changed.
    pub incident: IncidentId,
    /// Which submission of this incident, from 1.
    pub attempt: u32,
    /// What is done.
    pub kind: EffectKind,
}

impl EffectKey {
    /// The branch that carries this attempt: `aegis/fix-<incident>`, then `-2`, `-3` and so on.
    ///
    /// A revert has a branch of its own, `aegis/revert-<incident>`.
    pub fn branch(&self) -> String {
        let what = if self.kind == EffectKind::Revert { "revert" } else { "fix" };
        match self.attempt {
            0 | 1 => format!("aegis/{what}-{}", self.incident),
            n => format!("aegis/{what}-{}-{n}", self.incident),
        }
    }

    /// The same attempt with another kind of effect.
    #[must_use]
    pub fn of_kind(&self, kind: EffectKind) -> Self {
        Self { kind, ..self.clone() }
    }
}

impl fmt::Display for EffectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.service, self.incident, self.attempt, self.kind.as_str())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn drawn_ids_differ_and_sort_by_time() {
        let a = IncidentId::draw(Timestamp::from_ms(1_700_000_000_000));
        let b = IncidentId::draw(Timestamp::from_ms(1_700_000_000_000));
        let later = IncidentId::draw(Timestamp::from_ms(1_800_000_000_000));
        assert_ne!(a, b);
        assert!(a < later && b < later);
        assert_eq!(IncidentId::parse(a.as_str()).unwrap(), a);
    }

    #[test]
    fn ids_that_would_break_a_ref_are_refused() {
        for bad in ["", "-a", "a-", "a b", "A", "a/b", "..", "a.lock"] {
            assert!(IncidentId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_second_attempt_has_a_branch_of_its_own() {
        let key = EffectKey {
            service: "shop".into(),
            incident: IncidentId::new("i1"),
            attempt: 2,
            kind: EffectKind::Merge,
        };
        assert_eq!(key.branch(), "aegis/fix-i1-2");
        assert_eq!(key.of_kind(EffectKind::Revert).branch(), "aegis/revert-i1-2");
    }

    #[test]
    fn a_digest_is_the_hash_in_hexadecimal() {
        let digest = Digest::of(["a"]);
        assert_eq!(digest.short(), "ae6121c88ba5");
    }

    #[test]
    fn parts_of_a_digest_do_not_run_into_each_other() {
        assert_ne!(Digest::of(["ab", "c"]), Digest::of(["a", "bc"]));
    }

    #[test]
    fn confidence_clamps() {
        assert_eq!(Confidence::from_ratio(f64::NAN), Confidence::NONE);
        assert_eq!(Confidence::from_ratio(7.0), Confidence::FULL);
        assert_eq!(Confidence::from_bps(u16::MAX), Confidence::FULL);
        assert_eq!(serde_json::from_str::<Confidence>("20000").unwrap(), Confidence::FULL);
        assert_eq!(serde_json::to_string(&Confidence::FULL).unwrap(), "10000");
    }
}
