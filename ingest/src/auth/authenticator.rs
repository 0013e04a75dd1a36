//! The table of every key that is taken, and its swap when a new ledger comes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use parking_lot::{Mutex, RwLock};
use penstock_model::{Clock, Timestamp};
use penstock_tenancy::{
    Credential, CredentialError, KeyHash, Ledger, LedgerApplication, LedgerToken, Protocol,
    Refusal, TokenId, TokenState,
};

use super::grant::{Grant, GrantVersion, Scope};
use crate::limit::Quotas;

/// Turns credentials into grants. One in a process, shared by all loops.
///
/// A check takes a read lock, one hash look-up and a comparison in constant time; the credential was hashed where it
/// was read. Loading a ledger builds the new table beside the old one and swaps it under the write lock.
#[derive(Debug)]
pub struct Authenticator {
    clock: Arc<dyn Clock>,
    quotas: Quotas,
    table: RwLock<Table>,
    /// Held while a table is built: two ledgers are never loaded at once.
    loading: Mutex<()>,
    next_version: AtomicU32,
    /// The earliest moment at which a grant of the table ends.
    next_end_ms: AtomicI64,
}

/// Why there is no grant. [`AuthError::Refused`] is 403, the others are 401.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// No credential was given.
    #[error("no credentials")]
    Missing,
    /// What was given has not the form of a credential.
    #[error("malformed credentials")]
    Malformed(#[source] CredentialError),
    /// Nobody has this id and key.
    #[error("unknown token or wrong key")]
    Unknown,
    /// The credential is known, but not taken here and now.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

/// When a key was last used, for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyUse {
    /// The token.
    pub token: TokenId,
    /// Which of its keys.
    pub fingerprint: String,
    /// Since the process started, to the minute.
    pub last_used: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Table {
    revision: Option<u64>,
    tokens: HashMap<TokenId, Entry>,
}

#[derive(Debug)]
struct Entry {
    token: LedgerToken,
    /// What stands against every key of the token, whatever the time.
    standing: Result<(), Refusal>,
    /// One for each key, in the ledger's order; none while the standing is bad.
    grants: Vec<Arc<Grant>>,
}

impl AuthError {
    /// Whether another credential could help: then the answer is 401 and asks for one.
    pub fn asks_for_credentials(&self) -> bool {
        !matches!(self, Self::Refused(_))
    }
}

impl Authenticator {
    /// One that knows nobody yet.
    pub fn new(clock: Arc<dyn Clock>, quotas: Quotas) -> Self {
        Self {
            clock,
            quotas,
            table: RwLock::default(),
            loading: Mutex::new(()),
            next_version: AtomicU32::new(1),
            next_end_ms: AtomicI64::new(i64::MAX),
        }
    }

    /// The grant of a credential that came over this protocol from this address.
    ///
    /// # Errors
    /// [`AuthError`]; see [`AuthError::asks_for_credentials`].
    pub fn check(
        &self,
        credential: &Credential,
        protocol: Protocol,
        source: IpAddr,
    ) -> Result<Arc<Grant>, AuthError> {
        self.find(credential.id(), credential.hash(), protocol, source)
    }

    /// The grant that a session goes on with when its own is superseded.
    ///
    /// # Errors
    /// [`AuthError`]: the session ends.
    pub fn renew(
        &self,
        grant: &Grant,
        protocol: Protocol,
        source: IpAddr,
    ) -> Result<Arc<Grant>, AuthError> {
        self.find(grant.token(), grant.key(), protocol, source)
    }

    fn find(
        &self,
        id: TokenId,
        hash: &KeyHash,
        protocol: Protocol,
        source: IpAddr,
    ) -> Result<Arc<Grant>, AuthError> {
        let now = self.clock.now();
        let table = self.table.read();
        let entry = table.tokens.get(&id).ok_or(AuthError::Unknown)?;
        let token = &entry.token;
        // A revoked token may have been stripped of its keys; then any key of it is a revoked one.
        if token.keys.is_empty() {
            entry.standing?;
        }
        let key = token.key(hash).ok_or(AuthError::Unknown)?;
        entry.standing?;
        token.check(key, now)?;
        token.allow.check(protocol, source)?;
        let grant = entry
            .grants
            .iter()
            .find(|grant| grant.key() == hash)
            .ok_or(AuthError::Unknown)?;
        grant.touch(now);
        Ok(Arc::clone(grant))
    }

    /// Swaps the whole table. Sessions whose right has ended are cut, those whose grant has changed are told to
    /// renew, the others notice nothing. Whether the revision may be taken is the caller's business.
    pub fn load(&self, ledger: &Ledger) {
        let _one_at_a_time = self.loading.lock();
        let tokens = {
            let old = self.table.read();
            self.build(ledger, &old.tokens)
        };
        let new = Table {
            revision: Some(ledger.revision),
            tokens,
        };
        let old = std::mem::replace(&mut *self.table.write(), new);
        self.retire(&old);
        self.quotas.retain(ledger);
        self.cut_ended(self.clock.now());
    }

    /// The revision that is loaded.
    pub fn revision(&self) -> Option<u64> {
        self.table.read().revision
    }

    /// Cuts the sessions of keys whose time is over. Cheap while none is: call it often.
    pub fn enforce_ends(&self) {
        let now = self.clock.now();
        if now.millis() >= self.next_end_ms.load(Ordering::Acquire) {
            self.cut_ended(now);
        }
    }

    fn cut_ended(&self, now: Timestamp) {
        let mut next = i64::MAX;
        let table = self.table.read();
        for grant in table.tokens.values().flat_map(|entry| &entry.grants) {
            match grant.end() {
                Some(end) if end <= now => grant.cut().cancel(),
                Some(end) => next = next.min(end.millis()),
                None => {}
            }
        }
        self.next_end_ms.store(next, Ordering::Release);
    }

    /// When each key was last used.
    pub fn uses(&self) -> Vec<KeyUse> {
        let table = self.table.read();
        let grants = table.tokens.values().flat_map(|entry| &entry.grants);
        let mut uses: Vec<KeyUse> = grants
            .map(|grant| KeyUse {
                token: grant.token(),
                fingerprint: grant.key().fingerprint(),
                last_used: grant.last_used(),
            })
            .collect();
        uses.sort_by(|a, b| (a.token, &a.fingerprint).cmp(&(b.token, &b.fingerprint)));
        uses
    }

    fn build(&self, ledger: &Ledger, old: &HashMap<TokenId, Entry>) -> HashMap<TokenId, Entry> {
        ledger
            .tokens()
            .map(|(application, token)| {
                let entry = self.build_entry(ledger, application, token, old.get(&token.id));
                (token.id, entry)
            })
            .collect()
    }

    fn build_entry(
        &self,
        ledger: &Ledger,
        application: &LedgerApplication,
        token: &LedgerToken,
        old: Option<&Entry>,
    ) -> Entry {
        let standing = standing(application, token);
        let grants = if standing.is_ok() {
            self.build_grants(ledger, application, token, old)
        } else {
            Vec::new()
        };
        Entry {
            token: token.clone(),
            standing,
            grants,
        }
    }

    fn build_grants(
        &self,
        ledger: &Ledger,
        application: &LedgerApplication,
        token: &LedgerToken,
        old: Option<&Entry>,
    ) -> Vec<Arc<Grant>> {
        let scope = Scope::of(application, token);
        let limits = self.quotas.of(application, token, ledger.replicas);
        let old_grants = old.map_or(&[][..], |entry| &entry.grants);
        let version = old_grants
            .iter()
            .find(|grant| *grant.scope() == scope)
            .map_or_else(|| self.new_version(), |grant| grant.version());
        token
            .keys
            .iter()
            .map(|key| {
                let new = Grant::new(
                    scope.clone(),
                    version,
                    (application, token, key),
                    Arc::clone(&limits),
                );
                match old_grants.iter().find(|old| *old.key() == key.hash) {
                    Some(old) if old.same_as(&new) => Arc::clone(old),
                    Some(old) => Arc::new(new.succeeding(old)),
                    None => Arc::new(new),
                }
            })
            .collect()
    }

    fn new_version(&self) -> GrantVersion {
        GrantVersion::new(self.next_version.fetch_add(1, Ordering::Relaxed))
    }

    /// Signals to the holders of grants that the table no longer has.
    fn retire(&self, old: &Table) {
        let table = self.table.read();
        for old_grant in old.tokens.values().flat_map(|entry| &entry.grants) {
            let successor = table
                .tokens
                .get(&old_grant.token())
                .and_then(|entry| entry.grants.iter().find(|new| new.key() == old_grant.key()));
            match successor {
                Some(new) if Arc::ptr_eq(new, old_grant) => {}
                Some(_) => old_grant.supersede(),
                None => {
                    old_grant.supersede();
                    old_grant.cut().cancel();
                }
            }
        }
    }
}

fn standing(application: &LedgerApplication, token: &LedgerToken) -> Result<(), Refusal> {
    match token.state {
        TokenState::Revoked => Err(Refusal::Revoked),
        TokenState::Removed => Err(Refusal::Removed),
        TokenState::Paused => Err(Refusal::Paused),
        TokenState::Active if application.removed => Err(Refusal::Removed),
        TokenState::Active if application.paused => Err(Refusal::ApplicationPaused),
        TokenState::Active => Ok(()),
    }
}

#[cfg(test)]
mod tests;
