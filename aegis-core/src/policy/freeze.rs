//! When nothing may be merged.

use serde::{Deserialize, Serialize};

use crate::id::Timestamp;

const WEEK_MS: i64 = 7 * 86_400_000;
/// The epoch was a Thursday: three days after the Monday that a week starts with.
const EPOCH_OFFSET_MS: i64 = 3 * 86_400_000;

/// A freeze that comes every week, in minutes from Monday 00:00 UTC; may wrap around the week's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WeeklyFreeze {
    /// First minute, `0..10_080`.
    pub from: u16,
    /// First minute after it, `0..=10_080`.
    pub to: u16,
}

impl WeeklyFreeze {
    /// When the freeze that holds at `now` ends; `None` where none holds.
    pub fn until(&self, now: Timestamp) -> Option<Timestamp> {
        let (from, to) = (i64::from(self.from) * 60_000, i64::from(self.to) * 60_000);
        let at = (now.as_ms() + EPOCH_OFFSET_MS).rem_euclid(WEEK_MS);
        let left = if from <= to {
            (from <= at && at < to).then(|| to - at)
        } else if at >= from {
            Some(WEEK_MS - at + to)
        } else {
            (at < to).then(|| to - at)
        };
        left.map(|ms| Timestamp::from_ms(now.as_ms() + ms))
    }
}

/// A freeze from one moment to another, set by a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// When it starts.
    pub from: Timestamp,
    /// When it ends.
    pub to: Timestamp,
    /// Why, for people.
    pub why: String,
}

/// What a person has switched, for all replicas; kept in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct Control {
    /// The kill switch: nothing is written to the outside world while it holds its reason.
    pub killed: Option<String>,
    /// Freezes set by people, beside the weekly ones of the configuration.
    pub freezes: Vec<Freeze>,
    /// Lifts every freeze until then.
    pub override_until: Option<Timestamp>,
}

impl Control {
    /// Nothing switched.
    pub fn new() -> Self {
        Self::default()
    }

    /// The kill switch thrown, with its reason.
    #[must_use]
    pub fn with_killed(mut self, why: impl Into<String>) -> Self {
        self.killed = Some(why.into());
        self
    }

    /// Adds a freeze.
    #[must_use]
    pub fn with_freeze(mut self, freeze: Freeze) -> Self {
        self.freezes.push(freeze);
        self
    }

    /// Why merging is frozen at `now`, and until when; `None` where it is not.
    pub fn frozen(&self, weekly: &[WeeklyFreeze], now: Timestamp) -> Option<(String, Timestamp)> {
        if self.override_until.is_some_and(|until| now < until) {
            return None;
        }
        let own = self.freezes.iter().find(|f| f.from <= now && now < f.to);
        if let Some(freeze) = own {
            return Some((freeze.why.clone(), freeze.to));
        }
        let until = weekly.iter().filter_map(|w| w.until(now)).max()?;
        Some((String::from("the weekly freeze"), until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Thursday 1970-01-01 00:00 UTC is minute 4,320 of the week.
    fn at(minutes: i64) -> Timestamp {
        Timestamp::from_ms(minutes * 60_000)
    }

    #[test]
    fn a_weekly_freeze_holds_from_its_first_minute_to_its_last() {
        let freeze = WeeklyFreeze { from: 4_320, to: 4_330 };
        assert_eq!(freeze.until(at(0)), Some(at(10)));
        assert_eq!(freeze.until(at(9)), Some(at(10)));
        assert_eq!(freeze.until(at(10)), None);
        assert_eq!(freeze.until(at(-1)), None);
    }

    #[test]
    fn a_weekly_freeze_wraps_around_the_weekend() {
        let freeze = WeeklyFreeze { from: 10_000, to: 100 };
        let monday = 4 * 1_440;
        assert_eq!(freeze.until(at(monday - 10)), Some(at(monday + 100)));
        assert_eq!(freeze.until(at(monday + 99)), Some(at(monday + 100)));
        assert_eq!(freeze.until(at(monday + 100)), None);
    }

    #[test]
    fn an_override_lifts_every_freeze() {
        let freeze = Freeze { from: at(0), to: at(60), why: "launch day".into() };
        let mut control = Control::new().with_freeze(freeze);
        assert_eq!(control.frozen(&[], at(5)), Some(("launch day".into(), at(60))));
        control.override_until = Some(at(10));
        assert_eq!(control.frozen(&[], at(5)), None);
        assert!(control.frozen(&[], at(10)).is_some());
    }
}
