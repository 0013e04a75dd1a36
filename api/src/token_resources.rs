//! `WriteToken` and `ReadToken`: who may write to an application, who may read from it.
#![expect(
    unreachable_pub,
    reason = "the derive of KubeSchema puts a second, local struct beside each of ours"
)]

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use penstock_tenancy::Protocol;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::application::set_or;
use crate::rules;

/// A token that stores points in an application.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "penstock.dev",
    version = "v1alpha1",
    kind = "WriteToken",
    plural = "writetokens",
    namespaced,
    shortname = "wtok",
    category = "penstock",
    doc = "A token that stores points in an application.",
    derive = "PartialEq",
    cel,
    selectable = ".spec.applicationRef.name",
    validation = rules::name_length(),
    printcolumn(name = "App", type_ = "string", json_path = ".spec.applicationRef.name"),
    printcolumn(name = "State", type_ = "string", json_path = ".spec.state"),
    printcolumn(name = "Expires", type_ = "date", json_path = ".spec.expiresAt"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::begins_before_it_ends())]
pub struct WriteTokenSpec {
    /// The application, in the token's own namespace. It cannot be changed.
    #[x_kube(validation = rules::fixed_application())]
    pub application_ref: ApplicationRef,
    /// Tags forced on every point; a client's tag of the same name is overridden.
    #[serde(default)]
    #[x_kube(validation = rules::tag_keys())]
    #[schemars(schema_with = "tags_schema")]
    pub tags: BTreeMap<String, String>,
    /// `Paused` refuses it until it is `Active` again; `Revoked` refuses it for ever and stays.
    #[serde(default)]
    #[x_kube(validation = rules::revoked_stays())]
    pub state: State,
    /// Before this moment it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Time>,
    /// From this moment on it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// Where the key comes from.
    #[serde(default)]
    pub key: KeySource,
    /// Limits of its own, beneath the application's.
    #[serde(default)]
    pub limits: TokenLimits,
    /// Where and for what it may be used.
    #[serde(default)]
    pub allow: Allow,
    /// Where id, key and addresses are written for the device.
    #[serde(default)]
    pub secret: SecretSpec,
}

/// A token that reads from an application.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "penstock.dev",
    version = "v1alpha1",
    kind = "ReadToken",
    plural = "readtokens",
    namespaced,
    shortname = "rtok",
    category = "penstock",
    doc = "A token that reads from an application.",
    derive = "PartialEq",
    cel,
    selectable = ".spec.applicationRef.name",
    validation = rules::name_length(),
    printcolumn(name = "App", type_ = "string", json_path = ".spec.applicationRef.name"),
    printcolumn(name = "State", type_ = "string", json_path = ".spec.state"),
    printcolumn(name = "Expires", type_ = "date", json_path = ".spec.expiresAt"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::begins_before_it_ends())]
pub struct ReadTokenSpec {
    /// The application, in the token's own namespace. It cannot be changed.
    #[x_kube(validation = rules::fixed_application())]
    pub application_ref: ApplicationRef,
    /// Filters: it reads only series that have all these tags.
    #[serde(default)]
    #[x_kube(validation = rules::tag_keys())]
    #[schemars(schema_with = "tags_schema")]
    pub tags: BTreeMap<String, String>,
    /// `Paused` refuses it until it is `Active` again; `Revoked` refuses it for ever and stays.
    #[serde(default)]
    #[x_kube(validation = rules::revoked_stays())]
    pub state: State,
    /// Before this moment it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Time>,
    /// From this moment on it is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// Where the key comes from.
    #[serde(default)]
    pub key: KeySource,
    /// Where it may be used.
    #[serde(default)]
    pub allow: ReadAllow,
    /// Where id, key and addresses are written for the reader.
    #[serde(default)]
    pub secret: SecretSpec,
}

/// Names an application in the same namespace.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationRef {
    /// The name of the `MetricsApplication`.
    #[schemars(length(min = 1, max = 52))]
    pub name: String,
}

/// What an owner has decided about a token.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum State {
    /// It works.
    #[default]
    Active,
    /// Refused until it is active again.
    Paused,
    /// Refused for ever.
    Revoked,
}

/// Where a token's key comes from. Exactly one of these; without any, a key is generated.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::one_key_source())]
pub struct KeySource {
    /// A new key is drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generate: Option<Generate>,
    /// The key stands in a Secret: 32 to 128 letters and digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretKeyRef>,
    /// Only the SHA-256 of the key stands in a Secret, as 64 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash_ref: Option<SecretKeyRef>,
}

impl Default for KeySource {
    fn default() -> Self {
        Self {
            generate: Some(Generate {}),
            secret_ref: None,
            hash_ref: None,
        }
    }
}

/// A new key is drawn. It has no settings.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Generate {}

/// An entry of a Secret in the same namespace.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq, Hash)]
pub struct SecretKeyRef {
    /// The Secret's name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The entry's key in the Secret.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._a-zA-Z0-9]+$"))]
    pub key: String,
}

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

/// Where id, key and addresses are written.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq, Default)]
pub struct SecretSpec {
    /// The Secret's name; the token's name if it is not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
    )]
    pub name: Option<String>,
}

/// At most eight tags, each value 1 to 128 characters. Bounded, or the API server would refuse the rule over
/// them for its estimated cost.
pub(crate) fn tags_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 8,
        "additionalProperties": { "type": "string", "minLength": 1, "maxLength": 128 },
        "default": {}
    })
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

impl From<WireProtocol> for Protocol {
    fn from(protocol: WireProtocol) -> Self {
        match protocol {
            WireProtocol::Telnet => Self::Telnet,
            WireProtocol::Http => Self::Http,
        }
    }
}

impl From<State> for penstock_tenancy::TokenState {
    fn from(state: State) -> Self {
        match state {
            State::Active => Self::Active,
            State::Paused => Self::Paused,
            State::Revoked => Self::Revoked,
        }
    }
}
