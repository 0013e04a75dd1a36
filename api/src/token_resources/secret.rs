//! The Secret that is written for a token, as its owner asks for it.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Where id, key and addresses are written.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "camelCase")]
pub struct SecretSpec {
    /// The Secret's name; the token's name if it is not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$")
    )]
    pub name: Option<String>,
    /// Labels of the Secret. Those under `penstock.dev/` are the operator's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "labels_schema")]
    pub labels: BTreeMap<String, String>,
    /// Annotations of the Secret. Those under `penstock.dev/` are the operator's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "annotations_schema")]
    pub annotations: BTreeMap<String, String>,
    /// What becomes of the Secret when the token is deleted. Its key is refused from then on either way.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

/// What becomes of the Secret when the token is deleted.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum DeletionPolicy {
    /// It goes with the token.
    #[default]
    Delete,
    /// It stays.
    Retain,
}

fn labels_schema(_: &mut SchemaGenerator) -> Schema {
    text_map(63)
}

fn annotations_schema(_: &mut SchemaGenerator) -> Schema {
    text_map(4_096)
}

fn text_map(value_length_max: u32) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 32,
        "additionalProperties": { "type": "string", "maxLength": value_length_max }
    })
}
