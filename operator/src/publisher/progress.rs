//! How far a change has come.

use std::time::Duration;

use penstock_tenancy::token::KEYS_MAX;
use penstock_tenancy::{LedgerFault, TokenId};

/// How far a change has come.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// In no revision yet; also what was never staged.
    Staged,
    /// It cannot be taken into the ledger. It stays refused until another change of the same entry is staged, or until
    /// there is room.
    Refused(Refused),
    /// In the ledger Secret, and less than 5 s ago: pods are being told.
    Written {
        /// The revision that has it.
        revision: u64,
    },
    /// Loaded by every pod that it waits for. It stays so, whatever pods come later: a pod opens its doors only with a
    /// ledger of now.
    Loaded {
        /// The revision that has it. For what a new leader found in the ledger, the revision that it found.
        revision: u64,
        /// Pods that have it.
        pods: u32,
        /// Pods that run.
        of: u32,
        /// From staging until it was loaded; `None` for what a new leader found in the ledger: a status that says
        /// already when it was loaded should be left as it is.
        seconds: Option<Duration>,
    },
    /// Written more than 5 s ago, and some pod has not answered; it is tried on.
    Waiting {
        /// The revision that has it.
        revision: u64,
        /// Pods that have it.
        pods: u32,
        /// Pods that run.
        of: u32,
        /// The names of the pods that are waited for, sorted.
        missing: Vec<String>,
    },
    /// Written, but there is no Ready pod that could have it: no new key is handed out.
    NoPods {
        /// The revision that has it.
        revision: u64,
    },
}

/// Why a change cannot be taken into the ledger.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The ledger is full. Revocations, removals and pauses still fit.
    #[error("the ledger would have {bytes} bytes, {max} are possible")]
    TooLarge {
        /// With the change.
        bytes: usize,
        /// At most.
        max: usize,
    },
    /// The token's application is not in the ledger, or it is removed.
    #[error("the token's application is not in the ledger")]
    NoApplication,
    /// The id belongs to a token of another application: whoever holds its key must not find other data behind it.
    #[error("token {0} belongs to another application")]
    OtherApplication(TokenId),
    /// The ledger knows [`KEYS_MAX`] keys of this token that are still valid.
    #[error("the token has {KEYS_MAX} valid keys: a new one must wait until one of them ends")]
    KeysFull,
    /// It is final: the token was revoked or removed.
    #[error("the token is revoked or removed, which is final")]
    Final,
    /// The entry itself cannot stand in a ledger.
    #[error("the entry is inconsistent: {0}")]
    Fault(LedgerFault),
}
