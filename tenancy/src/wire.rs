//! How the types of `model` stand in the ledger's JSON: `model` knows no serde.

/// Fields at their default are left out: a ledger of 10,000 tokens stays small, and a field that is new in
/// this version troubles an older reader only where it is used.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A tenant as 32 hexadecimal digits.
pub(crate) mod tenant_id {
    use penstock_model::TenantId;
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    pub(crate) fn serialize<S: Serializer>(id: &TenantId, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(id)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<TenantId, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}

/// A moment as milliseconds since 1970.
pub(crate) mod timestamp {
    use penstock_model::Timestamp;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub(crate) fn serialize<S: Serializer>(
        moment: &Option<Timestamp>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        moment.map(Timestamp::millis).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Timestamp>, D::Error> {
        Ok(Option::<i64>::deserialize(from)?.map(Timestamp::from_millis))
    }
}

/// Tags as an object in the order of its keys.
pub(crate) mod tags {
    use std::collections::BTreeMap;

    use penstock_model::Tags;
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    pub(crate) fn serialize<S: Serializer>(tags: &Tags, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(tags.iter())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Tags, D::Error> {
        let pairs = BTreeMap::<String, String>::deserialize(from)?;
        Tags::from_pairs(pairs).map_err(D::Error::custom)
    }
}

/// A character set by its name.
pub(crate) mod charset {
    use penstock_model::Charset;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(remote = "Charset", rename_all = "camelCase")]
    enum Named {
        OpenTsdb,
        IotLab,
        Any,
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
    pub(crate) fn serialize<S: Serializer>(charset: &Charset, to: S) -> Result<S::Ok, S::Error> {
        Named::serialize(charset, to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Charset, D::Error> {
        Named::deserialize(from)
    }
}
