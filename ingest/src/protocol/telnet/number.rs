//! Timestamps of lines, and the words for numbers that are none.

use penstock_model::{Timestamp, TimestampError};

use crate::protocol::fault::NumberFault;
use crate::protocol::point::SECONDS_MAX;
use crate::protocol::quote::Quoted;
use penstock_tenancy::Profile;

/// Digits of the largest 64-bit integer.
const INTEGER_DIGITS_MAX: usize = 19;

/// How a line's timestamp is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeUnit {
    /// Seconds where it fits 32 bits, else milliseconds.
    BySize,
    /// Always milliseconds, as `putm` says.
    Millis,
}

/// A line's timestamp, before the data rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LineTime {
    /// A moment that can be written.
    Good {
        /// The moment.
        time: Timestamp,
        /// It was given in milliseconds.
        in_millis: bool,
    },
    /// Zero or less: the number.
    NotPositive(i64),
    /// More than 13 digits.
    TooLarge,
}

/// Reads a line's timestamp.
///
/// # Errors
/// [`NumberFault`] if it is no number.
#[inline]
pub(crate) fn scan_time(
    text: &[u8],
    unit: TimeUnit,
    profile: Profile,
) -> Result<LineTime, NumberFault> {
    // The common cases: 10 digits of seconds, 13 of milliseconds.
    if matches!(text.len(), 1..=13) {
        let mut number = 0u64;
        let mut digits_only = true;
        for byte in text {
            digits_only &= byte.is_ascii_digit();
            number = number
                .wrapping_mul(10)
                .wrapping_add(u64::from(byte.wrapping_sub(b'0')));
        }
        if digits_only {
            return Ok(classify(number, 0, unit));
        }
    }
    scan_unusual_time(text, unit, profile)
}

#[cold]
fn scan_unusual_time(
    text: &[u8],
    unit: TimeUnit,
    profile: Profile,
) -> Result<LineTime, NumberFault> {
    let Some(dot) = memchr::memchr(b'.', text) else {
        let number = scan_integer(text)?;
        return Ok(match u64::try_from(number) {
            Ok(number) => classify(number, 0, unit),
            Err(_) => LineTime::NotPositive(number),
        });
    };
    let (whole, fraction) = (
        text.get(..dot).unwrap_or_default(),
        text.get(dot + 1..).unwrap_or_default(),
    );
    // OpenTSDB drops the dot, which is right with three decimals and nonsense with any other number.
    let well_formed = match profile {
        Profile::OpenTsdb => whole.len() == 10 && fraction.len() == 3,
        Profile::Lenient => !whole.is_empty() && unit == TimeUnit::BySize,
    };
    let digits_only = |text: &[u8]| text.iter().all(u8::is_ascii_digit);
    if !well_formed || !digits_only(whole) || !digits_only(fraction) {
        return Err(invalid_character(text, b'.'));
    }
    let thousandths = fraction
        .iter()
        .chain(b"000")
        .take(3)
        .fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    let whole = u64::try_from(scan_integer(whole)?).unwrap_or_default();
    Ok(classify(whole, thousandths, unit))
}

/// `thousandths` counts for seconds; milliseconds have no fraction.
fn classify(number: u64, thousandths: u64, unit: TimeUnit) -> LineTime {
    let in_millis = unit == TimeUnit::Millis || number > SECONDS_MAX;
    let converted = if unit == TimeUnit::Millis {
        from_millis(number)
    } else if in_millis || (number == 0 && thousandths == 0) {
        Timestamp::from_unix(number)
    } else {
        from_millis(number * 1_000 + thousandths)
    };
    match converted {
        Ok(time) => LineTime::Good { time, in_millis },
        Err(TimestampError::NotPositive) => LineTime::NotPositive(0),
        Err(TimestampError::TooLarge) => LineTime::TooLarge,
    }
}

fn from_millis(millis: u64) -> Result<Timestamp, TimestampError> {
    if millis == 0 {
        return Err(TimestampError::NotPositive);
    }
    i64::try_from(millis)
        .ok()
        .filter(|_| millis <= penstock_model::timestamp::MAX_WRITTEN_MILLIS)
        .map(Timestamp::from_millis)
        .ok_or(TimestampError::TooLarge)
}

/// A 64-bit integer as `OpenTSDB` reads it: a sign if any, then digits, 19 at most.
pub(crate) fn scan_integer(text: &[u8]) -> Result<i64, NumberFault> {
    let quoted = || Quoted::bytes(text);
    let Some(first) = text.first() else {
        return Err(NumberFault::Empty);
    };
    let signed = matches!(first, b'+' | b'-');
    let digits = if signed {
        text.get(1..).unwrap_or_default()
    } else {
        text
    };
    if digits.is_empty() {
        return Err(NumberFault::JustASign(quoted()));
    }
    if digits.len() > INTEGER_DIGITS_MAX {
        return Err(NumberFault::TooLong(quoted()));
    }
    if let Some(found) = digits.iter().find(|b| !b.is_ascii_digit()) {
        return Err(invalid_character(text, *found));
    }
    std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| NumberFault::Overflow(quoted()))
}

/// Why a value is no number, in `OpenTSDB`'s words. An infinite float is not a matter of syntax and has
/// words of its own.
#[cold]
pub(crate) fn explain_number(text: &[u8]) -> NumberFault {
    let looks_like_integer = !text.iter().any(|b| matches!(b, b'.' | b'e' | b'E'));
    match scan_integer(text) {
        Err(fault) if looks_like_integer => fault,
        _ => NumberFault::NotAFloat(Quoted::bytes(text)),
    }
}

/// Names the character, not only its first byte.
fn invalid_character(text: &[u8], found: u8) -> NumberFault {
    let shown = String::from_utf8_lossy(text);
    let character = if found.is_ascii() {
        char::from(found)
    } else {
        shown
            .chars()
            .find(|c| !c.is_ascii())
            .unwrap_or(char::REPLACEMENT_CHARACTER)
    };
    NumberFault::InvalidCharacter {
        found: Quoted::text(character.encode_utf8(&mut [0; 4])),
        text: Quoted::bytes(text),
    }
}
