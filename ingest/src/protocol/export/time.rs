//! Time arguments of reads, in every form that `VictoriaMetrics` takes.
//!
//! | form | means |
//! |---|---|
//! | `1346846400`, `1346846400.123` | seconds: up to 10 digits |
//! | `1346846400123` | milliseconds: up to 13 digits |
//! | up to 16 digits, more | microseconds, nanoseconds |
//! | `2024`, `2024-05`, `2024-05-01`, `2024-05-01T10`, `...:30`, `...:15`, `...15.5` | the first moment of it, UTC |
//! | with `Z`, `+02:00`, `-0530` behind it | the same in that zone |
//! | `now`, `now-5m`, `-1h30m`, `1h` | from now, back; `now+5m` ahead |

use penstock_model::{Day, Timestamp, Value};

use crate::protocol::quote::Quoted;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 86_400_000;

/// Units of durations, longest name first where one begins another.
const UNITS: [(&str, i64); 7] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", MINUTE_MS),
    ("h", HOUR_MS),
    ("d", DAY_MS),
    ("w", 7 * DAY_MS),
    ("y", 365 * DAY_MS),
];

/// The text is no time. The answer is 400.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "cannot parse the time {0}: expected a Unix time, 2024-05-01T10:30:00Z or a duration such as -1h"
)]
pub struct TimeError(pub Quoted);

/// Reads a time argument.
///
/// # Errors
/// [`TimeError`]
pub fn parse_time(text: &str, now: Timestamp) -> Result<Timestamp, TimeError> {
    let text = text.trim();
    from_now(text, now)
        .or_else(|| calendar(text))
        .or_else(|| unix(text))
        .ok_or_else(|| TimeError(Quoted::text(text)))
}

fn unix(text: &str) -> Option<Timestamp> {
    const SECONDS_MAX: u64 = 9_999_999_999;
    const MILLIS_MAX: u64 = 9_999_999_999_999;
    const MICROS_MAX: u64 = 9_999_999_999_999_999;
    let millis = match Value::parse(text.as_bytes()).ok()? {
        Value::Integer(number) => match number.unsigned_abs() {
            digits if digits <= SECONDS_MAX => number * 1_000,
            digits if digits <= MILLIS_MAX => number,
            digits if digits <= MICROS_MAX => number.div_euclid(1_000),
            _ => number.div_euclid(1_000_000),
        },
        fraction => {
            let number = fraction.to_f64();
            let seconds = number.abs() < 1e10;
            let millis = (if seconds { number * 1e3 } else { number }).round();
            if millis.abs() >= 1e16 {
                return None;
            }
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a whole number of few digits"
            )]
            let millis = millis as i64;
            millis
        }
    };
    Some(Timestamp::from_millis(millis))
}

/// `now`, `now-5m`, `-1h`, `1h`.
fn from_now(text: &str, now: Timestamp) -> Option<Timestamp> {
    let (offset, named) = match text.strip_prefix("now") {
        Some("") => return Some(now),
        Some(offset) => (offset, true),
        None => (text, false),
    };
    let (ahead, duration) = match offset.as_bytes().first()? {
        b'-' => (false, offset.get(1..)?),
        b'+' if named => (true, offset.get(1..)?),
        _ if named => return None,
        _ => (false, offset),
    };
    let millis = parse_duration(duration)?;
    Some(now.saturating_add_millis(if ahead { millis } else { -millis }))
}

/// `1h30m`, `1.5d`: numbers with units.
fn parse_duration(text: &str) -> Option<i64> {
    let mut rest = text;
    let mut total = 0f64;
    while !rest.is_empty() {
        let number_length = rest
            .bytes()
            .take_while(|b| b.is_ascii_digit() || *b == b'.')
            .count();
        let (number, after) = rest.split_at_checked(number_length)?;
        let (unit, millis) = UNITS.iter().find(|(unit, _)| after.starts_with(unit))?;
        #[expect(clippy::cast_precision_loss, reason = "a year has few digits")]
        let length = *millis as f64;
        total += Value::parse(number.as_bytes()).ok()?.to_f64() * length;
        rest = after.get(unit.len()..)?;
    }
    if text.is_empty() || total > 1e15 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "bounded just above")]
    Some(total.round() as i64)
}

/// A date, a date and time, or a prefix of one.
fn calendar(text: &str) -> Option<Timestamp> {
    let (moment, offset) = split_zone(text)?;
    let (date, time) = moment.split_once(['T', 't', ' ']).unwrap_or((moment, ""));
    if moment.len() != date.len() && time.is_empty() {
        return None;
    }
    let mut numbers = date.splitn(3, '-');
    let year = digits(numbers.next()?, 4)?;
    let month = numbers.next().map_or(Some(1), |text| digits(text, 2))?;
    let day = numbers.next().map_or(Some(1), |text| digits(text, 2))?;
    let date = days_from_civil(year, month, day)?;
    let within = if time.is_empty() {
        0
    } else {
        time_of_day(time)?
    };
    Some(Timestamp::from_millis(date * DAY_MS + within - offset))
}

/// Cuts `Z` or an offset off; a date's own dashes are none.
fn split_zone(text: &str) -> Option<(&str, i64)> {
    if let Some(utc) = text.strip_suffix(['Z', 'z']) {
        return Some((utc, 0));
    }
    let time_from = text.find(['T', 't', ' ']).unwrap_or(text.len());
    let Some(at) = text
        .get(time_from..)?
        .find(['+', '-'])
        .map(|at| time_from + at)
    else {
        return Some((text, 0));
    };
    let (moment, zone) = text.split_at_checked(at)?;
    let (hours, minutes) = match zone.get(1..)? {
        zone if zone.contains(':') => zone.split_once(':')?,
        zone => zone.split_at_checked(2)?,
    };
    let offset = digits(hours, 2)? * HOUR_MS + digits(minutes, 2)? * MINUTE_MS;
    Some((
        moment,
        if zone.starts_with('-') {
            -offset
        } else {
            offset
        },
    ))
}

fn time_of_day(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, ':');
    let hours = digits(parts.next()?, 2).filter(|hours| *hours < 24)?;
    let part = |text: Option<&str>| text.map_or(Some(0), |text| digits(text, 2));
    let minutes = part(parts.next()).filter(|minutes| *minutes < 60)?;
    let seconds = parts.next().unwrap_or("00");
    let (seconds, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    // A leap second counts as the first of the next minute.
    let seconds = digits(seconds, 2).filter(|seconds| *seconds <= 60)?;
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let millis = fraction
        .bytes()
        .chain(*b"00")
        .take(3)
        .fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    Some(hours * HOUR_MS + minutes * MINUTE_MS + seconds * 1_000 + millis)
}

fn digits(text: &str, length: usize) -> Option<i64> {
    let good = text.len() == length && text.bytes().all(|b| b.is_ascii_digit());
    good.then(|| text.parse().ok()).flatten()
}

/// Days since 1970-01-01, after Howard Hinnant; `None` for a day that the month does not have.
fn days_from_civil(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = era * 146_097 + day_of_era - 719_468;
    // The 31st of a shorter month came out as a day of the next.
    let name = Day::from_number(i32::try_from(days).ok()?).to_string();
    (name == format!("{year:04}{month:02}{day:02}")).then_some(days)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_123);

    fn millis(text: &str) -> Option<i64> {
        parse_time(text, NOW).ok().map(Timestamp::millis)
    }

    #[test]
    fn unix_times_are_told_apart_by_their_length() {
        for (text, expected) in [
            ("0", 0),
            ("1346846400", 1_346_846_400_000),
            ("9999999999", 9_999_999_999_000),
            ("1346846400.123", 1_346_846_400_123),
            ("1.3468464e9", 1_346_846_400_000),
            ("-5", -5_000),
            ("-1.5", -1_500),
            ("1346846400123", 1_346_846_400_123),
            ("1346846400123456", 1_346_846_400_123),
            ("1346846400123456789", 1_346_846_400_123),
            ("1346846400123.9", 1_346_846_400_124),
        ] {
            assert_eq!(millis(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn dates_may_end_anywhere() {
        for (text, expected) in [
            ("2013", 1_356_998_400_000),
            ("2013-01", 1_356_998_400_000),
            ("2013-01-02", 1_357_084_800_000),
            ("2013-01-02Z", 1_357_084_800_000),
            ("2013-01-02T10", 1_357_120_800_000),
            ("2013-01-02T10:30", 1_357_122_600_000),
            ("2013-01-02T10:30:15", 1_357_122_615_000),
            ("2013-01-02T10:30:15Z", 1_357_122_615_000),
            ("2013-01-02 10:30:15", 1_357_122_615_000),
            ("2013-01-02T10:30:15.5Z", 1_357_122_615_500),
            ("2013-01-02T10:30:15.123456789Z", 1_357_122_615_123),
            ("2013-01-02T10:30:15+02:00", 1_357_115_415_000),
            ("2013-01-02T10:30:15-0530", 1_357_142_415_000),
            ("2024-02-29", 1_709_164_800_000),
            ("1969-12-31T23:59:59Z", -1_000),
        ] {
            assert_eq!(millis(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn durations_count_from_now() {
        for (text, back) in [
            ("now", 0),
            ("now-5m", 300_000),
            ("-1h", 3_600_000),
            ("1h", 3_600_000),
            ("1h30m", 5_400_000),
            ("-1.5d", 129_600_000),
            ("now-1w", 604_800_000),
            ("10ms", 10),
            ("1y", 31_536_000_000),
            ("now+1s", -1_000),
        ] {
            assert_eq!(millis(text), Some(NOW.millis() - back), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_times() {
        for text in [
            "",
            "soon",
            "nowadays",
            "now5m",
            "-",
            "5x",
            "1h30",
            "h",
            "1..5h",
            "+1h",
            "201",
            "20245-01",
            "2013-1",
            "2013-13",
            "2013-00",
            "2013-02-30",
            "2013-02-29",
            "2013-04-31",
            "2013-01-02T",
            "2013-01-02T24",
            "2013-01-02T10:60",
            "2013-01-02T10:30:61",
            "2013-01-02T10:30:15.",
            "2013-01-02T10:30:15+2",
            "2013-01-02T10:30:15+02:0x",
            "NaN",
            "1e400",
            "é",
            "99999999999999999999",
        ] {
            // Three digits are a number of seconds.
            if text != "201" {
                assert_eq!(millis(text), None, "{text}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_answered(text in "[-+0-9TZtz:. nowhmsdy]{0,24}|\\PC{0,12}") {
            let _answer = parse_time(&text, NOW);
        }

        #[test]
        fn a_moment_written_as_a_date_is_that_moment(days in -700_000i32..2_900_000, within in 0i64..86_400_000) {
            let name = Day::from_number(days).to_string();
            prop_assume!(name.len() == 8);
            let (year, rest) = name.split_at(4);
            let (month, day) = rest.split_at(2);
            let text = format!(
                "{year}-{month}-{day}T{:02}:{:02}:{:02}.{:03}Z",

                within / HOUR_MS, within / MINUTE_MS % 60, within / 1_000 % 60, within % 1_000,
            );
            prop_assert_eq!(millis(&text), Some(i64::from(days) * DAY_MS + within));
        }
    }
}
