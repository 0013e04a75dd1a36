//! Lengths of time as manifests write them: `720h`, `1h30m`, `90s`.
//!
//! The rules of the resource definitions read them with CEL's `duration`, which knows hours, minutes and seconds. A day
//! is `24h`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

const PATTERN: &str = "^([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?$";

/// A length of time in whole seconds: 0 to 999,999 hours, minutes and seconds each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Span(Duration);

/// The text is no length of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a length of time is written in hours, minutes and seconds, such as 720h or 1h30m")]
pub struct SpanError;

impl Span {
    /// So many hours, up to 999,999.
    pub const fn from_hours(hours: u32) -> Self {
        Self(Duration::from_secs(hours as u64 * 3_600))
    }

    /// The length.
    pub const fn duration(self) -> Duration {
        self.0
    }

    /// The length in milliseconds.
    pub fn millis(self) -> i64 {
        i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX)
    }
}

impl FromStr for Span {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let mut rest = text;
        let mut seconds = 0;
        for (unit, length) in [('h', 3_600), ('m', 60), ('s', 1)] {
            let Some((count, after)) = rest.split_once(unit) else {
                continue;
            };
            let is_count =
                (1..=6).contains(&count.len()) && count.bytes().all(|b| b.is_ascii_digit());
            if !is_count {
                return Err(SpanError);
            }
            seconds += count.parse::<u64>().map_err(|_| SpanError)? * length;
            rest = after;
        }
        if text.is_empty() || !rest.is_empty() {
            return Err(SpanError);
        }
        Ok(Self(Duration::from_secs(seconds)))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let parts = [
            (seconds / 3_600, 'h'),
            (seconds / 60 % 60, 'm'),
            (seconds % 60, 's'),
        ];
        if seconds == 0 {
            return f.write_str("0s");
        }
        for (count, unit) in parts.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, "{count}{unit}")?;
        }
        Ok(())
    }
}

impl From<Span> for String {
    fn from(span: Span) -> Self {
        span.to_string()
    }
}

impl TryFrom<String> for Span {
    type Error = SpanError;

    fn try_from(text: String) -> Result<Self, SpanError> {
        text.parse()
    }
}

/// A bounded text, so that the API server can tell what a rule over it costs.
pub(crate) fn span_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "minLength": 2, "maxLength": 21, "pattern": PATTERN })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_what_the_schema_lets_pass() {
        let pattern = regex::Regex::new(PATTERN).unwrap();
        for (text, seconds) in [
            ("0s", Some(0)),
            ("24h", Some(86_400)),
            ("1h30m", Some(5_400)),
            ("90m5s", Some(5_405)),
            ("999999h999999m999999s", Some(3_661 * 999_999)),
            ("1000000h", None),
            ("5", None),
            ("h", None),
            ("1d", None),
            ("5s1h", None),
            ("-1h", None),
            ("1.5h", None),
            ("1h ", None),
        ] {
            let read = text
                .parse::<Span>()
                .ok()
                .map(|span| span.duration().as_secs());
            assert_eq!(read, seconds, "{text}");
            assert_eq!(pattern.is_match(text), seconds.is_some(), "{text}");
        }
        assert!("".parse::<Span>().is_err());
    }

    #[test]
    fn it_is_written_shortly() {
        for (text, short) in [
            ("24h", "24h"),
            ("60m", "1h"),
            ("3661s", "1h1m1s"),
            ("0h", "0s"),
        ] {
            assert_eq!(text.parse::<Span>().unwrap().to_string(), short);
        }
    }
}
