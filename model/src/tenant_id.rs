//! The identity that separates one customer's data from another's.

use std::fmt;
use std::str::FromStr;

/// 128 bits that name a tenant for ever.
///
/// On Kubernetes it is the UID of the `MetricsApplication`, so that a namespace and name created again
/// never see old data. It is the first component of every [`SeriesKey`](crate::SeriesKey).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId(u128);

impl TenantId {
    /// Makes the identity from its 16 bytes, most significant first.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }

    /// The 16 bytes, most significant first: their order is the order of the type.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }
}

/// The text is neither 32 hexadecimal digits nor a UUID.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a tenant id is 32 hexadecimal digits, with or without the dashes of a UUID")]
pub struct TenantIdError;

impl FromStr for TenantId {
    type Err = TenantIdError;

    /// Takes 32 hexadecimal digits of any case; dashes are passed over.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut id = 0u128;
        let mut digits = 0u32;
        for digit in text.chars().filter(|c| *c != '-') {
            let digit = digit.to_digit(16).ok_or(TenantIdError)?;
            id = (id << 4) | u128::from(digit);
            digits = digits.saturating_add(1);
        }
        if digits == 32 {
            Ok(Self(id))
        } else {
            Err(TenantIdError)
        }
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TenantId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_and_its_digits_are_the_same_tenant() {
        let uuid: TenantId = "0189F7C2-7c5b-4d2a-9c1e-00000000002a".parse().unwrap();
        assert_eq!(uuid.to_string(), "0189f7c27c5b4d2a9c1e00000000002a");
        assert_eq!(uuid.to_string().parse(), Ok(uuid));
        assert_eq!(TenantId::from_bytes(uuid.to_bytes()), uuid);
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "",
            "2a",
            "0189f7c27c5b4d2a9c1e00000000002",
            "g189f7c27c5b4d2a9c1e00000000002a",
        ] {
            assert_eq!(text.parse::<TenantId>(), Err(TenantIdError), "{text}");
        }
    }
}
