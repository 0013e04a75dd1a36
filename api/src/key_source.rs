//! Where a token's key comes from.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr as _;

use penstock_tenancy::{Key, KeyHash};

use crate::field_path::FieldPath;
use crate::problem::{Problem, Reason};
use crate::{SecretKeyRef, Token};

/// A Secret's entries. `Debug` shows their keys alone.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretData {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its entries, decoded.
    pub entries: BTreeMap<String, Vec<u8>>,
}

impl fmt::Debug for SecretData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.entries.keys().collect();
        write!(
            f,
            "SecretData({}/{}, {keys:?} redacted)",
            self.namespace, self.name
        )
    }
}

/// What is known of a token's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyMaterial {
    /// The key itself: it can be handed out.
    Key(Key),
    /// Its hash alone: whoever made it keeps it.
    Hash(KeyHash),
}

impl KeyMaterial {
    /// What the ledger records.
    pub fn hash(&self) -> KeyHash {
        match self {
            Self::Key(key) => key.hash(),
            Self::Hash(hash) => *hash,
        }
    }
}

/// Reads the key that a user brings along, in the Secrets of the token's namespace. `None`: a key is to be
/// generated, if there is none yet.
///
/// # Errors
/// [`Reason::SourceMissing`] if the Secret or its entry is not there, [`Reason::WeakKey`] if what stands there
/// cannot be a key or a hash. The message never quotes it.
pub fn bring_along(token: &Token, secrets: &[SecretData]) -> Result<Option<KeyMaterial>, Problem> {
    let source = &token.spec().key;
    if let Some(reference) = &source.secret_ref {
        let at = FieldPath::of(["spec", "key", "secretRef"]);
        let text = entry(token, reference, secrets, &at)?;
        return match Key::parse(text) {
            Ok(key) => Ok(Some(KeyMaterial::Key(key))),
            Err(error) => Err(Problem::of_token(
                token,
                Reason::WeakKey,
                at,
                weak(token, reference, &error),
            )),
        };
    }
    if let Some(reference) = &source.hash_ref {
        let at = FieldPath::of(["spec", "key", "hashRef"]);
        let text = entry(token, reference, secrets, &at)?;
        return match KeyHash::from_str(text) {
            Ok(hash) => Ok(Some(KeyMaterial::Hash(hash))),
            Err(error) => Err(Problem::of_token(
                token,
                Reason::WeakKey,
                at,
                weak(token, reference, &error),
            )),
        };
    }
    Ok(None)
}

fn weak(token: &Token, reference: &SecretKeyRef, why: &dyn fmt::Display) -> String {
    let namespace = token.token_name().namespace;
    format!(
        "replace the entry {} of the Secret {namespace}/{}: {why}",
        reference.key, reference.name
    )
}

/// The entry's text without the line end that editors and `echo` leave behind.
fn entry<'a>(
    token: &Token,
    reference: &SecretKeyRef,
    secrets: &'a [SecretData],
    at: &FieldPath,
) -> Result<&'a str, Problem> {
    let namespace = token.token_name().namespace;
    let missing =
        |message: String| Problem::of_token(token, Reason::SourceMissing, at.clone(), message);
    let secret = secrets
        .iter()
        .find(|secret| secret.namespace == namespace && secret.name == reference.name)
        .ok_or_else(|| {
            missing(format!(
                "there is no Secret {namespace}/{}: make it, and the token is taken up",
                reference.name
            ))
        })?;
    let bytes = secret.entries.get(&reference.key).ok_or_else(|| {
        missing(format!(
            "the Secret {namespace}/{} has no entry {}: add it, or name another in `key`",
            reference.name, reference.key
        ))
    })?;
    let text = std::str::from_utf8(bytes).map_err(|_| {
        missing(format!(
            "the entry {} of the Secret {namespace}/{} is no text: a key or a hash is",
            reference.key, reference.name
        ))
    })?;
    Ok(text.trim_end_matches(['\r', '\n']))
}

#[cfg(test)]
mod tests;
