//! Where and for what a token may be used, and how much.

use penstock_tenancy::Protocol;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::application::set_or;

/// Limits of one write token. One that is not set, or 0, leaves only the application's.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct TokenLimits {
    /// Points taken a second, averaged by a token bucket of size `burst`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub points_per_second: Option<i64>,
    /// Points taken at once after a pause; at least one second's worth is always allowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10_000_000_000_i64))]
    pub burst: Option<i64>,
    /// Connections open at the same time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub connections: Option<i64>,
}

/// Limits of what one read token may ask for. One that is not set has its default; 0 means no limit where the range
/// begins at 0.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct ReadLimits {
    /// From the start to the end of what is asked for, in days. Default 0: any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub max_range_days: Option<i64>,
    /// Series that one request may select. Default 1000000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000_000))]
    pub max_series: Option<i64>,
    /// Samples that one request may read, and buckets that it may fill. Default 1000000000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000_000_000_i64))]
    pub max_samples: Option<i64>,
    /// How long one request may take, in seconds. Default 60.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 86_400))]
    pub max_seconds: Option<i64>,
    /// Bytes of memory that one request may take between samples and answer. Default 268435456 (256 MiB).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1_048_576, max = 68_719_476_736_i64))]
    pub max_bytes: Option<i64>,
    /// Requests a second, averaged over ten seconds. Default 0: any number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub queries_per_second: Option<i64>,
}

/// Where and for what a write token may be used. Empty lists allow everything.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Allow {
    /// The protocols it may be used over.
    #[schemars(length(max = 8))]
    pub protocols: Vec<WireProtocol>,
    /// What a metric's name must begin with.
    #[schemars(length(max = 64), inner(length(min = 1, max = 256)))]
    pub metric_prefixes: Vec<String>,
    /// The networks it may be used from, such as `192.0.2.0/24`.
    #[schemars(length(max = 64), inner(length(min = 1, max = 64)))]
    pub source_ranges: Vec<String>,
    /// Whether it may delete the series that its tags select.
    pub delete: bool,
}

/// Where a read token may be used. An empty list allows everything.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct ReadAllow {
    /// The networks it may be used from, such as `192.0.2.0/24`.
    #[schemars(length(max = 64), inner(length(min = 1, max = 64)))]
    pub source_ranges: Vec<String>,
}

/// A family of protocols.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireProtocol {
    /// OpenTSDB's line protocol.
    Telnet,
    /// Everything over HTTP.
    Http,
}

impl TokenLimits {
    /// The limits as the ledger writes them.
    pub fn to_ledger(self) -> penstock_tenancy::TokenLimits {
        penstock_tenancy::TokenLimits {
            points_per_second: set_or(self.points_per_second, 0),
            burst: set_or(self.burst, 0),
            connections: set_or(self.connections, 0),
        }
    }
}

impl ReadLimits {
    /// The limits with every default filled in.
    pub fn to_ledger(self) -> penstock_tenancy::ReadLimits {
        let default = penstock_tenancy::ReadLimits::default();
        penstock_tenancy::ReadLimits {
            max_range_days: set_or(self.max_range_days, default.max_range_days),
            max_series: set_or(self.max_series, default.max_series),
            max_samples: set_or(self.max_samples, default.max_samples),
            max_seconds: set_or(self.max_seconds, default.max_seconds),
            max_bytes: set_or(self.max_bytes, default.max_bytes),
            queries_per_second: set_or(self.queries_per_second, default.queries_per_second),
        }
    }
}

impl From<WireProtocol> for Protocol {
    fn from(protocol: WireProtocol) -> Self {
        match protocol {
            WireProtocol::Telnet => Self::Telnet,
            WireProtocol::Http => Self::Http,
        }
    }
}
