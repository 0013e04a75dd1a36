//! The ledger on its way: a signed document that may travel over anything.
//!
//! ```text
//!   penstock-ledger/1 <key id> <checksum> <signature>\n      one header line of ASCII
//!   {"revision":41,"replicas":3,"applications":[…]}\n        the payload, canonical JSON
//!
//!   key id     first 16 hexadecimal digits of the SHA-256 of the public key
//!   checksum   SHA-256 of the payload, 64 hexadecimal digits
//!   signature  Ed25519 over "penstock-ledger/1\n" + payload, base64, 88 characters
//! ```
//!
//! `tail -n +2 ledger | jq` reads it. The checksum is no protection, the signature is; it names the exact bytes
//! in an answer of `/ledger`. A reader refuses a payload that is not the canonical form of what it says, so one
//! ledger has one checksum.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::{self, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rand::CryptoRng;

use crate::{KeyHash, Ledger, LedgerFault};

/// The largest signed ledger in bytes: eight Secrets of 700 KiB, about 20,000 tokens.
pub const LEDGER_BYTES_MAX: usize = 8 * 700 * 1024;

const MAGIC: &str = "penstock-ledger/1";

/// The private key that ledgers are signed with. `Debug` shows its id alone.
pub struct SigningKey {
    seed: [u8; 32],
    pair: Ed25519KeyPair,
}

/// A public key that ledgers are verified with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VerifyingKey([u8; 32]);

/// The text or the bytes are no Ed25519 key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a ledger key is 32 bytes in base64")]
pub struct LedgerKeyError;

/// The SHA-256 of a ledger's payload.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Checksum(KeyHash);

/// The text is no checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a checksum is 64 hexadecimal digits")]
pub struct ChecksumError;

/// A ledger whose signature was good, with the bytes' own name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedLedger {
    ledger: Ledger,
    checksum: Checksum,
}

/// What a good document is to a reader that already has a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offer {
    /// A higher revision: take it.
    Newer(VerifiedLedger),
    /// The very ledger that the reader has.
    AlreadyLoaded,
}

/// Why bytes are not taken as a ledger. Nothing changes then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// More than [`LEDGER_BYTES_MAX`].
    #[error("{bytes} bytes, a ledger has at most {LEDGER_BYTES_MAX}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The header line is missing or not as drawn above.
    #[error("no ledger: the header line is damaged")]
    Header,
    /// The payload is not the one that the header was made for: cut short or damaged.
    #[error("the payload does not match its checksum")]
    Checksum,
    /// Signed with a key that the reader does not know.
    #[error("signed with the unknown key {key_id}")]
    UnknownKey {
        /// The id in the header.
        key_id: String,
    },
    /// The signature is not that key's.
    #[error("the signature is wrong")]
    Signature,
    /// Well signed, but no ledger of this version.
    #[error("the payload is not a ledger that this version understands: {reason}")]
    Payload {
        /// What the JSON parser says.
        reason: String,
    },
    /// Well signed, but not in the one canonical form.
    #[error("the payload is not in canonical form")]
    NotCanonical,
    /// Something in it contradicts itself.
    #[error("the ledger is inconsistent")]
    Fault(#[source] LedgerFault),
    /// A ledger that was superseded.
    #[error("revision {offered} is older than revision {current}, which is loaded")]
    Stale {
        /// Its revision.
        offered: u64,
        /// The reader's revision.
        current: u64,
    },
    /// Two different ledgers with one revision: two signers.
    #[error("revision {revision} is loaded with other contents")]
    Conflict {
        /// Their revision.
        revision: u64,
    },
}

/// Signs a ledger.
///
/// # Errors
/// [`LedgerError::Fault`] for a ledger that no reader would take, [`LedgerError::TooLarge`].
pub fn sign(ledger: &Ledger, key: &SigningKey) -> Result<Vec<u8>, LedgerError> {
    ledger.check().map_err(LedgerError::Fault)?;
    let payload = payload(ledger)?;
    let signature = key.pair.sign(&signed_bytes(&payload));
    let mut document = format!(
        "{MAGIC} {} {} {}\n",
        key.verifying_key().id(),
        Checksum::of(&payload),
        BASE64.encode(signature.as_ref())
    )
    .into_bytes();
    document.extend_from_slice(&payload);
    check_size(&document)?;
    Ok(document)
}

/// Verifies a document whatever its revision is: for a reader that has no ledger yet.
///
/// # Errors
/// [`LedgerError`]; bytes that anybody changed on the way are never taken.
pub fn verify(document: &[u8], keys: &[VerifyingKey]) -> Result<VerifiedLedger, LedgerError> {
    check_size(document)?;
    let header = Header::parse(document)?;
    if Checksum::of(header.payload).to_string() != header.checksum {
        return Err(LedgerError::Checksum);
    }
    let key = keys
        .iter()
        .find(|key| key.id() == header.key_id)
        .ok_or_else(|| LedgerError::UnknownKey {
            key_id: header.key_id.chars().take(16).collect(),
        })?;
    UnparsedPublicKey::new(&signature::ED25519, &key.0)
        .verify(&signed_bytes(header.payload), &header.signature)
        .map_err(|_| LedgerError::Signature)?;
    let ledger: Ledger =
        serde_json::from_slice(header.payload).map_err(|error| LedgerError::Payload {
            reason: error.to_string(),
        })?;
    if payload(&ledger)? != header.payload {
        return Err(LedgerError::NotCanonical);
    }
    ledger.check().map_err(LedgerError::Fault)?;
    Ok(VerifiedLedger {
        ledger,
        checksum: Checksum::of(header.payload),
    })
}

/// Verifies a document for a reader that has `current`: only a higher revision is taken.
///
/// # Errors
/// [`LedgerError::Stale`] and [`LedgerError::Conflict`] besides those of [`verify`].
pub fn accept(
    document: &[u8],
    keys: &[VerifyingKey],
    current: Option<&VerifiedLedger>,
) -> Result<Offer, LedgerError> {
    let offered = verify(document, keys)?;
    let Some(current) = current else {
        return Ok(Offer::Newer(offered));
    };
    let (offered_revision, current_revision) = (offered.ledger.revision, current.ledger.revision);
    if offered_revision > current_revision {
        Ok(Offer::Newer(offered))
    } else if offered_revision < current_revision {
        Err(LedgerError::Stale {
            offered: offered_revision,
            current: current_revision,
        })
    } else if offered.checksum == current.checksum {
        Ok(Offer::AlreadyLoaded)
    } else {
        Err(LedgerError::Conflict {
            revision: current_revision,
        })
    }
}

impl VerifiedLedger {
    /// The ledger.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The name of its exact bytes.
    pub fn checksum(&self) -> Checksum {
        self.checksum
    }
}

impl SigningKey {
    /// Draws a new key.
    ///
    /// # Errors
    /// [`LedgerKeyError`] if the crypto library refuses what was drawn.
    pub fn draw<R: CryptoRng + ?Sized>(rng: &mut R) -> Result<Self, LedgerKeyError> {
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        Self::from_seed(seed)
    }

    /// The key of a seed; one seed is always the same key.
    ///
    /// # Errors
    /// [`LedgerKeyError`] if the crypto library refuses the seed.
    pub fn from_seed(seed: [u8; 32]) -> Result<Self, LedgerKeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| LedgerKeyError)?;
        Ok(Self { seed, pair })
    }

    /// Reads what [`SigningKey::expose`] wrote.
    ///
    /// # Errors
    /// [`LedgerKeyError`] if the text is no key.
    pub fn parse(text: &str) -> Result<Self, LedgerKeyError> {
        Self::from_seed(decode_32(text)?)
    }

    /// The private key as text, for a file or a Secret that only the signer reads.
    pub fn expose(&self) -> String {
        BASE64.encode(self.seed)
    }

    /// The public half.
    pub fn verifying_key(&self) -> VerifyingKey {
        let mut public = [0; 32];
        for (to, from) in public.iter_mut().zip(self.pair.public_key().as_ref()) {
            *to = *from;
        }
        VerifyingKey(public)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, redacted)", self.verifying_key().id())
    }
}

impl VerifyingKey {
    /// The name of the key in a ledger's header.
    pub fn id(&self) -> String {
        KeyHash::of(&self.0).to_string().chars().take(16).collect()
    }
}

impl FromStr for VerifyingKey {
    type Err = LedgerKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        decode_32(text).map(Self)
    }
}

impl fmt::Display for VerifyingKey {
    /// 32 bytes in base64, as [`FromStr`] takes them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64.encode(self.0))
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyingKey({})", self.id())
    }
}

impl Checksum {
    fn of(payload: &[u8]) -> Self {
        Self(KeyHash::of(payload))
    }

    /// The checksum of the payload behind a document's header line, whatever that line says.
    pub(crate) fn of_document(document: &[u8]) -> Result<Self, LedgerError> {
        Ok(Self::of(Header::parse(document)?.payload))
    }
}

impl FromStr for Checksum {
    type Err = ChecksumError;

    /// 64 hexadecimal digits in lower case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hash: KeyHash = text.parse().map_err(|_| ChecksumError)?;
        if hash.to_string() == text {
            Ok(Self(hash))
        } else {
            Err(ChecksumError)
        }
    }
}

impl fmt::Display for Checksum {
    /// 64 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Checksum({})", self.0)
    }
}

/// The parts of a document before anything in it is believed.
struct Header<'a> {
    key_id: &'a str,
    checksum: &'a str,
    signature: Vec<u8>,
    payload: &'a [u8],
}

impl<'a> Header<'a> {
    fn parse(document: &'a [u8]) -> Result<Self, LedgerError> {
        let end = document
            .iter()
            .position(|byte| *byte == b'\n')
            .ok_or(LedgerError::Header)?;
        let (line, payload) = document
            .split_at_checked(end + 1)
            .ok_or(LedgerError::Header)?;
        let line = std::str::from_utf8(line).map_err(|_| LedgerError::Header)?;
        let mut words = line.trim_end_matches('\n').split(' ');
        let mut word = || words.next().ok_or(LedgerError::Header);
        let (magic, key_id, checksum, signature) = (word()?, word()?, word()?, word()?);
        if magic != MAGIC || words.next().is_some() {
            return Err(LedgerError::Header);
        }
        Ok(Self {
            key_id,
            checksum,
            signature: BASE64.decode(signature).map_err(|_| LedgerError::Header)?,
            payload,
        })
    }
}

fn payload(ledger: &Ledger) -> Result<Vec<u8>, LedgerError> {
    let mut payload = serde_json::to_vec(ledger).map_err(|error| LedgerError::Payload {
        reason: error.to_string(),
    })?;
    payload.push(b'\n');
    Ok(payload)
}

fn signed_bytes(payload: &[u8]) -> Vec<u8> {
    [MAGIC.as_bytes(), b"\n", payload].concat()
}

fn check_size(document: &[u8]) -> Result<(), LedgerError> {
    if document.len() > LEDGER_BYTES_MAX {
        return Err(LedgerError::TooLarge {
            bytes: document.len(),
        });
    }
    Ok(())
}

fn decode_32(text: &str) -> Result<[u8; 32], LedgerKeyError> {
    let bytes = BASE64.decode(text.trim()).map_err(|_| LedgerKeyError)?;
    bytes.try_into().map_err(|_| LedgerKeyError)
}

#[cfg(test)]
mod tests;
