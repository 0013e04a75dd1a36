//! Which tokens an application takes: its owner's consent.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules;
use crate::span::{Span, span_schema};

/// Tokens that an application has at most, unless it says otherwise.
pub const TOKENS_MAX_DEFAULT: i64 = 1_000;

/// Which tokens an application takes. It is asked again at every change; a token that it no longer takes is refused.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct TokenPolicy {
    /// The namespaces whose tokens it takes.
    #[serde(default)]
    pub namespaces: Namespaces,
    /// How many tokens it takes, revoked ones not counted; those that were there first stay. Default 1000.
    #[serde(default = "TokenPolicy::default_max")]
    #[schemars(range(min = 0, max = 20_000))]
    pub max: i64,
    /// Takes only tokens with an `expiresAt`.
    #[serde(default)]
    pub require_expiry: bool,
    /// How long a token lives at most, from its creation, such as `8760h`; at least `1m`. Not set: for ever.
    #[serde(rename = "maxTTL", default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = rules::at_least_a_minute())]
    #[schemars(schema_with = "span_schema")]
    pub max_ttl: Option<Span>,
}

impl TokenPolicy {
    fn default_max() -> i64 {
        TOKENS_MAX_DEFAULT
    }
}

impl Default for TokenPolicy {
    fn default() -> Self {
        Self {
            namespaces: Namespaces::default(),
            max: TOKENS_MAX_DEFAULT,
            require_expiry: false,
            max_ttl: None,
        }
    }
}

/// A choice of namespaces.
#[derive(Serialize, Deserialize, KubeSchema, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = rules::selector_where_it_counts())]
pub struct Namespaces {
    /// Which.
    #[serde(default)]
    pub from: From,
    /// With `from: Selector`: the labels that a namespace must have. Every namespace has `kubernetes.io/metadata.name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<LabelSelector>,
}

/// Which namespaces.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum From {
    /// The application's own.
    #[default]
    Same,
    /// Those that the selector chooses, and the application's own.
    Selector,
    /// All of them.
    All,
}
