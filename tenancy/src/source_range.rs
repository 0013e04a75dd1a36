//! Networks that a token may be used from.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// A network in CIDR form, such as `192.0.2.0/24` or `2001:db8::/32`. A single address is a network of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct SourceRange(IpNet);

/// The text is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a source range is an address or a network such as 192.0.2.0/24, not {0:?}")]
pub struct SourceRangeError(pub String);

impl SourceRange {
    /// Whether the address lies in the network. An IPv4 address that came through an IPv6 socket
    /// (`::ffff:192.0.2.1`) counts as the IPv4 address it is.
    pub fn contains(self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for SourceRange {
    type Err = SourceRangeError;

    /// Takes `address` or `address/bits`; bits beyond the prefix are cleared.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let network = match text.parse::<IpAddr>() {
            Ok(address) => Ok(IpNet::from(address.to_canonical())),
            Err(_) => text.parse::<IpNet>(),
        };
        network
            .map(|network| Self(network.trunc()))
            .map_err(|_| SourceRangeError(text.chars().take(64).collect()))
    }
}

impl fmt::Display for SourceRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<SourceRange> for String {
    fn from(range: SourceRange) -> Self {
        range.to_string()
    }
}

impl TryFrom<String> for SourceRange {
    type Error = SourceRangeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(range: &str, address: &str) -> bool {
        range
            .parse::<SourceRange>()
            .unwrap()
            .contains(address.parse().unwrap())
    }

    #[test]
    fn addresses_are_in_their_network_and_in_no_other() {
        assert!(contains("192.0.2.0/24", "192.0.2.77"));
        assert!(contains("192.0.2.99/24", "192.0.2.1"));
        assert!(!contains("192.0.2.0/24", "192.0.3.1"));
        assert!(contains("192.0.2.7", "192.0.2.7"));
        assert!(!contains("192.0.2.7", "192.0.2.8"));
        assert!(contains("2001:db8::/32", "2001:db8::1"));
        assert!(contains("0.0.0.0/0", "203.0.113.9"));
        assert!(!contains("0.0.0.0/0", "2001:db8::1"));
    }

    #[test]
    fn an_ipv4_address_in_ipv6_dress_is_the_ipv4_address() {
        assert!(contains("192.0.2.0/24", "::ffff:192.0.2.77"));
        assert!(contains("::ffff:192.0.2.7", "192.0.2.7"));
    }

    #[test]
    fn other_text_is_refused() {
        for text in ["", "10.0.0.0/33", "10.0.0/8", "localhost", "10.0.0.0/-1"] {
            assert!(text.parse::<SourceRange>().is_err(), "{text}");
        }
    }
}
