//! `MetricsApplication`: whose data it is, and what its tokens may use together.
#![expect(
    unreachable_pub,
    reason = "the derive of KubeSchema puts a second, local struct beside each of ours"
)]

mod limits;
mod status;
mod token_policy;

use std::collections::BTreeMap;

use kube::{CustomResource, KubeSchema};
use penstock_model::Charset;
use penstock_tenancy::{OnError as LedgerOnError, Profile as LedgerProfile};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use limits::Limits;
pub(crate) use limits::set_or;
pub use status::{ApplicationEndpoints, ApplicationStatus, ApplicationUsage, TokenCounts};
pub use token_policy::{From as NamespacesFrom, Namespaces, TokenPolicy};

use crate::object_name::{Kind, ObjectName};
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
    status = "ApplicationStatus",
    shortname = "mapp",
    category = "penstock",
    doc = "An application: a tenant of the metrics store with its own data, rules and limits.",
    derive = "PartialEq",
    cel,
    validation = rules::name_length(),
    printcolumn(name = "Tenant", type_ = "string", json_path = ".status.tenantID"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Tokens", type_ = "integer", json_path = ".status.tokens.active"),
    printcolumn(name = "Series", type_ = "integer", json_path = ".status.usage.activeSeries"),
    printcolumn(name = "Pods", type_ = "string", json_path = ".status.propagation.pods"),
    printcolumn(name = "Paused", type_ = "boolean", json_path = ".spec.paused", priority = "1"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::fixed_tenant())]
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
    /// The tenant whose retained data the application takes up: that of a deleted application of the same namespace and
    /// name, as its status told it. Not set: a tenant of its own, without data. It cannot be changed.
    #[serde(rename = "tenantID", default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[0-9a-f]{32}$"), length(max = 32))]
    pub tenant_id: Option<String>,
    /// Limits for all tokens together, over the whole service.
    #[serde(default)]
    pub limits: Limits,
    /// Which tokens it takes.
    #[serde(default)]
    pub tokens: TokenPolicy,
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

impl MetricsApplication {
    /// It among all objects.
    pub fn object_name(&self) -> ObjectName {
        let namespace = self.metadata.namespace.clone();
        ObjectName {
            kind: Kind::MetricsApplication,
            namespace: namespace.unwrap_or_else(|| "default".to_owned()),
            name: self.metadata.name.clone().unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests;
