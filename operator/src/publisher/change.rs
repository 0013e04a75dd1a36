//! What may be changed in a ledger, one entry at a time.

use penstock_api::ObjectName;
use penstock_model::TenantId;
use penstock_tenancy::{LedgerApplication, LedgerToken, TokenId, TokenState};

/// The object that is reconciled again when its change has come further.
pub type WakeKey = ObjectName;

/// One entry of the ledger as it should be. To stage the same again changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// An application's own fields. Its tokens are changed one by one: `tokens` is not looked at.
    Application(LedgerApplication),
    /// Its resource is gone: its tokens are removed, it is paused, its data stays.
    RemoveApplication(TenantId),
    /// A token, known by its id. A hash that the ledger has and this has not is kept until its `notAfter`.
    Token {
        /// Its application; it never changes.
        tenant: TenantId,
        /// All its fields.
        token: LedgerToken,
    },
    /// Its resource is gone.
    RemoveToken(TokenId),
}

/// What tells an entry of the ledger from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum EntryKey {
    /// An application without its tokens.
    Application(TenantId),
    /// A token.
    Token(TokenId),
}

impl Change {
    pub(crate) fn entry(&self) -> EntryKey {
        match self {
            Self::Application(application) => EntryKey::Application(application.tenant),
            Self::RemoveApplication(tenant) => EntryKey::Application(*tenant),
            Self::Token { token, .. } => EntryKey::Token(token.id),
            Self::RemoveToken(id) => EntryKey::Token(*id),
        }
    }

    /// Whether it takes something away: then it counts as propagated only when every running pod has it, and its
    /// revision is written at once.
    pub(crate) fn restricts(&self) -> bool {
        match self {
            Self::Application(application) => application.paused || application.removed,
            Self::Token { token, .. } => token.state != TokenState::Active,
            Self::RemoveApplication(_) | Self::RemoveToken(_) => true,
        }
    }

    pub(crate) fn removes(&self) -> bool {
        matches!(self, Self::RemoveApplication(_) | Self::RemoveToken(_))
    }
}
