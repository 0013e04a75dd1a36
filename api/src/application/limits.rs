//! Limits of an application as its manifest sets them.

use penstock_tenancy::ApplicationLimits;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Limits of an application. One that is not set has its default; 0 means no limit where the range begins at 0.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Limits {
    /// Points taken a second, averaged by a token bucket of size `burst`. Default 1000000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub points_per_second: Option<i64>,
    /// Points taken at once after a pause; at least one second's worth is always allowed. Default 5000000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10_000_000_000_i64))]
    pub burst: Option<i64>,
    /// Series with a point in the current UTC day. Default 1000000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 4_000_000_000_i64))]
    pub active_series: Option<i64>,
    /// Series written for the first time, in an hour. Default 1000000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 4_000_000_000_i64))]
    pub new_series_per_hour: Option<i64>,
    /// Connections open at the same time. Default 10000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000))]
    pub connections: Option<i64>,
    /// Points in one HTTP request. Default 1000000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000_000))]
    pub points_per_request: Option<i64>,
    /// Bytes of one HTTP request's body, after decompression. Default 33554432 (32 MiB).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1_024, max = 1_073_741_824))]
    pub body_bytes: Option<i64>,
    /// How old a point's timestamp may be, in hours. Default 0: any age.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 10_000_000))]
    pub max_past_hours: Option<i64>,
    /// How far a point's timestamp may lie ahead of the server's clock, in minutes. Default 2880: two days.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000_000))]
    pub max_future_minutes: Option<i64>,
}

impl Limits {
    /// The limits with every default filled in.
    pub fn to_ledger(self) -> ApplicationLimits {
        let default = ApplicationLimits::default();
        ApplicationLimits {
            points_per_second: set_or(self.points_per_second, default.points_per_second),
            burst: set_or(self.burst, default.burst),
            active_series: set_or(self.active_series, default.active_series),
            new_series_per_hour: set_or(self.new_series_per_hour, default.new_series_per_hour),
            connections: set_or(self.connections, default.connections),
            points_per_request: set_or(self.points_per_request, default.points_per_request),
            body_bytes: set_or(self.body_bytes, default.body_bytes),
            max_past_hours: set_or(self.max_past_hours, default.max_past_hours),
            max_future_minutes: set_or(self.max_future_minutes, default.max_future_minutes),
        }
    }
}

/// Admission has refused negative numbers; one that comes even so counts as not set.
pub(crate) fn set_or(value: Option<i64>, default: u64) -> u64 {
    value
        .and_then(|value| u64::try_from(value).ok())
        .unwrap_or(default)
}
