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
        // The checksum stands in the header, where our own code has just written it.
        let verified = verify(&bytes, &[key.verifying_key()])?;
        Ok(Self {
            revision: ledger.revision,
            checksum: verified.checksum(),
            bytes: bytes.into(),
        })
    }

    /// Takes a document that somebody kept, and gives the ledger in it.
    ///
    /// # Errors
    /// As [`verify`] has them: only what we have signed is believed.
    pub fn verify(bytes: Bytes, keys: &[VerifyingKey]) -> Result<(Self, Ledger), LedgerError> {
        let verified = verify(&bytes, keys)?;
        let document = Self {
            revision: verified.ledger().revision,
            checksum: verified.checksum(),
            bytes,
        };
        Ok((document, verified.ledger().clone()))
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            revision,
            checksum,
            bytes,
        } = self;
        write!(f, "Document({revision}, {checksum}, {} bytes)", bytes.len())
    }
}
