//! What the operator tells about an application.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::propagation::Propagation;

/// What the operator has done for an application, and what is in its way.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationStatus {
    /// The generation of the resource that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Whose data its points are: 32 hexadecimal digits. It is what `spec.tenantID` takes.
    #[serde(rename = "tenantID", default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// Where clients find it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoints: Option<ApplicationEndpoints>,
    /// How many tokens it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<TokenCounts>,
    /// How far its last change has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub propagation: Option<Propagation>,
    /// What it uses. Looked at once a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<ApplicationUsage>,
    /// `Ready`, `Accepted`, `Programmed`, `Propagated`, `WithinLimits`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// Where clients find an application.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationEndpoints {
    /// Takes points over HTTP.
    pub put: String,
    /// Takes rollups over HTTP.
    pub rollup: String,
    /// Takes points over telnet with TLS: `host:port`.
    pub telnet: String,
    /// The base of every read.
    pub query: String,
}

/// Tokens of an application by what they are now.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct TokenCounts {
    /// They work.
    pub active: i64,
    /// Refused until they are active again.
    pub paused: i64,
    /// Their time is over.
    pub expired: i64,
    /// Refused for ever.
    pub revoked: i64,
}

/// What an application uses, added up over the pods as each has told last.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationUsage {
    /// Series with a point in the current UTC day. One that reaches several pods counts in each.
    pub active_series: i64,
    /// Points that are stored.
    pub points: i64,
    /// Bytes that their blocks take on disk.
    pub bytes: i64,
    /// When these figures were told.
    pub at: Time,
}
