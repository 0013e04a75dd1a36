//! Moments and UTC days.

use std::fmt;

/// Milliseconds of a day.
const DAY_MILLIS: i64 = 86_400_000;

/// The smallest Unix time read as milliseconds: what fits 32 bits is seconds (`OpenTSDB`'s rule).
const FIRST_MILLISECOND_VALUE: u64 = 1 << 32;

/// The largest timestamp that a client may write, in milliseconds: 13 digits (`OpenTSDB`'s limit, the year 2286).
pub const MAX_WRITTEN_MILLIS: u64 = 9_999_999_999_999;

/// A moment: milliseconds since 1970-01-01T00:00:00Z, possibly negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The earliest moment there is.
    pub const MIN: Self = Self(i64::MIN);
    /// The latest moment there is.
    pub const MAX: Self = Self(i64::MAX);

    /// A moment from milliseconds since the Unix epoch.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// Reads a Unix time as a client of `OpenTSDB` writes it: up to 4294967295 it is seconds, above
    /// milliseconds.
    ///
    /// # Errors
    /// [`TimestampError::NotPositive`] for 0, [`TimestampError::TooLarge`] for more than 13 digits of
    /// milliseconds.
    pub const fn from_unix(value: u64) -> Result<Self, TimestampError> {
        let millis = if value < FIRST_MILLISECOND_VALUE {
            value * 1_000
        } else {
            value
        };
        if value == 0 {
            Err(TimestampError::NotPositive)
        } else if millis > MAX_WRITTEN_MILLIS {
            Err(TimestampError::TooLarge)
        } else {
            Ok(Self(millis.cast_signed()))
        }
    }

    /// The UTC day that this moment lies in. Days outside ±5.8 million years are the first or last one.
    pub const fn day(self) -> Day {
        let day = self.0.div_euclid(DAY_MILLIS);
        if day > i32::MAX as i64 {
            Day(i32::MAX)
        } else if day < i32::MIN as i64 {
            Day(i32::MIN)
        } else {
            #[expect(clippy::cast_possible_truncation, reason = "checked just above")]
            Day(day as i32)
        }
    }

    /// This moment and `millis` more, held at the ends of the range.
    #[must_use]
    pub const fn saturating_add_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Why a number is no timestamp that can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// Zero or less.
    #[error("a timestamp must be positive")]
    NotPositive,
    /// Later than [`MAX_WRITTEN_MILLIS`].
    #[error("a timestamp has at most 13 digits of milliseconds")]
    TooLarge,
}

/// A UTC day, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(i32);

impl Day {
    /// A day from its distance to 1970-01-01.
    pub const fn from_number(days_since_epoch: i32) -> Self {
        Self(days_since_epoch)
    }

    /// Days since 1970-01-01.
    pub const fn number(self) -> i32 {
        self.0
    }

    /// The first millisecond of the day.
    pub const fn start(self) -> Timestamp {
        Timestamp(self.0 as i64 * DAY_MILLIS)
    }

    /// The last millisecond of the day.
    pub const fn end(self) -> Timestamp {
        Timestamp(self.0 as i64 * DAY_MILLIS + (DAY_MILLIS - 1))
    }
}

impl fmt::Display for Day {
    /// `YYYYMMDD` of the proleptic Gregorian calendar, the name of the day's folder.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Howard Hinnant's civil_from_days: eras of 400 years that begin on 1 March.
        let shifted = i64::from(self.0) + 719_468;
        let era = shifted.div_euclid(146_097);
        let day_of_era = shifted.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 {
            month_from_march + 3
        } else {
            month_from_march - 9
        };
        let year = year_of_era + era * 400 + i64::from(month <= 2);
        write!(f, "{year:04}{month:02}{day:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thirty_two_bits_are_seconds_and_more_is_milliseconds() {
        assert_eq!(Timestamp::from_unix(1), Ok(Timestamp(1_000)));
        assert_eq!(
            Timestamp::from_unix(4_294_967_295),
            Ok(Timestamp(4_294_967_295_000))
        );
        assert_eq!(
            Timestamp::from_unix(4_294_967_296),
            Ok(Timestamp(4_294_967_296))
        );
        assert_eq!(
            Timestamp::from_unix(9_999_999_999_999),
            Ok(Timestamp(9_999_999_999_999))
        );
        assert_eq!(Timestamp::from_unix(0), Err(TimestampError::NotPositive));
        assert_eq!(
            Timestamp::from_unix(10_000_000_000_000),
            Err(TimestampError::TooLarge)
        );
    }

    #[test]
    fn a_day_holds_its_first_and_last_millisecond() {
        let day = Timestamp::from_millis(1_356_998_400_000).day();
        assert_eq!(day.to_string(), "20130101");
        assert_eq!(day.start().day(), day);
        assert_eq!(day.end().day(), day);
        assert_eq!(Timestamp(day.end().0 + 1).day(), Day(day.0 + 1));
        assert_eq!(Timestamp(-1).day(), Day(-1));
        assert_eq!(Day(-1).to_string(), "19691231");
        assert_eq!(Day(19_782).to_string(), "20240229");
        assert_eq!(Timestamp::MAX.day(), Day(i32::MAX));
        assert_eq!(Timestamp::MIN.day(), Day(i32::MIN));
    }
}
