//! Ledgers for tests: one application, as many tokens as a story needs.

use penstock_model::{Charset, Tags, TenantId};
use penstock_tenancy::{
    Allow, ApplicationLimits, Credential, KeyHash, Ledger, LedgerApplication, LedgerKey,
    LedgerToken, OnError, Permission, Profile, ReadLimits, SigningKey, TokenLimits, TokenState,
};

/// The id of the token that [`ledger`] has.
pub(crate) const ID: &str = "AbCdEfGhIjKl";
/// Its key.
pub(crate) const KEY: &str = "0123456789abcdefghijABCDEFGHIJ0123456789";

/// A ledger with one application and one write token.
pub(crate) fn ledger(revision: u64) -> Ledger {
    Ledger {
        revision,
        replicas: 1,
        volumes: Vec::new(),
        applications: vec![LedgerApplication {
            namespace: "iot".to_owned(),
            name: "demo".to_owned(),
            tenant: TenantId::from_bytes([7; 16]),
            profile: Profile::default(),
            charset: Charset::default(),
            on_error: OnError::default(),
            tags: tags(&[("site", "paris")]),
            limits: ApplicationLimits::default(),
            paused: false,
            removed: false,
            tokens: vec![token(ID, KEY, Permission::Write)],
        }],
    }
}

/// An active token with one key.
pub(crate) fn token(id: &str, key: &str, permission: Permission) -> LedgerToken {
    LedgerToken {
        id: id.parse().unwrap(),
        namespace: "iot".to_owned(),
        name: id.to_lowercase(),
        permission,
        state: TokenState::Active,
        keys: vec![ledger_key(key)],
        tags: Tags::default(),
        not_before: None,
        expires_at: None,
        limits: TokenLimits::default(),
        read_limits: ReadLimits::default(),
        allow: Allow::default(),
    }
}

pub(crate) fn ledger_key(key: &str) -> LedgerKey {
    LedgerKey {
        hash: KeyHash::of(key.as_bytes()),
        not_after: None,
    }
}

pub(crate) fn tags(pairs: &[(&str, &str)]) -> Tags {
    Tags::from_pairs(pairs.iter().copied()).unwrap()
}

pub(crate) fn credential(id: &str, key: &str) -> Credential {
    Credential::from_parts(id.as_bytes(), key.as_bytes()).unwrap()
}

/// One of as many signing keys as a story needs.
pub(crate) fn signing_key(number: u8) -> SigningKey {
    SigningKey::from_seed([number; 32]).unwrap()
}
