//! A signed ledger, ready to be sent.

use std::fmt;

use bytes::Bytes;
use penstock_tenancy::{Checksum, Ledger, LedgerError, SigningKey, VerifyingKey, sign, verify};

/// A signed ledger with its name. Clones share the bytes.
#[derive(Clone)]
pub struct Document {
    /// The ledger's revision.
    pub revision: u64,
    /// What a pod that has loaded it answers.
    pub checksum: Checksum,
    /// The public half of the key that signed it.
    pub key: VerifyingKey,
    /// The document itself: hashes only.
    pub bytes: Bytes,
}

impl Document {
    /// Signs a ledger.
    ///
    /// # Errors
    /// As [`sign`] has them.
    pub fn sign(ledger: &Ledger, key: &SigningKey) -> Result<Self, LedgerError> {
        let bytes = sign(ledger, key)?;
        // Read as a pod reads it: what a pod would refuse is never written.
        let (document, _) = Self::verify(bytes.into(), &[key.verifying_key()])?;
        Ok(document)
    }

    /// Takes a document that somebody kept, and gives the ledger in it.
    ///
    /// # Errors
    /// As [`verify`] has them: only what we have signed is believed.
    pub fn verify(bytes: Bytes, keys: &[VerifyingKey]) -> Result<(Self, Ledger), LedgerError> {
        let mut refusal = LedgerError::UnknownKey {
            key_id: "none".to_owned(),
        };
        for key in keys {
            match verify(&bytes, &[*key]) {
                Ok(verified) => {
                    let document = Self {
                        revision: verified.ledger().revision,
                        checksum: verified.checksum(),
                        key: *key,
                        bytes,
                    };
                    return Ok((document, verified.ledger().clone()));
                }
                Err(error) => refusal = error,
            }
        }
        Err(refusal)
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            revision,
            checksum,
            key,
            bytes,
        } = self;
        let bytes = bytes.len();
        write!(
            f,
            "Document({revision}, {checksum}, {bytes} bytes, {key:?})"
        )
    }
}
