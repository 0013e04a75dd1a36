//! What the operator tells about a token. Nothing in it is secret.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::propagation::Propagation;

/// What the operator has done for a token, and what is in its way.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct TokenStatus {
    /// The generation of the resource that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The public half of the credential: 12 letters and digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The Secret that holds the credential, once it has been written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_name: Option<String>,
    /// The keys that are taken now, the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<KeyStatus>,
    /// When any of its keys was last used, to the minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Time>,
    /// When the key will be replaced by schedule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_rotation: Option<Time>,
    /// When the token ends: `spec.expiresAt`, or earlier if the application's `tokens.maxTTL` says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
    /// How far its last change has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub propagation: Option<Propagation>,
    /// `Ready`, `Accepted`, `SecretReady`, `Propagated`, `Rotating`, `Expired`, `Revoked`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
}

/// A key of a token, by its fingerprint.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct KeyStatus {
    /// Counts the keys that the token has handed out, from 1.
    pub version: i64,
    /// The first 8 hexadecimal digits of the key's SHA-256.
    pub fingerprint: String,
    /// Whether it is the one in the Secret.
    pub state: KeyState,
    /// From this moment on it is no longer taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Time>,
    /// When it was last used, to the minute; told seldom where many tokens are in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<Time>,
}

/// What a key is to its token.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// It stands in the Secret.
    Active,
    /// It was replaced and is taken until its `notAfter`.
    Retiring,
}
