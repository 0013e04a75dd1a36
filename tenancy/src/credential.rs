//! A token's id and key as a client sends them.

use std::fmt;

use crate::key::{self, KeyError};
use crate::token::TOKEN_ID_LENGTH;
use crate::{KeyHash, TokenId, TokenIdError};

/// Who a client says it is, and the proof: the id, and the hash of the key that came with it.
///
/// The key itself is hashed where it is read and not kept. These four are the same credential, because
/// collectors rewrite `:` and `_`; both parts are alphanumeric and the id has a fixed length, so the
/// thirteenth character decides:
///
/// ```text
///   AbCdEfGhIjKl:pstkw…    AbCdEfGhIjKl_pstkw…    AbCdEfGhIjKl.pstkw…    AbCdEfGhIjKlpstkw…
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Credential {
    id: TokenId,
    hash: KeyHash,
}

/// Why a text is no credential. It never quotes the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// The text does not begin with the id of a token.
    #[error("a credential begins with the token's id")]
    Id(#[source] TokenIdError),
    /// What follows the id is no key.
    #[error("a credential ends with the token's key")]
    Key(#[source] KeyError),
}

impl Credential {
    /// Reads a credential in any of its four forms.
    ///
    /// # Errors
    /// [`CredentialError`] says which half is wrong. A client is best told the whole chain: a mistyped key is
    /// [`KeyError::Mistyped`].
    pub fn parse(text: &[u8]) -> Result<Self, CredentialError> {
        let (id, rest) = text
            .split_at_checked(TOKEN_ID_LENGTH)
            .ok_or(CredentialError::Id(TokenIdError))?;
        let id = TokenId::from_bytes(id).map_err(CredentialError::Id)?;
        let key = match rest.split_first() {
            Some((b':' | b'_' | b'.', key)) => key,
            _ => rest,
        };
        key::check(key).map_err(CredentialError::Key)?;
        Ok(Self {
            id,
            hash: KeyHash::of(key),
        })
    }

    /// The credential of a user name and a password: HTTP Basic with the id as user and the key as
    /// password.
    ///
    /// # Errors
    /// As [`Credential::parse`].
    pub fn from_parts(id: &[u8], key: &[u8]) -> Result<Self, CredentialError> {
        let id = TokenId::from_bytes(id).map_err(CredentialError::Id)?;
        key::check(key).map_err(CredentialError::Key)?;
        Ok(Self {
            id,
            hash: KeyHash::of(key),
        })
    }

    /// The token that is claimed.
    pub fn id(&self) -> TokenId {
        self.id
    }

    /// The proof.
    pub fn hash(&self) -> &KeyHash {
        &self.hash
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({})", self.id)
    }
}

#[cfg(test)]
mod tests;
