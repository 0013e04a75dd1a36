//! The moments between which a query reads: unix times, dates, `now` and `1h-ago`.
//!
//! ```text
//!   1356998400          up to 10 characters: seconds
//!   1356998400000       longer: milliseconds
//!   1356998400.250      the dot is removed
//!   1356998400000ms     milliseconds whatever the length
//!   now   1h-ago        relative to now
//!   2013/01/01  2013/01/01-00:00  2013/01/01 00:00:00     in the query's time zone
//! ```
//!
//! Timestamps that are written follow another rule: `penstock_model::Timestamp`.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use penstock_model::Timestamp;

use crate::duration::{Span, SpanError};
use crate::excerpt::Excerpt;

/// Why a text is no moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MomentError {
    /// The length in front of `-ago` is none.
    #[error(transparent)]
    Ago(#[from] SpanError),
    /// No date of one of the three lengths.
    #[error("Invalid absolute date: {0}")]
    Date(Excerpt),
    /// A dot, but not ten digits before and one to three behind it.
    #[error(
        "Invalid time: {0}. Millisecond timestamps must be in the format <seconds>.<ms> where the \
         milliseconds are limited to 3 digits"
    )]
    Fraction(Excerpt),
    /// Before 1970.
    #[error("Invalid time: {0}. Negative timestamps are not supported.")]
    Negative(Excerpt),
    /// Neither a number nor anything else.
    #[error("Invalid time: {0}")]
    Unknown(Excerpt),
}

/// Reads one moment; `zone` is for dates alone.
///
/// # Errors
/// [`MomentError`], with the text in it.
pub fn parse(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, MomentError> {
    if let Some(digits) = text.strip_suffix("ms")
        && is_digits(digits)
    {
        return number(digits, text).map(Timestamp::from_millis);
    }
    let lower = text.to_ascii_lowercase();
    if lower == "now" {
        return Ok(now);
    }
    if lower.ends_with("-ago") {
        let span = Span::parse(text.get(..text.len().saturating_sub(4)).unwrap_or_default())?;
        return Ok(now.saturating_add_millis(-span.millis()));
    }
    if text.contains(['/', ':']) {
        return date(text, zone).ok_or_else(|| MomentError::Date(text.into()));
    }
    unix(text).map(Timestamp::from_millis)
}

fn unix(text: &str) -> Result<i64, MomentError> {
    if let Some((seconds, fraction)) = text.split_once('.') {
        let good = seconds.len() == 10
            && is_digits(seconds)
            && (1..=3).contains(&fraction.len())
            && is_digits(fraction);
        if !good {
            return Err(MomentError::Fraction(text.into()));
        }
        // `.m` and `.mm` make a moment in 1970: so does OpenTSDB.
        return number(&format!("{seconds}{fraction}"), text);
    }
    if text.strip_prefix('-').is_some_and(is_digits) {
        return Err(MomentError::Negative(text.into()));
    }
    let digits = text.strip_prefix('+').unwrap_or(text);
    if !is_digits(digits) {
        return Err(MomentError::Unknown(text.into()));
    }
    let value = number(digits, text)?;
    Ok(if text.len() <= 10 {
        value.saturating_mul(1_000)
    } else {
        value
    })
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn number(digits: &str, text: &str) -> Result<i64, MomentError> {
    digits
        .parse()
        .map_err(|_| MomentError::Unknown(text.into()))
}

/// `yyyy/MM/dd`, with `-HH:mm` or ` HH:mm`, with `:ss`. Fields that are out of range roll over.
fn date(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let (day, clock) = match text.len() {
        10 => (text, None),
        16 | 19 => {
            let (day, rest) = text.split_at_checked(10)?;
            (day, Some(rest.strip_prefix(['-', ' '])?))
        }
        _ => return None,
    };
    let [year, month, day] = fields(day, '/', [4, 2, 2])?;
    let [hour, minute, second] = match clock {
        None => [0, 0, 0],
        Some(clock) if clock.len() == 5 => {
            let [hour, minute] = fields(clock, ':', [2, 2])?;
            [hour, minute, 0]
        }
        Some(clock) => fields(clock, ':', [2, 2, 2])?,
    };
    let months = year.checked_mul(12)?.checked_add(month - 1)?;
    let first = Date::new(
        i16::try_from(months.div_euclid(12)).ok()?,
        i8::try_from(months.rem_euclid(12) + 1).ok()?,
        1,
    )
    .ok()?;
    let moment = first
        .at(0, 0, 0, 0)
        .checked_add(
            jiff::Span::new()
                .days(day - 1)
                .hours(hour)
                .minutes(minute)
                .seconds(second),
        )
        .ok()?;
    let zoned = zone.to_ambiguous_zoned(moment).compatible().ok()?;
    Some(Timestamp::from_millis(zoned.timestamp().as_millisecond()))
}

/// Exactly these many digits between separators.
fn fields<const N: usize>(text: &str, separator: char, widths: [usize; N]) -> Option<[i64; N]> {
    let mut values = [0; N];
    let mut words = text.split(separator);
    for (value, width) in values.iter_mut().zip(widths) {
        let word = words.next()?;
        if word.len() != width || !is_digits(word) {
            return None;
        }
        *value = word.parse().ok()?;
    }
    words.next().is_none().then_some(values)
}

#[cfg(test)]
mod tests;
