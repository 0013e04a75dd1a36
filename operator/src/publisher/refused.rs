//! Why a change cannot be taken into the ledger.

use penstock_tenancy::token::KEYS_MAX;
use penstock_tenancy::{LedgerFault, TokenId};

/// Why a change cannot be taken into the ledger. It stays refused until another change of the same entry is staged, or until
/// there is room.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The ledger is full. Revocations, removals and pauses still fit.
    #[error(
        "the ledger would have {bytes} bytes, and {max} are possible: delete tokens that nobody needs. Revocations and pauses still fit"
    )]
    TooLarge {
        /// With the change.
        bytes: usize,
        /// At most.
        max: usize,
    },
    /// The token's application is not in the ledger, or it is removed.
    #[error(
        "the token's application is not in the ledger: see its conditions. The token is taken up with it"
    )]
    NoApplication,
    /// The id belongs to a token of another application: whoever holds its key must not find other data behind it.
    #[error(
        "the id {0} belongs to another application: delete the token and its Secret, and make it again"
    )]
    OtherApplication(TokenId),
    /// The ledger knows [`KEYS_MAX`] keys of this token that are still valid.
    #[error("the token has {KEYS_MAX} valid keys: a new one waits until one of them ends")]
    KeysFull,
    /// It is final: the token was revoked or removed.
    #[error("it is revoked or removed in the ledger, which is final: make another")]
    Final,
    /// The entry itself cannot stand in a ledger.
    #[error(
        "the entry cannot stand in a ledger, which is a fault of the operator's, to be reported: {0}"
    )]
    Fault(LedgerFault),
}
