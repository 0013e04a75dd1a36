//! A token as the ledger records it.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use penstock_model::{Tags, Timestamp};
use rand::CryptoRng;
use serde::{Deserialize, Serialize};

use crate::key::draw_alphanumeric;
use crate::wire;
use crate::{KeyHash, Permission, Protocol, ReadLimits, SourceRange, TokenLimits};

/// Characters of a token's id.
pub const TOKEN_ID_LENGTH: usize = 12;

/// Keys that one token may have at the same time.
pub const KEYS_MAX: usize = 4;

/// The public name of a token: 12 ASCII letters and digits, drawn at random, unique in the engine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct TokenId([u8; TOKEN_ID_LENGTH]);

/// The text is no token id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a token id has {TOKEN_ID_LENGTH} letters A-Z, a-z and digits")]
pub struct TokenIdError;

impl TokenId {
    /// Draws a new id. 71 bits: two are never the same by chance, and the compiler of a ledger checks even so.
    pub fn draw<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut id = [b'0'; TOKEN_ID_LENGTH];
        for (to, from) in id
            .iter_mut()
            .zip(draw_alphanumeric(rng, TOKEN_ID_LENGTH).bytes())
        {
            *to = from;
        }
        Self(id)
    }

    /// Reads an id from bytes of the wire.
    ///
    /// # Errors
    /// [`TokenIdError`] unless it is 12 ASCII letters and digits.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TokenIdError> {
        let id: [u8; TOKEN_ID_LENGTH] = bytes.try_into().map_err(|_| TokenIdError)?;
        if id.iter().all(u8::is_ascii_alphanumeric) {
            Ok(Self(id))
        } else {
            Err(TokenIdError)
        }
    }

    /// The 12 characters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for TokenId {
    type Err = TokenIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_bytes(text.as_bytes())
    }
}

impl fmt::Display for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for TokenId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenId({self})")
    }
}

impl From<TokenId> for String {
    fn from(id: TokenId) -> Self {
        id.as_str().to_owned()
    }
}

impl TryFrom<String> for TokenId {
    type Error = TokenIdError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// One token of an application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LedgerToken {
    /// Its public name, unique in the whole ledger.
    pub id: TokenId,
    /// The namespace of the resource that it came from.
    pub namespace: String,
    /// The name of that resource. With the namespace and the permission it is unique in the ledger.
    pub name: String,
    /// Its one right.
    pub permission: Permission,
    /// What an owner has decided about it.
    #[serde(default, skip_serializing_if = "wire::is_default")]
    pub state: TokenState,
    /// The hashes of its keys, one to [`KEYS_MAX`]; several only while keys are being changed.
    pub keys: Vec<LedgerKey>,
    /// Forced on every point written, or filters on every read.
    #[serde(default, with = "wire::tags", skip_serializing_if = "Tags::is_empty")]
    pub tags: Tags,
    /// Before this moment it is refused.
    #[serde(
        default,
        with = "wire::timestamp",
        skip_serializing_if = "Option::is_none"
    )]
    pub not_before: Option<Timestamp>,
    /// From this moment on it is refused.
    #[serde(
        default,
        with = "wire::timestamp",
        skip_serializing_if = "Option::is_none"
    )]
    pub expires_at: Option<Timestamp>,
    /// Limits of its own, beneath its application's.
    #[serde(default, skip_serializing_if = "wire::is_default")]
    pub limits: TokenLimits,
    /// What a read token may ask for. A write token has the defaults: it reads what it deletes.
    #[serde(default, skip_serializing_if = "wire::is_default")]
    pub read_limits: ReadLimits,
    /// Where and for what it may be used.
    #[serde(default, skip_serializing_if = "wire::is_default")]
    pub allow: Allow,
}

/// A key of a token, as far as the ledger knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LedgerKey {
    /// What is compared with the hash of a client's key.
    pub hash: KeyHash,
    /// From this moment on the key is no longer taken; absent for the newest key.
    #[serde(
        default,
        with = "wire::timestamp",
        skip_serializing_if = "Option::is_none"
    )]
    pub not_after: Option<Timestamp>,
}

/// What an owner has decided about a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TokenState {
    /// It works.
    #[default]
    Active,
    /// Refused until it is active again.
    Paused,
    /// Refused for ever.
    Revoked,
    /// Its resource is gone. Refused for ever.
    Removed,
}

/// Where and for what a token may be used. Empty lists allow everything.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Allow {
    /// The protocols it may be used over.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub protocols: Vec<Protocol>,
    /// What a metric's name must begin with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub metric_prefixes: Vec<String>,
    /// The networks it may be used from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub source_ranges: Vec<SourceRange>,
    /// Whether a write token may delete.
    #[serde(skip_serializing_if = "wire::is_default")]
    pub delete: bool,
}

/// Why a known credential is refused. All of them are 403: the client need not try another key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// The application is paused.
    #[error("the application is paused")]
    ApplicationPaused,
    /// The token is paused.
    #[error("the token is paused")]
    Paused,
    /// The token was revoked.
    #[error("the token is revoked")]
    Revoked,
    /// The token's or its application's resource is gone.
    #[error("the token is revoked: it was removed")]
    Removed,
    /// It is too early.
    #[error("the token is not valid yet")]
    NotYetValid,
    /// It is too late.
    #[error("the token is expired")]
    Expired,
    /// The token is good, but this key of it was replaced.
    #[error("the key is expired: the token has a newer one")]
    KeyExpired,
    /// The token may not be used over this protocol.
    #[error("the token may not be used over {0}")]
    Protocol(Protocol),
    /// The token may not be used from this address.
    #[error("the token may not be used from this address")]
    Source,
    /// The token has the other right.
    #[error("the token has no {0} permission")]
    Permission(Permission),
    /// A write token without `allow.delete`.
    #[error("the token may not delete")]
    Delete,
}

impl LedgerToken {
    /// The token's key with this hash, whether it has expired or not. Takes the same time for every hash.
    pub fn key(&self, hash: &KeyHash) -> Option<&LedgerKey> {
        self.keys.iter().fold(
            None,
            |found, key| if key.hash == *hash { Some(key) } else { found },
        )
    }

    /// Whether the token, with this key of it, is taken at `now`.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn check(&self, key: &LedgerKey, now: Timestamp) -> Result<(), Refusal> {
        let passed = |end: Option<Timestamp>| end.is_some_and(|end| now >= end);
        match self.state {
            TokenState::Paused => Err(Refusal::Paused),
            TokenState::Revoked => Err(Refusal::Revoked),
            TokenState::Removed => Err(Refusal::Removed),
            TokenState::Active if self.not_before.is_some_and(|start| now < start) => {
                Err(Refusal::NotYetValid)
            }
            TokenState::Active if passed(self.expires_at) => Err(Refusal::Expired),
            TokenState::Active if passed(key.not_after) => Err(Refusal::KeyExpired),
            TokenState::Active => Ok(()),
        }
    }

    /// The moment from which this key of the token is no longer taken, if there is one.
    pub fn end(&self, key: &LedgerKey) -> Option<Timestamp> {
        match (self.expires_at, key.not_after) {
            (Some(token), Some(key)) => Some(token.min(key)),
            (token, key) => token.or(key),
        }
    }
}

impl Allow {
    /// Whether the token may be used over this protocol from this address.
    ///
    /// # Errors
    /// Which of the two is not allowed.
    pub fn check(&self, protocol: Protocol, source: IpAddr) -> Result<(), Refusal> {
        if !self.protocols.is_empty() && !self.protocols.contains(&protocol) {
            return Err(Refusal::Protocol(protocol));
        }
        if !self.source_ranges.is_empty()
            && !self
                .source_ranges
                .iter()
                .any(|range| range.contains(source))
        {
            return Err(Refusal::Source);
        }
        Ok(())
    }

    /// Whether the token may write a metric of this name.
    pub fn metric(&self, name: &str) -> bool {
        self.metric_prefixes.is_empty()
            || self
                .metric_prefixes
                .iter()
                .any(|prefix| name.starts_with(prefix.as_str()))
    }
}

#[cfg(test)]
mod tests;
