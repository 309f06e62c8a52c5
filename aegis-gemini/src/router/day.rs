//! When a provider's day begins.

use aegis_core::Timestamp;
use serde::{Deserialize, Serialize};
use time::{Date, Month, OffsetDateTime};

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

/// By which clock quotas of a day are renewed at midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuotaDay {
    /// Universal time.
    Utc,
    /// The Pacific time of the United States, with its summer time.
    UsPacific,
}

impl QuotaDay {
    /// The number of the day that holds `at`, counted from 1 January 1970.
    ///
    /// ```
    /// use aegis_core::Timestamp;
    /// use aegis_gemini::router::QuotaDay;
    /// // 07:59:59.999 of a winter's day in universal time is just before midnight on the coast.
    /// let before = Timestamp::from_ms(8 * 3_600_000 - 1);
    /// assert_eq!(QuotaDay::UsPacific.of(before), -1);
    /// assert_eq!(QuotaDay::Utc.of(before), 0);
    /// ```
    pub fn of(self, at: Timestamp) -> i64 {
        let offset = match self {
            Self::Utc => 0,
            Self::UsPacific if is_summer(at.as_ms()) => -7 * HOUR_MS,
            Self::UsPacific => -8 * HOUR_MS,
        };
        at.as_ms().saturating_add(offset).div_euclid(DAY_MS)
    }
}

/// Since 2007: from the second Sunday of March to the first of November, each at 2:00 of the time that
/// ends, which is 10:00 and 9:00 in universal time. At both ends the year is the same in both times.
fn is_summer(ms: i64) -> bool {
    let Ok(moment) = OffsetDateTime::from_unix_timestamp(ms.div_euclid(1_000)) else {
        return false;
    };
    let year = moment.year();
    let sunday = |month, earliest| {
        let date = Date::from_calendar_date(year, month, earliest).ok()?;
        let later = (7 - date.weekday().number_days_from_sunday()) % 7;
        date.checked_add(time::Duration::days(i64::from(later)))
    };
    let (Some(march), Some(november)) = (sunday(Month::March, 8), sunday(Month::November, 1))
    else {
        return false;
    };
    let at = |date: Date, hour| date.midnight().assume_utc() + time::Duration::hours(hour);
    at(march, 10) <= moment && moment < at(november, 9)
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    fn day(moment: OffsetDateTime) -> i64 {
        let ms = i64::try_from(moment.unix_timestamp_nanos() / 1_000_000).unwrap_or_default();
        QuotaDay::UsPacific.of(Timestamp::from_ms(ms))
    }

    #[test]
    fn a_day_begins_at_midnight_on_the_coast_in_summer_and_in_winter() {
        for (before, midnight) in [
            (datetime!(2026-01-15 07:59:59 UTC), datetime!(2026-01-15 08:00 UTC)),
            (datetime!(2026-07-15 06:59:59 UTC), datetime!(2026-07-15 07:00 UTC)),
            // The day that has 23 hours begins in winter and ends in summer.
            (datetime!(2026-03-08 07:59:59 UTC), datetime!(2026-03-08 08:00 UTC)),
            (datetime!(2026-03-09 06:59:59 UTC), datetime!(2026-03-09 07:00 UTC)),
            // The one that has 25 begins in summer and ends in winter.
            (datetime!(2026-11-01 06:59:59 UTC), datetime!(2026-11-01 07:00 UTC)),
            (datetime!(2026-11-02 07:59:59 UTC), datetime!(2026-11-02 08:00 UTC)),
            // The second Sunday of March may be the 8th or the 14th, the first of November the 7th.
            (datetime!(2027-03-14 07:59:59 UTC), datetime!(2027-03-14 08:00 UTC)),
            (datetime!(2027-03-15 06:59:59 UTC), datetime!(2027-03-15 07:00 UTC)),
            (datetime!(2027-11-08 07:59:59 UTC), datetime!(2027-11-08 08:00 UTC)),
            // Years meet in winter.
            (datetime!(2027-01-01 07:59:59 UTC), datetime!(2027-01-01 08:00 UTC)),
        ] {
            assert_eq!(day(before) + 1, day(midnight), "{midnight}");
        }
    }

    #[test]
    fn each_hour_of_a_year_is_of_the_same_day_as_the_one_before_or_of_the_next() {
        let start = datetime!(2026-01-01 08:00 UTC);
        let (mut hours, mut before) = (Vec::new(), day(start));
        let mut length = 0;
        for hour in 0..365 * 24 {
            let at = day(start + time::Duration::hours(hour));
            if at != before {
                assert_eq!(at, before + 1);
                hours.push(length);
                (length, before) = (0, at);
            }
            length += 1;
        }
        assert_eq!(hours.iter().filter(|hours| **hours == 23).count(), 1);
        assert_eq!(hours.iter().filter(|hours| **hours == 25).count(), 1);
        assert_eq!(hours.iter().filter(|hours| **hours == 24).count(), hours.len() - 2);
    }
}
