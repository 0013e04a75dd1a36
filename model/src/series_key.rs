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

    /// Puts a key together from the pieces of others: what [`KeyPieces::metric`] and [`KeyPieces::pairs`] gave,
    /// the pairs in ascending order of their tag keys. Nothing is checked again.
    pub fn from_pieces<'a>(metric: &'a [u8], pairs: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut bytes = Vec::with_capacity(128);
        bytes.extend_from_slice(metric);
        for pair in pairs {
            bytes.extend_from_slice(pair);
        }
        debug_assert!(
            KeyPieces::check(&bytes).is_ok(),
            "pieces of canonical keys, in order"
        );
        Self(bytes.into_boxed_slice())
    }

    /// The pieces that this key shares with others.
    pub fn pieces(&self) -> KeyPieces<'_> {
        let (metric, pairs) = split_metric(&self.0).unwrap_or((&self.0, &[]));
        KeyPieces { metric, pairs }
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

/// Canonical bytes as the pieces that series share. Every piece ends itself, so keys compare as their lists of
/// pieces do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPieces<'a> {
    metric: &'a [u8],
    pairs: &'a [u8],
}

impl<'a> KeyPieces<'a> {
    /// Takes canonical bytes after checking them whole, as [`SeriesKey::from_bytes`] does, but without a copy.
    ///
    /// # Errors
    /// [`SeriesKeyError`] when they are not what [`SeriesIdentity::to_key`] would make.
    pub fn check(bytes: &'a [u8]) -> Result<Self, SeriesKeyError> {
        let (metric, pairs) = split_metric(bytes).ok_or(SeriesKeyError)?;
        let (_, mut rest) = metric.split_first_chunk::<16>().ok_or(SeriesKeyError)?;
        let kind_and_metric = rest;
        let kind = take_kind(&mut rest)?;
        if kind != SeriesKind::Raw {
            let mut canonical = Vec::new();
            push_kind(&mut canonical, &kind);
            if !kind_and_metric.starts_with(&canonical) {
                return Err(SeriesKeyError);
            }
        }
        take_word(&mut rest, END)?;
        let (mut rest, mut last) = (pairs, None);
        while !rest.is_empty() {
            let key = take_word(&mut rest, EQUALS)?;
            take_word(&mut rest, END)?;
            if last.is_some_and(|last| last >= key) {
                return Err(SeriesKeyError);
            }
            last = Some(key);
        }
        Ok(Self { metric, pairs })
    }

    /// Tenant, kind and metric: the canonical key of the series of that metric that has no tags.
    pub const fn metric(&self) -> &'a [u8] {
        self.metric
    }

    /// Whose series it is.
    pub fn tenant(&self) -> TenantId {
        TenantId::from_bytes(self.metric.first_chunk().copied().unwrap_or_default())
    }

    /// Raw data, or which rollup.
    pub fn kind(&self) -> SeriesKind {
        let mut rest = self.metric.get(16..).unwrap_or_default();
        take_kind(&mut rest).unwrap_or_default()
    }

    /// The metric's name.
    pub fn metric_name(&self) -> &'a str {
        let words = self
            .metric
            .get(17..)
            .and_then(|words| words.strip_suffix(&[END]));
        let name = words.and_then(|words| words.rsplit(|b| *b == END).next());
        name.and_then(|name| std::str::from_utf8(name).ok())
            .unwrap_or_default()
    }

    /// Each pair, `tagk 01 tagv 00`, in the order of the tag keys; [`split_pair`] takes one apart.
    pub fn pairs(&self) -> impl Iterator<Item = &'a [u8]> {
        let mut rest = self.pairs;
        std::iter::from_fn(move || {
            let equals = rest.iter().position(|b| *b == EQUALS)?;
            let value_length = rest.iter().skip(equals).position(|b| *b == END)?;
            let (pair, after) = rest.split_at_checked(equals + value_length + 1)?;
            rest = after;
            Some(pair)
        })
    }
}

/// Tag key and value of one of [`KeyPieces::pairs`]; `None` for other bytes.
pub fn split_pair(pair: &[u8]) -> Option<(&str, &str)> {
    let mut rest = pair;
    let key = take_word(&mut rest, EQUALS).ok()?;
    let value = take_word(&mut rest, END).ok()?;
    rest.is_empty().then_some((key, value))
}

/// The bytes of the value of one of [`KeyPieces::pairs`]; for those who only compare them.
pub fn value_of_pair(pair: &[u8]) -> &[u8] {
    let equals = pair.iter().position(|b| *b == EQUALS);
    let value = equals.and_then(|equals| pair.get(equals + 1..));
    value
        .and_then(|value| value.strip_suffix(&[END]))
        .unwrap_or_default()
}

/// The bytes that stand for a tag in a key, as [`KeyPieces::pairs`] gives them.
pub fn join_pair(key: &str, value: &str) -> Vec<u8> {
    [key.as_bytes(), &[EQUALS], value.as_bytes(), &[END]].concat()
}

/// Cuts behind the metric.
fn split_metric(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (kind, words) = bytes.get(16..)?.split_first()?;
    let ends = if *kind == RAW { 1 } else { 4 };
    let (last, _) = words
        .iter()
        .enumerate()
        .filter(|(_, b)| **b == END)
        .nth(ends - 1)?;
    bytes.split_at_checked(16 + 1 + last + 1)
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
    if *kind == SeriesKind::Raw {
        return bytes.push(RAW);
    }
    let parts = kind.parts();
    bytes.push(ROLLUP);
    if let Some(interval) = parts.interval {
        bytes.extend_from_slice(interval.to_string().as_bytes());
    }
    bytes.push(END);
    for function in [parts.aggregator, parts.group_by] {
        bytes.extend_from_slice(function.map_or("", Aggregator::name).as_bytes());
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
        fn a_key_is_the_sum_of_its_pieces(identity in identity()) {
            let key = identity.to_key();
            let pieces = key.pieces();
            prop_assert_eq!(KeyPieces::check(key.as_bytes()), Ok(pieces));
            prop_assert_eq!(pieces.tenant(), identity.tenant);
            prop_assert_eq!(pieces.kind(), identity.kind.clone());
            prop_assert_eq!(pieces.metric_name(), &*identity.metric);
            let pairs: Vec<_> = pieces.pairs().map(|pair| split_pair(pair).unwrap()).collect();
            prop_assert_eq!(pairs, identity.tags.iter().collect::<Vec<_>>());
            prop_assert_eq!(SeriesKey::from_pieces(pieces.metric(), pieces.pairs()), key.clone());
            for (pair, (key, value)) in pieces.pairs().zip(identity.tags.iter()) {
                prop_assert_eq!(join_pair(key, value), pair);
                prop_assert_eq!(value_of_pair(pair), value.as_bytes());
            }
            let bare = SeriesIdentity { tags: Tags::default(), ..identity }.to_key();
            prop_assert_eq!(bare.as_bytes(), pieces.metric());
        }

        #[test]
        fn pieces_are_checked_as_strictly_as_keys(
            identity in identity(),
            at in any::<proptest::sample::Index>(),
            byte in prop_oneof![Just(END), Just(EQUALS), Just(ROLLUP), any::<u8>()],
        ) {
            let mut bytes = identity.to_key().as_bytes().to_vec();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            prop_assert_eq!(KeyPieces::check(&bytes).is_ok(), SeriesKey::from_bytes(&bytes).is_ok(), "{:?}", bytes);
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
