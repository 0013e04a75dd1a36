//! The contract between the two planes: who may do what.
//!
//! ```text
//!   operator, or standalone                                  ingest
//!   compiles applications and tokens                         enforces them
//!          │                                                    ▲
//!          ▼                                                    │
//!        Ledger ── sign ──▶ one document of bytes ── accept ──▶ Ledger
//!                           header line: key id, checksum, signature
//!                           canonical JSON: applications ▸ tokens ▸ key hashes
//! ```
//!
//! The planes share nothing else. A [`Ledger`] holds hashes of keys, never a key; it is signed, so it does
//! not matter who delivers it; its revision only grows, so it cannot be replayed.
//!
//! Here are also the words of the trade: a [`TokenId`] names a token in the open, a [`Key`] is its secret, a
//! [`Credential`] is both as a client sends them, a [`KeyHash`] is what the ledger keeps of a key, and
//! [`limits`] is the one table of every limit with its unit, default and range.
//!
//! Pure, like `model`: no I/O, no clock, no async. Time and randomness are arguments. What is not here: how a
//! ledger comes from manifests (`api`), how it travels and is kept (`operator`, `ingest`).

pub mod application;
pub mod credential;
pub mod key;
pub mod key_hash;
pub mod ledger;
pub mod limits;
pub mod permission;
pub mod secrets;
pub mod signed;
pub mod source_range;
pub mod token;
pub mod volume;
mod wire;

pub use application::{LedgerApplication, OnError, Profile};
pub use credential::{Credential, CredentialError};
pub use key::{Key, KeyError, holds_key, looks_like_key, redact_keys};
pub use key_hash::KeyHash;
pub use ledger::{Ledger, LedgerFault};
pub use limits::{ApplicationLimits, ReadLimits, TokenLimits, per_pod};
pub use permission::{Permission, Protocol};
pub use signed::{
    Checksum, LedgerError, Offer, SigningKey, VerifiedLedger, VerifyingKey, accept, sign, verify,
};
pub use source_range::SourceRange;
pub use token::{Allow, LedgerKey, LedgerToken, Refusal, TokenId, TokenIdError, TokenState};
pub use volume::LedgerVolume;
