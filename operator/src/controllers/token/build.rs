//! The build step: a token's ledger entry, what comes next for its keys, and its Secret. Pure.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use penstock_api::entry::{Credentials, token_entry};
use penstock_api::ownership::secret_metadata;
use penstock_api::rotation::{Plan, Situation, Step, plan};
use penstock_api::token_secret::ENTRIES;
use penstock_api::token_status::{fingerprint, time};
use penstock_api::{Endpoints, KeyMaterial, Problem, Token, token_secret};
use penstock_model::Timestamp;
use penstock_tenancy::{KeyHash, LedgerToken, TokenState};

use super::dereference::{Found, FoundSecret};
use super::preprocess::{FINGERPRINT, Keys, MADE_AT, Noted, TRIGGER, VERSION, held};
use super::validate::{Accepted, Verdict};
use crate::publisher::Change;

/// How long a request of a former leader may still arrive.
pub(super) const SETTLED_AFTER: Duration = Duration::from_mins(2);

/// What is to be brought about.
#[derive(Debug)]
pub(super) struct Prepared {
    /// The entry to stage, if the ledger has to know anything.
    pub(super) change: Option<Change>,
    /// The keys in it, and what comes next.
    pub(super) plan: Plan,
    /// The key that the Secret holds.
    pub(super) held: Option<KeyHash>,
}

/// Prepares what follows from the Secret as it is now.
///
/// # Errors
/// The entry itself cannot stand in a ledger: the field that must be mended.
pub(super) fn build(
    token: &Token,
    found: &Found,
    keys: &Keys,
    secret: Option<&FoundSecret>,
    is_announced: bool,
    verdict: &Verdict,
) -> Result<Prepared, Problem> {
    let held = held(token, secret, &keys.recorded);
    let at_rest = Plan {
        keys: keys.recorded.clone(),
        step: Step::Settled,
    };
    let (change, plan) = match verdict {
        Verdict::Revoked => (refused(found, TokenState::Revoked), at_rest),
        Verdict::Refused(_) => (refused(found, TokenState::Paused), at_rest),
        Verdict::Accepted(accepted) => {
            let plan = match (&accepted.source_problem, is_over(accepted, found.now)) {
                (None, false) => plan(situation(token, found, keys, secret, is_announced, held)),
                _ => at_rest,
            };
            let change = entry(token, keys, accepted, &plan)?;
            (change, plan)
        }
    };
    Ok(Prepared { change, plan, held })
}

fn situation<'a>(
    token: &Token,
    found: &Found,
    keys: &'a Keys,
    secret: Option<&FoundSecret>,
    is_announced: bool,
    held: Option<KeyHash>,
) -> Situation<'a> {
    Situation {
        recorded: &keys.recorded,
        held,
        is_announced,
        has_secret: secret.is_some_and(FoundSecret::is_usable),
        candidate: keys
            .material
            .as_ref()
            .map(super::preprocess::Material::candidate),
        due: is_due(token, &keys.noted, found.now),
        overlap: token.spec().rotation.overlap,
        settled: found.leading_for >= SETTLED_AFTER,
        now: found.now,
    }
}

/// Whether the time has come for a new key.
fn is_due(token: &Token, noted: &Noted, now: Timestamp) -> bool {
    let rotation = &token.spec().rotation;
    let is_triggered = rotation.trigger.is_some() && rotation.trigger != noted.trigger;
    is_triggered || next_rotation(token, noted).is_some_and(|next| next <= now)
}

/// When the key is replaced by schedule.
pub(super) fn next_rotation(token: &Token, noted: &Noted) -> Option<Timestamp> {
    let every = token.spec().rotation.every?;
    let next = noted.made_at?.millis().saturating_add(every.millis());
    Some(Timestamp::from_millis(next))
}

fn is_over(accepted: &Accepted, now: Timestamp) -> bool {
    accepted.expires_at.is_some_and(|end| end <= now)
}

/// What the ledger has, in another state. What it does not have need not be refused.
fn refused(found: &Found, state: TokenState) -> Option<Change> {
    let (tenant, entry) = found.recorded.clone()?;
    let token = LedgerToken { state, ..entry };
    Some(Change::Token { tenant, token })
}

fn entry(
    token: &Token,
    keys: &Keys,
    accepted: &Accepted,
    plan: &Plan,
) -> Result<Option<Change>, Problem> {
    let credentials = Credentials {
        id: keys.id,
        keys: plan.keys.clone(),
        expires_at: accepted.expires_at,
    };
    let entry = token_entry(token, accepted.charset, credentials)?;
    let tenant = accepted.tenant;
    Ok((!entry.keys.is_empty()).then_some(Change::Token {
        tenant,
        token: entry,
    }))
}

/// The Secret with a key in it, made upon the one that is there.
pub(super) fn secret(
    token: &Token,
    keys: &Keys,
    key: &KeyMaterial,
    noted: &Noted,
    endpoints: &Endpoints,
    before: Option<&FoundSecret>,
) -> Secret {
    let before = before.map(|found| &found.secret);
    let mut metadata = secret_metadata(token, before.map(|secret| &secret.metadata));
    let annotations = metadata.annotations.get_or_insert_default();
    for name in [FINGERPRINT, VERSION, MADE_AT, TRIGGER] {
        annotations.remove(name);
    }
    annotations.insert(FINGERPRINT.to_owned(), fingerprint(key.hash()));
    annotations.insert(VERSION.to_owned(), noted.version.to_string());
    let made_at = noted
        .made_at
        .map(|made_at| (MADE_AT.to_owned(), time(made_at).0.to_string()));
    annotations.extend(made_at);
    let trigger = noted
        .trigger
        .clone()
        .map(|trigger| (TRIGGER.to_owned(), trigger));
    annotations.extend(trigger);
    let kept = before
        .and_then(|secret| secret.data.clone())
        .unwrap_or_default();
    let mut data: BTreeMap<String, ByteString> = kept;
    data.retain(|name, _| !ENTRIES.contains(&name.as_str()));
    let entries = token_secret(keys.id, token.permission(), key, endpoints);
    data.extend(
        entries
            .into_iter()
            .map(|(name, text)| (name.to_owned(), ByteString(text.into_bytes()))),
    );
    Secret {
        metadata,
        data: Some(data),
        type_: before.and_then(|secret| secret.type_.clone()),
        immutable: None,
        string_data: None,
    }
}
