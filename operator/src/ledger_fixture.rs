//! Applications and tokens for tests.

use penstock_api::Kind;
use penstock_model::{Charset, Tags, TenantId, Timestamp};
use penstock_tenancy::{
    Allow, ApplicationLimits, KeyHash, LedgerApplication, LedgerKey, LedgerToken, OnError,
    Permission, Profile, ReadLimits, TokenId, TokenLimits, TokenState,
};

use crate::publisher::WakeKey;

pub(crate) fn tenant(number: u64) -> TenantId {
    let mut bytes = [0; 16];
    bytes[8..].copy_from_slice(&number.to_be_bytes());
    TenantId::from_bytes(bytes)
}

pub(crate) fn application(number: u64) -> LedgerApplication {
    LedgerApplication {
        namespace: "team".to_owned(),
        name: format!("app-{number}"),
        tenant: tenant(number),
        profile: Profile::default(),
        charset: Charset::default(),
        on_error: OnError::default(),
        tags: Tags::default(),
        limits: ApplicationLimits::default(),
        paused: false,
        removed: false,
        tokens: Vec::new(),
    }
}

pub(crate) fn token_id(number: u64) -> TokenId {
    format!("T{number:011}").parse().unwrap()
}

/// A key by its number, which ends at a moment or never.
pub(crate) fn key(number: u64, not_after: Option<i64>) -> LedgerKey {
    LedgerKey {
        hash: KeyHash::of(&number.to_be_bytes()),
        not_after: not_after.map(Timestamp::from_millis),
    }
}

pub(crate) fn token(number: u64) -> LedgerToken {
    LedgerToken {
        id: token_id(number),
        namespace: "team".to_owned(),
        name: format!("token-{number}"),
        permission: Permission::Write,
        state: TokenState::Active,
        keys: vec![key(number * 100, None)],
        tags: Tags::default(),
        not_before: None,
        expires_at: None,
        limits: TokenLimits::default(),
        read_limits: ReadLimits::default(),
        allow: Allow::default(),
    }
}

pub(crate) fn waker(number: u64) -> WakeKey {
    WakeKey {
        kind: Kind::WriteToken,
        namespace: "team".to_owned(),
        name: format!("token-{number}"),
    }
}
