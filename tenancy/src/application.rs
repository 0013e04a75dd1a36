//! An application as the ledger records it: behind the border it is called a tenant.

use penstock_model::{Charset, Tags, TenantId};
use serde::{Deserialize, Serialize};

use crate::wire;
use crate::{ApplicationLimits, LedgerToken};

/// One application with its tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LedgerApplication {
    /// The namespace of its resource.
    pub namespace: String,
    /// The name of its resource.
    pub name: String,
    /// Whose data its points are. Two applications never share a tenant.
    #[serde(with = "wire::tenant_id")]
    pub tenant: TenantId,
    /// Which reading of the protocols it gets.
    #[serde(default, skip_serializing_if = "wire::is_default")]
    pub profile: Profile,
    /// The characters that its names may have.
    #[serde(
        default,
        with = "wire::charset",
        skip_serializing_if = "wire::is_default"
    )]
    pub charset: Charset,
    /// What a telnet connection does after a bad line.
    #[serde(default, skip_serializing_if = "wire::is_default")]
    pub on_error: OnError,
    /// Forced on every point, beneath the token's own.
    #[serde(default, with = "wire::tags", skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    /// Its limits, for the whole service. Always written out: the defaults of another version may differ.
    pub limits: ApplicationLimits,
    /// All its tokens are refused, its data is kept.
    #[serde(default, skip_serializing_if = "wire::is_default")]
    pub paused: bool,
    /// It is deleted, and so is its data.
    #[serde(default, skip_serializing_if = "wire::is_default")]
    pub removed: bool,
    /// Its tokens in the order of their ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tokens: Vec<LedgerToken>,
}

/// How strictly the protocols are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Profile {
    /// Whatever real clients send: tags optional, a missing HTTP timestamp is now, 4096-byte lines.
    #[default]
    Lenient,
    /// `OpenTSDB` 2.4 to the letter.
    OpenTsdb,
}

/// What a telnet connection does after it has answered a bad line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OnError {
    /// Close, so that a client that never reads notices.
    #[default]
    Close,
    /// Go on with the next line, as `OpenTSDB` does.
    KeepOpen,
}
