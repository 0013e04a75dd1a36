//! What a credential allows.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use penstock_model::{Charset, Tags, TenantId, Timestamp};
use penstock_tenancy::{
    Allow, ApplicationLimits, KeyHash, LedgerApplication, LedgerKey, LedgerToken, OnError,
    Permission, Profile, ReadLimits, Refusal, TokenId,
};
use tokio_util::sync::CancellationToken;

use crate::limit::GrantLimits;

/// Names one state of a token's rights and identity, unique in the process.
///
/// Two grants with equal versions turn the same raw metric and tags into the same series under the same rules, so it
/// can be part of a cache's key. It changes whenever tenant, permission, tags, profile, character set or allow-lists
/// change, and with nothing else: keys of one token share it, and a rotated key or another rate keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GrantVersion(u32);

/// The rights of one key of one token, as one ledger has them.
///
/// Immutable but for its two signals. A session keeps it as long as [`Grant::is_superseded`] says no; then it asks
/// [`Authenticator::renew`](super::Authenticator::renew) before it takes the next point.
#[derive(Debug)]
pub struct Grant {
    scope: Scope,
    version: GrantVersion,
    key: KeyHash,
    end: Option<Timestamp>,
    application_limits: ApplicationLimits,
    read_limits: ReadLimits,
    limits: Arc<GrantLimits>,
    superseded: AtomicBool,
    cut: CancellationToken,
    last_used_ms: AtomicI64,
}

/// What makes a grant's version: all that decides which series a point belongs to and whether it may be written.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scope {
    token: TokenId,
    tenant: TenantId,
    permission: Permission,
    forced_tags: Tags,
    own_tags: Tags,
    profile: Profile,
    charset: Charset,
    on_error: OnError,
    allow: Allow,
}

impl GrantVersion {
    pub(super) const fn new(version: u32) -> Self {
        Self(version)
    }

    /// The number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl Scope {
    pub(super) fn of(application: &LedgerApplication, token: &LedgerToken) -> Self {
        Self {
            token: token.id,
            tenant: application.tenant,
            permission: token.permission,
            forced_tags: application.tags.clone().overlaid_by(&token.tags),
            own_tags: token.tags.clone(),
            profile: application.profile,
            charset: application.charset,
            on_error: application.on_error,
            allow: token.allow.clone(),
        }
    }
}

impl Grant {
    pub(super) fn new(
        scope: Scope,
        version: GrantVersion,
        (application, token, key): (&LedgerApplication, &LedgerToken, &LedgerKey),
        limits: Arc<GrantLimits>,
    ) -> Self {
        Self {
            scope,
            version,
            key: key.hash,
            end: token.end(key),
            application_limits: application.limits,
            read_limits: token.read_limits,
            limits,
            superseded: AtomicBool::new(false),
            cut: CancellationToken::new(),
            last_used_ms: AtomicI64::new(i64::MIN),
        }
    }

    /// See [`GrantVersion`].
    pub fn version(&self) -> GrantVersion {
        self.version
    }

    /// The token.
    pub fn token(&self) -> TokenId {
        self.scope.token
    }

    /// Whose data it reads or writes.
    pub fn tenant(&self) -> TenantId {
        self.scope.tenant
    }

    /// The one right it has.
    pub fn permission(&self) -> Permission {
        self.scope.permission
    }

    /// Tags laid over every point's own: the application's, the token's over them.
    pub fn forced_tags(&self) -> &Tags {
        &self.scope.forced_tags
    }

    /// The token's tags alone: what it reads and deletes must have them. The application's are no filter, since
    /// series that are older than them do not have them.
    pub fn own_tags(&self) -> &Tags {
        &self.scope.own_tags
    }

    /// How strictly the protocols are read.
    pub fn profile(&self) -> Profile {
        self.scope.profile
    }

    /// The characters that names may have.
    pub fn charset(&self) -> Charset {
        self.scope.charset
    }

    /// What telnet does after a bad line.
    pub fn on_error(&self) -> OnError {
        self.scope.on_error
    }

    /// Where and for what the token may be used. Protocol and source have been checked already.
    pub fn allow(&self) -> &Allow {
        &self.scope.allow
    }

    /// The limits of one request: body, points, age of points.
    pub fn application_limits(&self) -> &ApplicationLimits {
        &self.application_limits
    }

    /// What one request may read.
    pub fn read_limits(&self) -> &ReadLimits {
        &self.read_limits
    }

    /// Rates and counts that all connections of the token and of its application share.
    pub fn limits(&self) -> &Arc<GrantLimits> {
        &self.limits
    }

    /// Cancelled when the key is revoked, paused, removed or expired: close the session.
    pub fn cut(&self) -> &CancellationToken {
        &self.cut
    }

    /// A newer ledger has changed something: renew before the next point.
    pub fn is_superseded(&self) -> bool {
        self.superseded.load(Ordering::Acquire)
    }

    /// Checks that the grant may store points.
    ///
    /// # Errors
    /// [`Refusal::Permission`].
    pub fn require(&self, permission: Permission) -> Result<(), Refusal> {
        if self.scope.permission == permission {
            Ok(())
        } else {
            Err(Refusal::Permission(permission))
        }
    }

    /// Checks that the grant may delete: a write token that was allowed to.
    ///
    /// # Errors
    /// [`Refusal::Permission`], [`Refusal::Delete`].
    pub fn require_delete(&self) -> Result<(), Refusal> {
        self.require(Permission::Write)?;
        if self.scope.allow.delete {
            Ok(())
        } else {
            Err(Refusal::Delete)
        }
    }

    /// Notes that the key was used. Kept to the minute, so that the line of memory is rarely written.
    pub fn touch(&self, now: Timestamp) {
        const MINUTE_MS: i64 = 60_000;
        let last = self.last_used_ms.load(Ordering::Relaxed);
        if now.millis().saturating_sub(last) >= MINUTE_MS {
            self.last_used_ms.store(now.millis(), Ordering::Relaxed);
        }
    }

    /// When the key was last used since the process started, to the minute.
    pub fn last_used(&self) -> Option<Timestamp> {
        let last = self.last_used_ms.load(Ordering::Relaxed);
        (last != i64::MIN).then(|| Timestamp::from_millis(last))
    }

    /// The key that was presented, as the ledger knows it.
    pub(super) fn key(&self) -> &KeyHash {
        &self.key
    }

    /// From this moment on the key is refused.
    pub(super) fn end(&self) -> Option<Timestamp> {
        self.end
    }

    pub(super) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Whether a session may go on with this grant under `other`'s ledger without noticing.
    pub(super) fn same_as(&self, other: &Self) -> bool {
        self.version == other.version
            && self.end == other.end
            && self.application_limits == other.application_limits
            && self.read_limits == other.read_limits
            && Arc::ptr_eq(&self.limits, &other.limits)
    }

    pub(super) fn supersede(&self) {
        self.superseded.store(true, Ordering::Release);
    }

    /// Takes the place of an older grant of the same key: its sessions stay reachable by the same cut.
    pub(super) fn succeeding(mut self, older: &Self) -> Self {
        self.last_used_ms = AtomicI64::new(older.last_used_ms.load(Ordering::Relaxed));
        // Once cut, for ever cut: a key whose end was moved into the future starts afresh.
        if !older.cut.is_cancelled() {
            self.cut = older.cut.clone();
        }
        self
    }
}
