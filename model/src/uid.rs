//! The ids that `OpenTSDB` gives to names, and the TSUIDs that it makes of them.
//!
//! ```text
//!   TSUID = metric id | tag key id, tag value id | tag key id, tag value id ...     upper-case hexadecimal
//!           16 digits   16 digits   16 digits      the pairs in the order of their key ids
//! ```
//!
//! `OpenTSDB` counts names and keeps the numbers. Here an id is a hash of tenant and name: it needs no table, it is
//! the same on every server of a tenant and after every restart, and no tenant's ids say anything of another's. Of a
//! million names two share an id with a probability of 3 in 10^8.

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::charset::NameRole;
use crate::tags::Tags;
use crate::tenant_id::TenantId;

/// Bytes of an id. `OpenTSDB` has 3 unless configured otherwise, and at most 8.
pub const UID_BYTES: usize = 8;

/// The id of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(u64);

/// The ids of one tenant's names. Making it costs three hashes.
#[derive(Clone, Copy, Debug)]
pub struct Uids {
    /// Seeds of the hash, by role.
    metric: u64,
    key: u64,
    value: u64,
}

impl Uid {
    /// The id whose hexadecimal digits, of any case, these are.
    pub fn from_hex(digits: &str) -> Option<Self> {
        let is_hex = digits.len() == 2 * UID_BYTES && digits.bytes().all(|b| b.is_ascii_hexdigit());
        let id = is_hex.then(|| u64::from_str_radix(digits, 16).ok());
        id.flatten().map(Self)
    }
}

impl std::fmt::Display for Uid {
    /// Upper-case hexadecimal, all digits.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016X}", self.0)
    }
}

impl Uids {
    /// The ids of this tenant's names.
    pub fn of(tenant: TenantId) -> Self {
        let seed = |role: u8| {
            let mut bytes = [role; 17];
            if let Some(rest) = bytes.first_chunk_mut() {
                *rest = tenant.to_bytes();
            }
            xxh3_64(&bytes)
        };
        Self {
            metric: seed(1),
            key: seed(2),
            value: seed(3),
        }
    }

    /// The id of a name: the same word has another in each role.
    pub fn id(&self, kind: NameRole, name: &str) -> Uid {
        let seed = match kind {
            NameRole::Metric => self.metric,
            NameRole::TagKey => self.key,
            NameRole::TagValue => self.value,
        };
        Uid(xxh3_64_with_seed(name.as_bytes(), seed))
    }

    /// The TSUID of the series with this metric and these tags. Raw data and rollups of them have the same.
    pub fn tsuid(&self, metric: &str, tags: &Tags) -> String {
        let mut pairs: Vec<(Uid, Uid)> = tags
            .iter()
            .map(|(key, value)| {
                let key = self.id(NameRole::TagKey, key);
                (key, self.id(NameRole::TagValue, value))
            })
            .collect();
        pairs.sort_unstable();
        let mut text = self.id(NameRole::Metric, metric).to_string();
        text.reserve_exact(pairs.len() * 4 * UID_BYTES);
        for (key, value) in pairs {
            text.push_str(&key.to_string());
            text.push_str(&value.to_string());
        }
        text
    }
}

/// The ids that a TSUID, of any letter case, is made of: the metric's, then each key's with its value's. `None` for a
/// text that no series has.
pub fn split_tsuid(tsuid: &str) -> Option<(Uid, Vec<(Uid, Uid)>)> {
    const DIGITS: usize = 2 * UID_BYTES;
    let (metric, mut rest) = tsuid.split_at_checked(DIGITS)?;
    let mut pairs = Vec::new();
    while !rest.is_empty() {
        let (key, after) = rest.split_at_checked(DIGITS)?;
        let (value, after) = after.split_at_checked(DIGITS)?;
        pairs.push((Uid::from_hex(key)?, Uid::from_hex(value)?));
        rest = after;
    }
    Some((Uid::from_hex(metric)?, pairs))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn uids(tenant: u8) -> Uids {
        Uids::of(TenantId::from_bytes([tenant; 16]))
    }

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        Tags::from_pairs(pairs.iter().copied()).unwrap()
    }

    /// Clients keep TSUIDs: these digits may never change.
    #[test]
    fn ids_are_the_same_for_ever() {
        let uids = uids(7);
        assert_eq!(
            uids.id(NameRole::Metric, "sys.cpu").to_string(),
            "E4D92045FC0A2478"
        );
        assert_eq!(
            uids.tsuid("sys.cpu", &tags(&[("host", "a")])),
            "E4D92045FC0A24785DE61BF6B90AF34CE9F0560BDC6D9060"
        );
    }

    #[test]
    fn roles_and_tenants_have_ids_of_their_own() {
        let kinds = [NameRole::Metric, NameRole::TagKey, NameRole::TagValue];
        let mut ids: Vec<Uid> = [uids(1), uids(2)]
            .iter()
            .flat_map(|uids| kinds.map(|kind| uids.id(kind, "host")))
            .collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 6);
    }

    #[test]
    fn other_texts_are_no_tsuids() {
        let whole = uids(1).tsuid("m", &tags(&[("a", "b")]));
        for text in [
            "",
            "00",
            whole.get(1..).unwrap(),
            whole.get(..32).unwrap(),
            &format!("{whole}0"),
            &whole.replace('0', "g"),
            "é",
        ] {
            assert!(text == whole || split_tsuid(text).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_tsuid_comes_apart_in_any_letter_case(
            metric in "[a-z]{1,8}",
            pairs in proptest::collection::btree_map("[a-z]{1,4}", "[a-z]{1,4}", 0..5),
        ) {
            let uids = uids(3);
            let tags = Tags::from_pairs(pairs).unwrap();
            let tsuid = uids.tsuid(&metric, &tags);
            let (of_metric, of_pairs) = split_tsuid(&tsuid.to_lowercase()).unwrap();
            prop_assert_eq!(of_metric, uids.id(NameRole::Metric, &metric));
            let mut expected: Vec<_> = tags
                .iter()
                .map(|(key, value)| (uids.id(NameRole::TagKey, key), uids.id(NameRole::TagValue, value)))
                .collect();
            expected.sort_unstable();
            prop_assert_eq!(of_pairs, expected);
        }
    }
}
