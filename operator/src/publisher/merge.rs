//! The next ledger from the last one and what is staged. Pure: the moment and what pods report are arguments.
//!
//! The last ledger has the last word where it must:
//!
//! - `revoked` and `removed` are final, whatever a cache says.
//! - A hash that was in it leaves by its `notAfter`, or with its token, and else stays.
//! - An id belongs to one application for ever.
//! - A removed token keeps its id, so that it cannot come back, for [`REMEMBER_REMOVED`]; what else it had is dropped.
//!
//! If nothing differs there is no next ledger: what has only expired does not count, it is swept out with the next change.

use std::sync::Arc;
use std::time::Duration;

use penstock_model::{Tags, TenantId, Timestamp};
use penstock_tenancy::token::KEYS_MAX;
use penstock_tenancy::{
    Allow, Ledger, LedgerApplication, LedgerFault, LedgerKey, LedgerToken, LedgerVolume,
    ReadLimits, TokenId, TokenLimits, TokenState,
};

use super::change::Change;
use super::committed::Committed;
use super::refused::Refused;

/// How long the id of a removed token is remembered: far longer than any cache, watch or backup of today lags behind.
pub(crate) const REMEMBER_REMOVED: Duration = Duration::from_hours(30 * 24);

/// What the ledger says beside applications: how many pods share a limit, and where data lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Pods that share each limit, at least 1: the `replicas` of the `StatefulSet`.
    pub replicas: u32,
    /// Every data volume that exists.
    pub volumes: Vec<LedgerVolume>,
}

/// What decides about the next revision, beside the changes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// The present.
    pub(crate) now: Timestamp,
    /// The highest revision that any pod reports.
    pub(crate) reported: Option<u64>,
    /// Whether there must be a new revision even if nothing differs: a pod has a higher one, or other bytes.
    pub(crate) must_differ: bool,
}

/// What one change would do to a ledger.
#[derive(Debug, PartialEq, Eq)]
enum Effect {
    Nothing,
    /// The application without its tokens.
    Application(LedgerApplication),
    /// Its tokens are removed, it is paused.
    Close(TenantId),
    Token(TenantId, LedgerToken),
}

/// Whether the ledger says already what the change wants.
///
/// # Errors
/// Why it can never say so.
pub(crate) fn is_in(ledger: &Committed, change: &Change, now: Timestamp) -> Result<bool, Refused> {
    effect(ledger, change, now).map(|effect| effect == Effect::Nothing)
}

/// The next ledger, canonical and consistent; `None` if it would be the last one again. A change that cannot be taken is
/// left out and named by its place; the others are not held up.
pub(crate) fn merge(
    previous: &Committed,
    changes: &[&Change],
    service: Option<&Service>,
    moment: Moment,
) -> (Option<Ledger>, Vec<(usize, Refused)>) {
    let mut draft = previous.clone();
    let is_other_service = service.is_some_and(|service| draft.serve(service));
    let mut differs = is_other_service || moment.must_differ;
    let mut refused = Vec::new();
    // Applications before their tokens; whoever closes one has the last word.
    for phase in [is_application, is_token, closes_application] {
        for (place, change) in changes
            .iter()
            .enumerate()
            .filter(|(_, change)| phase(change))
        {
            match effect(&draft, change, moment.now) {
                Ok(Effect::Nothing) => {}
                Ok(effect) => {
                    draft.put(effect, moment.now);
                    differs = true;
                }
                Err(reason) => refused.push((place, reason)),
            }
        }
    }
    let next = differs.then(|| {
        let before = (previous.revision() > 0).then(|| previous.revision());
        let mut ledger = Arc::unwrap_or_clone(draft.into_ledger());
        sweep(&mut ledger, moment.now);
        ledger.canonicalize();
        ledger.revision = Ledger::next_revision(before, moment.reported, moment.now);
        ledger
    });
    (next, refused)
}

fn is_application(change: &Change) -> bool {
    matches!(change, Change::Application(_))
}

fn is_token(change: &Change) -> bool {
    matches!(change, Change::Token { .. } | Change::RemoveToken(_))
}

fn closes_application(change: &Change) -> bool {
    matches!(change, Change::RemoveApplication(_))
}

fn effect(ledger: &Committed, change: &Change, now: Timestamp) -> Result<Effect, Refused> {
    match change {
        Change::Application(wanted) => application(ledger.application(wanted.tenant), wanted),
        Change::RemoveApplication(tenant) => Ok(close(ledger.application(*tenant))),
        Change::Token { tenant, token } => upsert(ledger, *tenant, token, now),
        Change::RemoveToken(id) => Ok(remove(ledger, *id, now)),
    }
}

fn application(
    before: Option<&LedgerApplication>,
    wanted: &LedgerApplication,
) -> Result<Effect, Refused> {
    let wanted = LedgerApplication {
        tokens: Vec::new(),
        ..wanted.clone()
    };
    wanted.check().map_err(Refused::Fault)?;
    let Some(before) = before else {
        return Ok(Effect::Application(wanted));
    };
    if before.removed && !wanted.removed {
        return Err(Refused::Final);
    }
    Ok(if same_but_tokens(before, &wanted) {
        Effect::Nothing
    } else {
        Effect::Application(wanted)
    })
}

/// Without a copy of thousands of tokens. Whoever adds a field must decide here.
fn same_but_tokens(before: &LedgerApplication, wanted: &LedgerApplication) -> bool {
    let LedgerApplication {
        namespace,
        name,
        tenant,
        profile,
        charset,
        on_error,
        tags,
        limits,
        paused,
        removed,
        tokens: _,
    } = wanted;
    (namespace, name, tenant) == (&before.namespace, &before.name, &before.tenant)
        && (profile, charset, on_error) == (&before.profile, &before.charset, &before.on_error)
        && (tags, limits) == (&before.tags, &before.limits)
        && (paused, removed) == (&before.paused, &before.removed)
}

fn close(before: Option<&LedgerApplication>) -> Effect {
    match before {
        None => Effect::Nothing,
        Some(before) if before.paused && before.tokens.iter().all(is_removed) => Effect::Nothing,
        Some(before) => Effect::Close(before.tenant),
    }
}

fn upsert(
    ledger: &Committed,
    tenant: TenantId,
    wanted: &LedgerToken,
    now: Timestamp,
) -> Result<Effect, Refused> {
    let before = match ledger.token(wanted.id) {
        Some((application, _)) if application.tenant != tenant => {
            return Err(Refused::OtherApplication(wanted.id));
        }
        found => found.map(|(_, token)| token),
    };
    match (before.map(|token| token.state), wanted.state) {
        (Some(TokenState::Removed), _) => return Err(Refused::Final),
        (Some(TokenState::Revoked), TokenState::Active | TokenState::Paused) => {
            return Err(Refused::Final);
        }
        _ => {}
    }
    if ledger
        .application(tenant)
        .is_none_or(|application| application.removed)
    {
        return Err(Refused::NoApplication);
    }
    let known = before.map_or(&[][..], |token| &token.keys);
    let token = LedgerToken {
        keys: keys(known, &wanted.keys, wanted.state, now)?,
        ..wanted.clone()
    };
    token.check_shape().map_err(Refused::Fault)?;
    let same = before.is_some_and(|before| {
        let alive = before.keys.iter().filter(|key| is_alive(key, now));
        token.keys.iter().eq(alive)
            && token
                == (LedgerToken {
                    keys: token.keys.clone(),
                    ..before.clone()
                })
    });
    Ok(if same {
        Effect::Nothing
    } else {
        Effect::Token(tenant, token)
    })
}

/// The keys that the ledger knows and that have not ended, each as it is wanted now or else as it was, and then the new
/// ones.
fn keys(
    known: &[LedgerKey],
    wanted: &[LedgerKey],
    state: TokenState,
    now: Timestamp,
) -> Result<Vec<LedgerKey>, Refused> {
    let find = |keys: &'_ [LedgerKey], key: &LedgerKey| {
        keys.iter().find(|other| other.hash == key.hash).cloned()
    };
    let kept = known
        .iter()
        .filter(|key| is_alive(key, now))
        .map(|key| find(wanted, key).unwrap_or_else(|| key.clone()));
    let mut keys: Vec<LedgerKey> = kept.filter(|key| is_alive(key, now)).collect();
    for key in wanted.iter().filter(|key| is_alive(key, now)) {
        if find(&keys, key).is_none() {
            keys.push(key.clone());
        }
    }
    if keys.len() <= KEYS_MAX {
        return Ok(keys);
    }
    // What takes something away is never held up by keys that nobody will use.
    if state == TokenState::Active {
        return Err(Refused::KeysFull);
    }
    keys.truncate(KEYS_MAX);
    Ok(keys)
}

fn remove(ledger: &Committed, id: TokenId, now: Timestamp) -> Effect {
    match ledger.token(id) {
        Some((application, token)) if !is_removed(token) => {
            Effect::Token(application.tenant, tombstone(token, now))
        }
        _ => Effect::Nothing,
    }
}

/// What is remembered of a removed token. Its end is the moment of its removal.
fn tombstone(token: &LedgerToken, now: Timestamp) -> LedgerToken {
    LedgerToken {
        id: token.id,
        namespace: token.namespace.clone(),
        name: token.name.clone(),
        permission: token.permission,
        state: TokenState::Removed,
        keys: Vec::new(),
        tags: Tags::default(),
        not_before: None,
        expires_at: Some(now),
        limits: TokenLimits::default(),
        read_limits: ReadLimits::default(),
        allow: Allow::default(),
    }
}

/// Drops keys that have ended and ids that need not be remembered any longer.
fn sweep(ledger: &mut Ledger, now: Timestamp) {
    let remembered = i64::try_from(REMEMBER_REMOVED.as_millis()).unwrap_or(i64::MAX);
    let since = now.saturating_add_millis(-remembered);
    for application in &mut ledger.applications {
        let is_forgotten = |token: &LedgerToken| {
            is_removed(token) && token.expires_at.is_some_and(|end| end < since)
        };
        application.tokens.retain(|token| !is_forgotten(token));
        for token in &mut application.tokens {
            // One key must stay: a token that has none could not stand in a ledger.
            let last = token.keys.last().cloned();
            token.keys.retain(|key| is_alive(key, now));
            if token.keys.is_empty() {
                token.keys.extend(last);
            }
        }
    }
}

fn is_removed(token: &LedgerToken) -> bool {
    token.state == TokenState::Removed
}

fn is_alive(key: &LedgerKey, now: Timestamp) -> bool {
    key.not_after.is_none_or(|end| end > now)
}

impl Committed {
    /// Says whether anything differed.
    fn serve(&mut self, service: &Service) -> bool {
        let mut volumes = service.volumes.clone();
        volumes.sort_by(|a, b| a.name.cmp(&b.name));
        let replicas = service.replicas.max(1);
        let ledger = self.ledger();
        let differs = (ledger.replicas, &ledger.volumes) != (replicas, &volumes);
        if differs {
            let ledger = self.ledger_mut();
            ledger.replicas = replicas;
            ledger.volumes = volumes;
        }
        differs
    }

    /// Entries are put at the end: the places of others stay true until the ledger is put in order.
    fn put(&mut self, effect: Effect, now: Timestamp) {
        match effect {
            Effect::Nothing => {}
            Effect::Application(wanted) => match self.application_mut(wanted.tenant) {
                Some(application) => {
                    let tokens = std::mem::take(&mut application.tokens);
                    *application = LedgerApplication { tokens, ..wanted };
                }
                None => self.push_application(wanted),
            },
            Effect::Close(tenant) => {
                if let Some(application) = self.application_mut(tenant) {
                    application.paused = true;
                    for token in application
                        .tokens
                        .iter_mut()
                        .filter(|token| !is_removed(token))
                    {
                        *token = tombstone(token, now);
                    }
                }
            }
            Effect::Token(tenant, token) => match self.token_mut(token.id) {
                Some(before) => *before = token,
                None => self.push_token(tenant, token),
            },
        }
    }
}

/// The faults that a service could bring into a ledger, which would keep every other change out of it.
pub(crate) fn check_service(service: &Service) -> Result<(), LedgerFault> {
    let mut ledger = Ledger {
        replicas: service.replicas.max(1),
        volumes: service.volumes.clone(),
        ..Ledger::default()
    };
    ledger.canonicalize();
    ledger.check()
}

#[cfg(test)]
mod tests;
