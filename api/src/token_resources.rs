//! `WriteToken` and `ReadToken`: who may write to an application, who may read from it.
#![expect(
    unreachable_pub,
    reason = "the derive of KubeSchema puts a second, local struct beside each of ours"
)]

mod key;
mod rights;
mod secret;
mod status;

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::{CustomResource, KubeSchema};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

pub use key::{KeySource, Rotation, SecretKeyRef};
pub use rights::{Allow, ReadAllow, ReadLimits, TokenLimits, WireProtocol};
pub use secret::{DeletionPolicy, SecretSpec};
pub use status::{KeyState, KeyStatus, TokenStatus};

use crate::rules;

/// A token that stores points in an application.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "penstock.dev",
    version = "v1alpha1",
    kind = "WriteToken",
    plural = "writetokens",
    namespaced,
    status = "TokenStatus",
    shortname = "wtok",
    category = "penstock",
    doc = "A token that stores points in an application.",
    derive = "PartialEq",
    cel,
    selectable = ".spec.applicationRef.name",
    validation = rules::name_length(),
    printcolumn(name = "App", type_ = "string", json_path = ".spec.applicationRef.name"),
    printcolumn(name = "ID", type_ = "string", json_path = ".status.id"),
    printcolumn(name = "State", type_ = "string", json_path = ".spec.state"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Applied", type_ = "string", json_path = ".status.propagation.pods"),
    printcolumn(name = "Expires", type_ = "string", json_path = ".status.expiresAt"),
    printcolumn(name = "Last-Used", type_ = "date", json_path = ".status.lastUsed"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::begins_before_it_ends())]
#[x_kube(validation = rules::only_drawn_keys_rotate())]
pub struct WriteTokenSpec {
    /// What both kinds of token have.
    #[serde(flatten)]
    pub common: TokenSpec,
    /// Limits of its own, beneath the application's.
    #[serde(default)]
    pub limits: TokenLimits,
    /// Where and for what it may be used.
    #[serde(default)]
    pub allow: Allow,
}

/// A token that reads from an application.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[kube(
    group = "penstock.dev",
    version = "v1alpha1",
    kind = "ReadToken",
    plural = "readtokens",
    namespaced,
    status = "TokenStatus",
    shortname = "rtok",
    category = "penstock",
    doc = "A token that reads from an application.",
    derive = "PartialEq",
    cel,
    selectable = ".spec.applicationRef.name",
    validation = rules::name_length(),
    printcolumn(name = "App", type_ = "string", json_path = ".spec.applicationRef.name"),
    printcolumn(name = "ID", type_ = "string", json_path = ".status.id"),
    printcolumn(name = "State", type_ = "string", json_path = ".spec.state"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Applied", type_ = "string", json_path = ".status.propagation.pods"),
    printcolumn(name = "Expires", type_ = "string", json_path = ".status.expiresAt"),
    printcolumn(name = "Last-Used", type_ = "date", json_path = ".status.lastUsed"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::begins_before_it_ends())]
#[x_kube(validation = rules::only_drawn_keys_rotate())]
pub struct ReadTokenSpec {
    /// What both kinds of token have.
    #[serde(flatten)]
    pub common: TokenSpec,
    /// What it may ask for.
    #[serde(default)]
    pub limits: ReadLimits,
    /// Where it may be used.
    #[serde(default)]
    pub allow: ReadAllow,
}

/// What both kinds of token have.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TokenSpec {
    /// The application. It cannot be changed.
    #[x_kube(validation = rules::fixed_application())]
    pub application_ref: ApplicationRef,
    /// A write token forces them on every point, over the client's own; a read token sees only series that have them
    /// all.
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
    /// When the key is replaced, and how long the old one lives on.
    #[serde(default)]
    pub rotation: Rotation,
    /// Where id, key and addresses are written for whoever uses the token.
    #[serde(default)]
    pub secret: SecretSpec,
}

/// Names an application.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationRef {
    /// The name of the `MetricsApplication`.
    #[schemars(length(min = 1, max = 52))]
    pub name: String,
    /// Its namespace, if it is not the token's own. The application's `tokens.namespaces` must allow that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub namespace: Option<String>,
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

impl From<State> for penstock_tenancy::TokenState {
    fn from(state: State) -> Self {
        match state {
            State::Active => Self::Active,
            State::Paused => Self::Paused,
            State::Revoked => Self::Revoked,
        }
    }
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
