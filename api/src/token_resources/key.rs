//! Where a token's key comes from, and when it is replaced.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules;
use crate::span::{Span, span_schema};

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

impl KeySource {
    /// The Secret that the key or its hash is read from; `None` if a key is drawn.
    pub fn reference(&self) -> Option<&SecretKeyRef> {
        self.secret_ref.as_ref().or(self.hash_ref.as_ref())
    }
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

/// An entry of a Secret in the token's own namespace.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq, Hash)]
pub struct SecretKeyRef {
    /// The Secret's name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The entry's key in the Secret.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._a-zA-Z0-9]+$"))]
    pub key: String,
}

/// When a key is replaced, and how long the old one lives on.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::overlap_ends_before_the_next())]
pub struct Rotation {
    /// How old a drawn key becomes before a new one takes its place, such as `720h`; at least `1m`. Not set: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = rules::at_least_a_minute())]
    #[schemars(schema_with = "span_schema")]
    pub every: Option<Span>,
    /// How long the old key is still taken once the new one stands in the Secret. Default `24h`.
    #[serde(default = "Rotation::default_overlap")]
    #[schemars(schema_with = "span_schema")]
    pub overlap: Span,
    /// Any text: a drawn key is replaced each time it changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub trigger: Option<String>,
}

impl Rotation {
    fn default_overlap() -> Span {
        Span::from_hours(24)
    }
}

impl Default for Rotation {
    fn default() -> Self {
        Self {
            every: None,
            overlap: Self::default_overlap(),
            trigger: None,
        }
    }
}
