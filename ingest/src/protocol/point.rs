//! A data point as its client wrote it, borrowed from the line or the body.

use std::fmt;

use penstock_model::{SeriesKind, Timestamp, Value, ValueError};
use xxhash_rust::xxh3::{xxh3_128, xxh3_128_with_seed};

use super::tags::RawTags;

/// One point of a `put`, a `rollup` or a body. Its names are raw bytes: framed, but not checked.
#[derive(Clone)]
pub struct Point<'a> {
    /// The metric's name; not empty, otherwise unchecked.
    pub metric: &'a [u8],
    /// The client's own tags as they were written, without the credential.
    pub tags: RawTags<'a>,
    /// When it was measured.
    pub time: PointTime,
    /// What was measured.
    pub value: Value,
    /// Raw data, or which rollup.
    pub kind: SeriesKind,
    /// The value of the point's own `ovh.auth` tag. It wins over the connection's or request's credential.
    pub credential: Option<&'a [u8]>,
}

/// When a point was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PointTime {
    /// The client says when.
    At(Timestamp),
    /// The client leaves it to the receiver: the time of receipt. Only over HTTP, only under
    /// [`Profile::Lenient`](penstock_tenancy::Profile::Lenient).
    Missing,
}

impl Point<'_> {
    /// The moment to store: the client's, else `now`; that of a rollup floored to its interval.
    #[inline]
    pub fn moment(&self, now: Timestamp) -> Timestamp {
        let time = match self.time {
            PointTime::At(time) => time,
            PointTime::Missing => now,
        };
        match &self.kind {
            SeriesKind::Raw | SeriesKind::PreAggregate { .. } => time,
            SeriesKind::Rollup { interval, .. }
            | SeriesKind::RolledUpPreAggregate { interval, .. } => {
                Timestamp::from_millis(interval.floor(time.millis()))
            }
        }
    }

    /// 128 bits over everything of the point that decides its series: metric, tags as written, kind. The
    /// grant is not in it.
    ///
    /// Two spellings of one series (other order, other blanks, telnet and JSON) have two fingerprints.
    /// Two series have the same one only by the accident of a 128-bit hash.
    #[inline]
    pub fn fingerprint(&self) -> u128 {
        let names = names_fingerprint(self.metric, self.tags.hash());
        match self.kind {
            SeriesKind::Raw => names,
            _ => xxh3_128_with_seed(&names.to_le_bytes(), kind_hash(&self.kind)),
        }
    }
}

/// The fingerprint of raw data, from its metric and the hash of its tags.
#[inline]
pub(crate) fn names_fingerprint(metric: &[u8], tags_hash: u128) -> u128 {
    // Two good hashes of different things: that their sums agree is as much of an accident as that one of them does.
    xxh3_128(metric).rotate_left(64) ^ tags_hash
}

/// The largest timestamp that is seconds: it fits 32 bits.
pub(crate) const SECONDS_MAX: u64 = 0xffff_ffff;

/// Integers have at most this many digits, leading zeros included.
const INTEGER_DIGITS_MAX: usize = 19;

/// Reads a value: [`Value::parse`], and what `OpenTSDB` has beyond it: integers of more than 19 digits are
/// refused even if they are small, and blanks around a floating-point number are no harm.
///
/// # Errors
/// See [`ValueError`].
#[inline]
pub fn scan_value(text: &[u8]) -> Result<Value, ValueError> {
    match Value::parse(text) {
        Ok(Value::Integer(_)) if text.len() > INTEGER_DIGITS_MAX => check_digits(text),
        Err(ValueError::NotANumber) => scan_padded_float(text),
        other => other,
    }
}

#[cold]
fn check_digits(text: &[u8]) -> Result<Value, ValueError> {
    let digits = text.iter().filter(|b| b.is_ascii_digit()).count();
    if digits > INTEGER_DIGITS_MAX {
        return Err(ValueError::NotANumber);
    }
    Value::parse(text)
}

#[cold]
fn scan_padded_float(text: &[u8]) -> Result<Value, ValueError> {
    let trimmed = text.trim_ascii();
    let is_float = text.iter().any(|b| matches!(b, b'.' | b'e' | b'E'));
    if is_float && trimmed.len() < text.len() && !trimmed.is_empty() {
        return Value::parse(trimmed);
    }
    Err(ValueError::NotANumber)
}

#[cold]
fn kind_hash(kind: &SeriesKind) -> u64 {
    xxhash_rust::xxh3::xxh3_64(format!("{kind:?}").as_bytes())
}

impl fmt::Debug for Point<'_> {
    /// Never shows the credential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Point")
            .field("metric", &String::from_utf8_lossy(self.metric))
            .field("tags", &self.tags)
            .field("time", &self.time)
            .field("value", &self.value)
            .field("kind", &self.kind)
            .field("credential", &self.credential.map(|_| "[hidden]"))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::tags::TagForm;

    fn point<'a>(metric: &'a str, form: TagForm, tags: &'a str, kind: SeriesKind) -> Point<'a> {
        Point {
            metric: metric.as_bytes(),
            tags: RawTags::new(form, tags.as_bytes()),
            time: PointTime::Missing,
            value: Value::Integer(1),
            kind,
            credential: None,
        }
    }

    #[test]
    fn whatever_decides_the_series_changes_the_fingerprint() {
        let hourly = SeriesKind::Rollup {
            interval: "1h".parse().unwrap(),
            aggregator: "sum".parse().unwrap(),
        };
        let daily = SeriesKind::Rollup {
            interval: "1d".parse().unwrap(),
            aggregator: "sum".parse().unwrap(),
        };
        let points = [
            point("m", TagForm::Telnet, "a=b", SeriesKind::Raw),
            point("n", TagForm::Telnet, "a=b", SeriesKind::Raw),
            point("m", TagForm::Telnet, "a=c", SeriesKind::Raw),
            // The same bytes mean other tags in another form.
            point("m", TagForm::Json, "a=b", SeriesKind::Raw),
            point("m", TagForm::Prefixed, "a=b", SeriesKind::Raw),
            // The border between metric and tags counts.
            point("ma", TagForm::Telnet, "=b", SeriesKind::Raw),
            point("m", TagForm::Telnet, "a=b", hourly),
            point("m", TagForm::Telnet, "a=b", daily),
        ];
        let mut fingerprints: Vec<u128> = points.iter().map(Point::fingerprint).collect();
        fingerprints.sort_unstable();
        fingerprints.dedup();
        assert_eq!(fingerprints.len(), points.len());
    }

    #[test]
    fn debug_never_shows_a_credential() {
        let mut secret = point("m", TagForm::Telnet, "a=b", SeriesKind::Raw);
        secret.credential = Some(b"id:topsecret");
        assert!(!format!("{secret:?}").contains("topsecret"));
    }
}
