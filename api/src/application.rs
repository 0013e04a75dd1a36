//! `MetricsApplication`: whose data it is, and what its tokens may use together.
#![expect(
    unreachable_pub,
    reason = "the derive of KubeSchema puts a second, local struct beside each of ours"
)]

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use penstock_model::Charset;
use penstock_tenancy::{ApplicationLimits, OnError as LedgerOnError, Profile as LedgerProfile};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules;

/// An application: a tenant of the metrics store with its own data, rules and limits.
///
/// Its tokens (`WriteToken`, `ReadToken`) name it; nothing of its data is seen through another's.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[kube(
    group = "penstock.dev",
    version = "v1alpha1",
    kind = "MetricsApplication",
    plural = "metricsapplications",
    namespaced,
    shortname = "mapp",
    category = "penstock",
    doc = "An application: a tenant of the metrics store with its own data, rules and limits.",
    derive = "PartialEq",
    cel,
    validation = rules::name_length(),
    printcolumn(name = "Profile", type_ = "string", json_path = ".spec.profile"),
    printcolumn(name = "Paused", type_ = "boolean", json_path = ".spec.paused"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
pub struct MetricsApplicationSpec {
    /// How strictly the protocols are read. `Lenient` takes what real clients send; `OpenTSDB` is OpenTSDB 2.4 to
    /// the letter.
    #[serde(default)]
    pub profile: Profile,
    /// The characters that metric names, tag keys and tag values may have.
    #[serde(default)]
    pub charset: CharacterSet,
    /// What a telnet connection does after it has answered a bad line.
    #[serde(default)]
    pub on_error: OnError,
    /// Tags forced on every point, beneath those of the token.
    #[x_kube(validation = rules::tag_keys())]
    #[schemars(schema_with = "crate::token_resources::tags_schema")]
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    /// Limits for all tokens together, over the whole service.
    #[serde(default)]
    pub limits: Limits,
    /// Refuses all its tokens and keeps the data.
    #[serde(default)]
    pub paused: bool,
}

/// How strictly the protocols are read.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Profile {
    /// Tags optional, a missing HTTP timestamp is now, blank runs, 4096-byte lines.
    #[default]
    Lenient,
    /// OpenTSDB 2.4 to the letter.
    #[serde(rename = "OpenTSDB")]
    OpenTsdb,
}

/// The characters that names may have.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum CharacterSet {
    /// `A-Za-z0-9-_./` and Unicode letters.
    #[default]
    #[serde(rename = "OpenTSDB")]
    OpenTsdb,
    /// `A-Za-z0-9.-`.
    IotLab,
    /// Every printable character; on telnet neither blank nor `=` nor `,`.
    Any,
}

/// What a telnet connection does after it has answered a bad line.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnError {
    /// It closes, so that a client that never reads notices.
    #[default]
    Close,
    /// It goes on with the next line, as OpenTSDB does.
    KeepOpen,
}

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

impl From<Profile> for LedgerProfile {
    fn from(profile: Profile) -> Self {
        match profile {
            Profile::Lenient => Self::Lenient,
            Profile::OpenTsdb => Self::OpenTsdb,
        }
    }
}

impl From<CharacterSet> for Charset {
    fn from(charset: CharacterSet) -> Self {
        match charset {
            CharacterSet::OpenTsdb => Self::OpenTsdb,
            CharacterSet::IotLab => Self::IotLab,
            CharacterSet::Any => Self::Any,
        }
    }
}

impl From<OnError> for LedgerOnError {
    fn from(on_error: OnError) -> Self {
        match on_error {
            OnError::Close => Self::Close,
            OnError::KeepOpen => Self::KeepOpen,
        }
    }
}

#[cfg(test)]
mod tests;
