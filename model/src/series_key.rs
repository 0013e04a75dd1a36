//! What makes two data points the same series.

use std::fmt;

use crate::rollup::{Aggregator, Interval, SeriesKind};
use crate::tags::Tags;
use crate::tenant_id::TenantId;

/// Ends the metric, a tag value and each word of a rollup. No name can hold it: control characters are refused.
const END: u8 = 0x00;
/// Stands between a tag's key and its value.
const EQUALS: u8 = 0x01;
const RAW: u8 = 0x01;
const ROLLUP: u8 = 0x02;

/// The parts of a series' identity.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesIdentity {
    /// Whose series it is.
    pub tenant: TenantId,
    /// Raw data, or which rollup.
    pub kind: SeriesKind,
    /// The metric's name.
    pub metric: Box<str>,
    /// All tags, the token's and the application's included.
    pub tags: Tags,
}

/// The canonical bytes of a series' identity: equal bytes are the same series, and bytewise order groups a
/// tenant's series by kind and metric.
///
/// ```text
/// tenant (16) | 01                                  | metric 00 | tagk 01 tagv 00 | tagk 01 tagv 00 ...
///             | 02 interval 00 aggregator 00 group-by 00 |       (interval and aggregator, or group-by, may be empty)
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SeriesKey(Box<[u8]>);

/// The bytes are not the canonical form of any series.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the canonical bytes of a series key")]
pub struct SeriesKeyError;

impl SeriesKey {
    /// Takes canonical bytes after checking them whole.
    ///
    /// # Errors
    /// [`SeriesKeyError`] when they are not what [`SeriesIdentity::to_key`] would make.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SeriesKeyError> {
        let key = Self(bytes.into());
        let canonical = key.decode()?.to_key();
        if canonical == key {
            Ok(key)
        } else {
            Err(SeriesKeyError)
        }
    }

    /// The canonical bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Takes the key apart.
    ///
    /// # Errors
    /// [`SeriesKeyError`] if the bytes are damaged; keys made by [`SeriesIdentity::to_key`] never are.
    pub fn decode(&self) -> Result<SeriesIdentity, SeriesKeyError> {
        let (tenant, mut rest) = self.0.split_first_chunk::<16>().ok_or(SeriesKeyError)?;
        let kind = take_kind(&mut rest)?;
        let metric = take_word(&mut rest, END)?;
        let mut pairs = Vec::new();
        while !rest.is_empty() {
            let key = take_word(&mut rest, EQUALS)?;
            pairs.push((key, take_word(&mut rest, END)?));
        }
        Ok(SeriesIdentity {
            tenant: TenantId::from_bytes(*tenant),
            kind,
            metric: metric.into(),
            tags: Tags::from_pairs(pairs).map_err(|_| SeriesKeyError)?,
        })
    }
}

impl SeriesIdentity {
    /// The canonical bytes of this identity.
    pub fn to_key(&self) -> SeriesKey {
        let mut bytes = Vec::with_capacity(128);
        bytes.extend_from_slice(&self.tenant.to_bytes());
        push_kind(&mut bytes, &self.kind);
        bytes.extend_from_slice(self.metric.as_bytes());
        bytes.push(END);
        for (key, value) in self.tags.iter() {
            bytes.extend_from_slice(key.as_bytes());
            bytes.push(EQUALS);
            bytes.extend_from_slice(value.as_bytes());
            bytes.push(END);
        }
        SeriesKey(bytes.into_boxed_slice())
    }
}

fn push_kind(bytes: &mut Vec<u8>, kind: &SeriesKind) {
    let (interval, aggregator, group_by) = match kind {
        SeriesKind::Raw => return bytes.push(RAW),
        SeriesKind::Rollup {
            interval,
            aggregator,
        } => (Some(interval), Some(aggregator), None),
        SeriesKind::PreAggregate { group_by } => (None, None, Some(group_by)),
        SeriesKind::RolledUpPreAggregate {
            interval,
            aggregator,
            group_by,
        } => (Some(interval), Some(aggregator), Some(group_by)),
    };
    bytes.push(ROLLUP);
    if let Some(interval) = interval {
        bytes.extend_from_slice(interval.to_string().as_bytes());
    }
    bytes.push(END);
    for function in [aggregator, group_by] {
        bytes.extend_from_slice(function.map_or("", |f| f.name()).as_bytes());
        bytes.push(END);
    }
}

fn take_kind(rest: &mut &[u8]) -> Result<SeriesKind, SeriesKeyError> {
    let (tag, after) = rest.split_first().ok_or(SeriesKeyError)?;
    *rest = after;
    if *tag == RAW {
        return Ok(SeriesKind::Raw);
    } else if *tag != ROLLUP {
        return Err(SeriesKeyError);
    }
    let interval = match take_word(rest, END)? {
        "" => None,
        text => Some(text.parse::<Interval>().map_err(|_| SeriesKeyError)?),
    };
    let mut function = || match take_word(rest, END)? {
        "" => Ok(None),
        text => text
            .parse::<Aggregator>()
            .map(Some)
            .map_err(|_| SeriesKeyError),
    };
    match (interval, function()?, function()?) {
        (Some(interval), Some(aggregator), None) => Ok(SeriesKind::Rollup {
            interval,
            aggregator,
        }),
        (None, None, Some(group_by)) => Ok(SeriesKind::PreAggregate { group_by }),
        (Some(interval), Some(aggregator), Some(group_by)) => {
            Ok(SeriesKind::RolledUpPreAggregate {
                interval,
                aggregator,
                group_by,
            })
        }
        _ => Err(SeriesKeyError),
    }
}

fn take_word<'a>(rest: &mut &'a [u8], end: u8) -> Result<&'a str, SeriesKeyError> {
    let at = rest.iter().position(|b| *b == end).ok_or(SeriesKeyError)?;
    let (word, after) = rest.split_at_checked(at).ok_or(SeriesKeyError)?;
    *rest = after.get(1..).unwrap_or_default();
    std::str::from_utf8(word).map_err(|_| SeriesKeyError)
}

impl fmt::Debug for SeriesKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "SeriesKey({})",
            String::from_utf8_lossy(&self.0).escape_debug()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kind() -> impl Strategy<Value = SeriesKind> {
        let function =
            || prop_oneof![Just("sum"), Just("max"), Just("p99")].prop_map(|n| n.parse().unwrap());
        let interval = || prop_oneof![Just("1h"), Just("30m")].prop_map(|i| i.parse().unwrap());
        prop_oneof![
            Just(SeriesKind::Raw),
            (interval(), function()).prop_map(|(interval, aggregator)| SeriesKind::Rollup {
                interval,
                aggregator
            }),
            function().prop_map(|group_by| SeriesKind::PreAggregate { group_by }),
            (interval(), function(), function()).prop_map(|(interval, aggregator, group_by)| {
                SeriesKind::RolledUpPreAggregate {
                    interval,
                    aggregator,
                    group_by,
                }
            }),
        ]
    }

    fn identity() -> impl Strategy<Value = SeriesIdentity> {
        let word = "[a-zé.]{1,6}";
        (
            any::<[u8; 16]>(),
            kind(),
            word,
            proptest::collection::btree_map(word, word, 0..4),
        )
            .prop_map(|(tenant, kind, metric, tags)| SeriesIdentity {
                tenant: TenantId::from_bytes(tenant),
                kind,
                metric: metric.into(),
                tags: Tags::from_pairs(tags).unwrap(),
            })
    }

    proptest! {
        #[test]
        fn a_key_comes_apart_into_what_it_was_made_of(identity in identity()) {
            let key = identity.to_key();
            prop_assert_eq!(key.decode().unwrap(), identity);
            prop_assert_eq!(SeriesKey::from_bytes(key.as_bytes()).unwrap(), key);
        }

        #[test]
        fn different_identities_have_different_keys(a in identity(), b in identity()) {
            prop_assert_eq!(a == b, a.to_key() == b.to_key());
        }

        #[test]
        fn damaged_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(key) = SeriesKey::from_bytes(&bytes) {
                prop_assert_eq!(key.as_bytes(), bytes.as_slice());
            }
        }
    }
}
