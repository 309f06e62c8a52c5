//! Times as logs write them.

use aegis_core::Timestamp;

const DAY_MS: i64 = 86_400_000;
const MONTHS: [&[u8; 3]; 12] = [
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
];

/// A time, and whether the text said in which zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct When {
    /// The time; taken as UTC where no zone was written.
    pub(crate) at: Timestamp,
    /// Whether a zone was written.
    pub(crate) zoned: bool,
    /// Bytes of the text that it took.
    pub(crate) len: usize,
}

/// A time at the beginning of `text`: ISO 8601 and RFC 3339 with `T` or a blank, `.` or `,` before
/// the fraction, `-` or `/` in the date; or the common log format's `10/Oct/2000:13:55:36 -0700`.
pub(crate) fn at_start(text: &str) -> Option<When> {
    iso(text.as_bytes()).or_else(|| common(text.as_bytes()))
}

/// Seconds, milliseconds, microseconds or nanoseconds since the epoch, told apart by their size.
pub(crate) fn from_epoch(number: f64) -> Option<Timestamp> {
    let seconds = match number.abs() {
        n if !n.is_finite() || n < 1e8 => return None,
        n if n < 1e11 => number,
        n if n < 1e14 => number / 1e3,
        n if n < 1e17 => number / 1e6,
        _ => number / 1e9,
    };
    // The year 5138 is far from the end of an i64 of milliseconds.
    #[allow(clippy::cast_possible_truncation)]
    (seconds.abs() < 1e11).then(|| Timestamp::from_ms((seconds * 1e3).round() as i64))
}

struct Cursor<'a> {
    text: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn eat(&mut self, any: &[u8]) -> Option<u8> {
        let byte = self.peek().filter(|b| any.contains(b))?;
        self.at += 1;
        Some(byte)
    }

    fn digits(&mut self, count: usize) -> Option<i64> {
        let digits = self.text.get(self.at..self.at + count)?;
        let mut number = 0;
        for d in digits {
            number = number * 10 + i64::from(d.is_ascii_digit().then(|| d - b'0')?);
        }
        self.at += count;
        Some(number)
    }

    /// `HH:MM:SS`, in milliseconds.
    fn clock(&mut self) -> Option<i64> {
        let h = self.digits(2)?;
        self.eat(b":")?;
        let m = self.digits(2)?;
        self.eat(b":")?;
        let s = self.digits(2)?;
        (h < 24 && m < 60 && s <= 60).then_some(((h * 60 + m) * 60 + s) * 1000)
    }

    /// A fraction of a second, in milliseconds; any number of digits.
    fn fraction(&mut self) -> i64 {
        let followed = self.text.get(self.at + 1).is_some_and(u8::is_ascii_digit);
        if !followed || self.eat(b".,").is_none() {
            return 0;
        }
        let (mut ms, mut scale) = (0, 100);
        while let Some(d) = self.peek().filter(u8::is_ascii_digit) {
            ms += i64::from(d - b'0') * scale;
            scale /= 10;
            self.at += 1;
        }
        ms
    }

    /// `Z`, `+HH:MM` or `+HHMM`, in milliseconds east of UTC.
    fn zone(&mut self) -> Option<i64> {
        let back = self.at;
        let blank = self.eat(b" ").is_some();
        let zone = if !blank && self.eat(b"Zz").is_some() {
            Some(0)
        } else {
            self.eat(b"+-").and_then(|sign| {
                let h = self.digits(2)?;
                self.eat(b":");
                let m = self.digits(2)?;
                let ms = (h * 60 + m) * 60_000;
                (h < 24 && m < 60).then_some(if sign == b'-' { -ms } else { ms })
            })
        };
        if zone.is_none() {
            self.at = back;
        }
        zone
    }

    fn finish(mut self, day: i64, time: i64) -> When {
        let zone = self.zone();
        let at = Timestamp::from_ms(day * DAY_MS + time - zone.unwrap_or(0));
        When { at, zoned: zone.is_some(), len: self.at }
    }
}

fn iso(text: &[u8]) -> Option<When> {
    let mut c = Cursor { text, at: 0 };
    let year = c.digits(4)?;
    let sep = c.eat(b"-/")?;
    let month = c.digits(2)?;
    c.eat(&[sep])?;
    let day = c.digits(2)?;
    c.eat(b"Tt _")?;
    let time = c.clock()? + c.fraction();
    let day = days(year, month, day)?;
    Some(c.finish(day, time))
}

fn common(text: &[u8]) -> Option<When> {
    let mut c = Cursor { text, at: 0 };
    let day = c.digits(2)?;
    c.eat(b"/")?;
    let name: [u8; 3] = text.get(c.at..c.at + 3)?.to_ascii_lowercase().try_into().ok()?;
    let month = MONTHS.iter().position(|m| **m == name)? + 1;
    c.at += 3;
    c.eat(b"/")?;
    let year = c.digits(4)?;
    c.eat(b": ")?;
    let time = c.clock()? + c.fraction();
    let day = days(year, i64::try_from(month).ok()?, day)?;
    Some(c.finish(day, time))
}

/// Days since the epoch of a date in the Gregorian calendar.
///
/// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let last = match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=last).contains(&day) {
        return None;
    }
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let of_era = y.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_usual_forms_are_read() {
        let ms = 1_772_332_200_123;
        for (text, zoned) in [
            ("2026-03-01T02:30:00.123Z", true),
            ("2026-03-01T02:30:00.123456789Z stderr F boom", true),
            ("2026-03-01T04:00:00.123+01:30", true),
            ("2026-02-28 21:30:00.123 -0500 rest", true),
            ("2026-03-01 02:30:00,123 ERROR shop", false),
            ("2026/03/01 02:30:00.123 [error]", false),
        ] {
            let when = at_start(text).unwrap();
            assert_eq!((when.at.as_ms(), when.zoned), (ms, zoned), "{text}");
        }
        let common = at_start("10/Oct/2000:13:55:36 -0700] rest").unwrap();
        assert_eq!((common.at.as_ms(), common.len), (971_211_336_000, 26));
        assert_eq!(at_start("01/Mar/2026 02:30:00] x").unwrap().at.as_ms(), 1_772_332_200_000);
    }

    #[test]
    fn dates_that_do_not_exist_are_not_read() {
        for text in [
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-10T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01",
            "2026-01/01 00:00:00",
            "31/Foo/2026:00:00:00 +0000",
            "",
            "é",
        ] {
            assert_eq!(at_start(text), None, "{text}");
        }
        assert_eq!(at_start("1969-12-31T23:59:59Z").unwrap().at.as_ms(), -1000);
        assert_eq!(at_start("2000-02-29T00:00:00Z").unwrap().at.as_ms(), 951_782_400_000);
    }

    #[test]
    fn the_unit_of_an_epoch_follows_from_its_size() {
        let at = Some(Timestamp::from_ms(1_700_000_000_500));
        assert_eq!(from_epoch(1_700_000_000.5), at);
        assert_eq!(from_epoch(1_700_000_000_500.0), at);
        assert_eq!(from_epoch(1_700_000_000_500_000.0), at);
        assert_eq!(from_epoch(1_700_000_000_500_000_000.0), at);
        assert_eq!(from_epoch(12.0), None);
        assert_eq!(from_epoch(f64::NAN), None);
        assert_eq!(from_epoch(1e300), None);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(text in ".{0,60}", number in proptest::num::f64::ANY) {
            let _ = at_start(&text);
            let _ = from_epoch(number);
        }

        #[test]
        fn text_like_a_time_is_survived(text in "[0-9]{4}[-/][0-9]{2}[-/][0-9]{2}[T ][0-9:.,Z+ -]{0,20}") {
            if let Some(when) = at_start(&text) {
                proptest::prop_assert!(text.is_char_boundary(when.len));
            }
        }
    }
}
