//! Lengths of time as `OpenTSDB` writes them: `10s`, `500ms`, `1h`, `2n`.
//!
//! Spans of rollups are `penstock_model::Interval`: those know no milliseconds and no letter case.

use std::fmt;

use crate::excerpt::Excerpt;

/// The unit of a [`Span`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// `ms`, in lower case only.
    Millisecond,
    /// `s`
    Second,
    /// `m`
    Minute,
    /// `h`
    Hour,
    /// `d`, 24 hours
    Day,
    /// `w`, 7 days
    Week,
    /// `n`, nominally 30 days
    Month,
    /// `y`, nominally 365 days
    Year,
}

impl Unit {
    const fn millis(self) -> i64 {
        match self {
            Self::Millisecond => 1,
            Self::Second => 1_000,
            Self::Minute => 60_000,
            Self::Hour => 3_600_000,
            Self::Day => 86_400_000,
            Self::Week => 7 * 86_400_000,
            Self::Month => 30 * 86_400_000,
            Self::Year => 365 * 86_400_000,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        match text {
            "ms" => Some(Self::Millisecond),
            "s" | "S" => Some(Self::Second),
            "m" | "M" => Some(Self::Minute),
            "h" | "H" => Some(Self::Hour),
            "d" | "D" => Some(Self::Day),
            "w" | "W" => Some(Self::Week),
            "n" | "N" => Some(Self::Month),
            "y" | "Y" => Some(Self::Year),
            _ => None,
        }
    }
}

/// A length of time: a number above 0 and a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    amount: i64,
    unit: Unit,
}

/// Why a text is no length of time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// Nothing there.
    #[error("Cannot parse null or empty duration")]
    Empty,
    /// Digits alone.
    #[error("Invalid duration, must have an integer and unit: {0}")]
    NoUnit(Excerpt),
    /// No digits, or more than 64 bits hold.
    #[error("Invalid duration (number): {0}")]
    Number(Excerpt),
    /// Nothing lasts 0.
    #[error("Zero or negative duration: {0}")]
    Zero(Excerpt),
    /// An unknown unit, or more letters than one.
    #[error("Invalid duration (suffix): {0}")]
    Suffix(Excerpt),
    /// More milliseconds than 64 bits hold.
    #[error("Duration must be < Long.MAX_VALUE ms: {0}")]
    TooLong(Excerpt),
}

impl Span {
    /// Reads `<digits><unit>`.
    ///
    /// # Errors
    /// [`SpanError`], with the text in it.
    pub fn parse(text: &str) -> Result<Self, SpanError> {
        if text.is_empty() {
            return Err(SpanError::Empty);
        }
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, suffix) = text.split_at_checked(digits).unwrap_or((text, ""));
        if suffix.is_empty() {
            return Err(SpanError::NoUnit(text.into()));
        }
        let amount: i64 = number.parse().map_err(|_| SpanError::Number(text.into()))?;
        if amount == 0 {
            return Err(SpanError::Zero(text.into()));
        }
        let unit = Unit::parse(suffix).ok_or_else(|| SpanError::Suffix(text.into()))?;
        if amount.checked_mul(unit.millis()).is_none() {
            return Err(SpanError::TooLong(text.into()));
        }
        Ok(Self { amount, unit })
    }

    /// How many units.
    pub const fn amount(self) -> i64 {
        self.amount
    }

    /// What is counted.
    pub const fn unit(self) -> Unit {
        self.unit
    }

    /// The nominal length: a month has 30 days, a year 365.
    pub const fn millis(self) -> i64 {
        self.amount.saturating_mul(self.unit.millis())
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Millisecond => "ms",
            Unit::Second => "s",
            Unit::Minute => "m",
            Unit::Hour => "h",
            Unit::Day => "d",
            Unit::Week => "w",
            Unit::Month => "n",
            Unit::Year => "y",
        };
        write!(f, "{}{unit}", self.amount)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bad_spans_say_what_is_wrong() {
        let cases = [
            ("", "Cannot parse null or empty duration"),
            ("10", "Invalid duration, must have an integer and unit: 10"),
            ("h", "Invalid duration (number): h"),
            ("-1h", "Invalid duration (number): -1h"),
            ("+1h", "Invalid duration (number): +1h"),
            ("1.5h", "Invalid duration (suffix): 1.5h"),
            ("0m", "Zero or negative duration: 0m"),
            ("5min", "Invalid duration (suffix): 5min"),
            ("5Ms", "Invalid duration (suffix): 5Ms"),
            ("5MS", "Invalid duration (suffix): 5MS"),
            ("5x", "Invalid duration (suffix): 5x"),
            ("5é", "Invalid duration (suffix): 5é"),
            ("1 h", "Invalid duration (suffix): 1 h"),
            (
                "99999999999999999999s",
                "Invalid duration (number): 99999999999999999999s",
            ),
            (
                "9223372036854775807s",
                "Duration must be < Long.MAX_VALUE ms: 9223372036854775807s",
            ),
        ];
        for (text, message) in cases {
            assert_eq!(Span::parse(text).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn units_have_their_nominal_length() {
        let cases = [
            ("500ms", 500),
            ("1s", 1_000),
            ("2M", 120_000),
            ("1H", 3_600_000),
            ("1d", 86_400_000),
            ("1w", 604_800_000),
            ("1n", 2_592_000_000),
            ("1y", 31_536_000_000),
            ("007s", 7_000),
        ];
        for (text, millis) in cases {
            assert_eq!(Span::parse(text).unwrap().millis(), millis, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_answer(text in ".{0,12}") {
            if let Ok(span) = Span::parse(&text) {
                prop_assert_eq!(Span::parse(&span.to_string()), Ok(span));
            }
        }
    }
}
