//! Where the header of a request carries a credential.
//!
//! | header | carries |
//! |---|---|
//! | `Authorization: Basic` | user = id and password = key; or any user and the whole credential as password |
//! | `Authorization: Bearer` | the whole credential |
//! | `X-Warp10-Token` | the whole credential |
//!
//! What is not here: `ovh.auth` tags inside the points, which only the body's parser sees.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::HeaderMap;
use http::header::AUTHORIZATION;
use penstock_tenancy::{Credential, CredentialError, Protocol, TokenIdError};

use crate::auth::{AuthError, Authenticator, Grant};

/// Some clients leave the padding out.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// What a header claims. Basic can be read in two ways, and only the ledger tells which is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    credential: Credential,
    otherwise: Option<Credential>,
}

impl Claim {
    /// The claim of a header; `None` if it makes none.
    ///
    /// # Errors
    /// [`AuthError::Malformed`] for something that claims to be a credential and is none.
    pub fn from_headers(headers: &HeaderMap) -> Result<Option<Self>, AuthError> {
        if let Some(token) = headers.get("x-warp10-token") {
            return Self::whole(token.as_bytes()).map(Some);
        }
        let Some(value) = headers.get(AUTHORIZATION) else {
            return Ok(None);
        };
        let (scheme, rest) = split_at_byte(value.as_bytes().trim_ascii(), b' ');
        if scheme.eq_ignore_ascii_case(b"basic") {
            Self::basic(rest.trim_ascii()).map(Some)
        } else if scheme.eq_ignore_ascii_case(b"bearer") {
            Self::whole(rest).map(Some)
        } else {
            Err(not_a_credential())
        }
    }

    /// The grant of the first reading that the ledger knows.
    ///
    /// # Errors
    /// What [`Authenticator::check`] says.
    pub fn check(
        &self,
        authenticator: &Authenticator,
        source: IpAddr,
    ) -> Result<Arc<Grant>, AuthError> {
        let check = |credential| authenticator.check(credential, Protocol::Http, source);
        match (check(&self.credential), &self.otherwise) {
            (Err(AuthError::Unknown), Some(otherwise)) => check(otherwise),
            (result, _) => result,
        }
    }

    fn whole(text: &[u8]) -> Result<Self, AuthError> {
        let credential = Credential::parse(text.trim_ascii()).map_err(AuthError::Malformed)?;
        Ok(Self {
            credential,
            otherwise: None,
        })
    }

    fn basic(encoded: &[u8]) -> Result<Self, AuthError> {
        let decoded = BASE64.decode(encoded).map_err(|_| not_a_credential())?;
        let (user, password) = split_at_byte(&decoded, b':');
        let as_parts = Credential::from_parts(user, password);
        let as_whole = Credential::parse(password);
        let (credential, otherwise) = match (as_parts, as_whole) {
            (Ok(credential), otherwise) => (credential, otherwise.ok()),
            (Err(_), Ok(credential)) => (credential, None),
            // The user is an id, so the key is what is wrong.
            (Err(error @ CredentialError::Key(_)), Err(_)) | (Err(_), Err(error)) => {
                return Err(AuthError::Malformed(error));
            }
        };
        Ok(Self {
            credential,
            otherwise,
        })
    }
}

/// What stands before the first `byte`, and after it.
fn split_at_byte(text: &[u8], byte: u8) -> (&[u8], &[u8]) {
    let end = memchr::memchr(byte, text).unwrap_or(text.len());
    let (before, after) = text.split_at_checked(end).unwrap_or((text, b""));
    (before, after.get(1..).unwrap_or_default())
}

fn not_a_credential() -> AuthError {
    AuthError::Malformed(CredentialError::Id(TokenIdError))
}

#[cfg(test)]
mod tests;
