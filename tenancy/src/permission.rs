//! What a token is for, and the doors it may be used at.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The one right that a token has. A token never has both: what a device carries cannot read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Permission {
    /// Query and export; the token's tags are filters on every read.
    Read,
    /// Store points; the token's tags are forced on every point. Deletes too, if [`Allow::delete`] says so.
    ///
    /// [`Allow::delete`]: crate::Allow::delete
    Write,
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
        })
    }
}

/// A family of wire protocols that a token may be confined to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Protocol {
    /// `OpenTSDB`'s line protocol.
    Telnet,
    /// Everything over HTTP.
    Http,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Telnet => "telnet",
            Self::Http => "http",
        })
    }
}
