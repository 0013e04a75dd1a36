//! How far a change has come on its way to the ingest pods.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The revision of the ledger that holds a change, and who has loaded it.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct Propagation {
    /// The revision.
    pub revision: i64,
    /// How many pods have it, of how many that should: `3/3`.
    pub pods: String,
    /// Seconds from the ledger's write until the last of them had it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}
