//! The preprocess step: which id a token has, which key its Secret holds, which one it shall hold.

use std::collections::BTreeMap;

use k8s_openapi::jiff;
use penstock_api::key_source::bring_along;
use penstock_api::ownership::Ownership;
use penstock_api::rotation::Candidate;
use penstock_api::token_status::fingerprint;
use penstock_api::{KeyMaterial, Problem, Token};
use penstock_model::{TenantId, Timestamp};
use penstock_tenancy::{KeyHash, LedgerKey, TokenId};

use super::super::Context;
use super::dereference::{Found, FoundSecret, uid};

/// Which of its keys the Secret stands for, where it does not hold it.
pub(super) const FINGERPRINT: &str = "penstock.dev/key-fingerprint";
/// How many keys were handed out.
pub(super) const VERSION: &str = "penstock.dev/key-version";
/// When the key was made.
pub(super) const MADE_AT: &str = "penstock.dev/key-made-at";
/// The `spec.rotation.trigger` that the key was made for.
pub(super) const TRIGGER: &str = "penstock.dev/rotation-trigger";

/// A token's keys, as far as they are known.
#[derive(Debug)]
pub(super) struct Keys {
    pub(super) id: TokenId,
    /// The hashes in the ledger.
    pub(super) recorded: Vec<LedgerKey>,
    /// The key that the Secret shall hold, if one is known.
    pub(super) material: Option<Material>,
    /// What is noted in the Secret.
    pub(super) noted: Noted,
    /// Why the key that the user brings along cannot be used.
    pub(super) problem: Option<Problem>,
}

/// A key that the Secret shall hold.
#[derive(Debug, Clone)]
pub(super) enum Material {
    /// It was drawn.
    Drawn(KeyMaterial),
    /// It was there.
    Brought(KeyMaterial),
}

impl Material {
    pub(super) fn key(&self) -> &KeyMaterial {
        match self {
            Self::Drawn(key) | Self::Brought(key) => key,
        }
    }

    pub(super) fn candidate(&self) -> Candidate {
        match self {
            Self::Drawn(key) => Candidate::Drawn(key.hash()),
            Self::Brought(key) => Candidate::Brought(key.hash()),
        }
    }
}

/// What is noted in a Secret beside the key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Noted {
    pub(super) version: i64,
    pub(super) made_at: Option<Timestamp>,
    pub(super) trigger: Option<String>,
}

impl Noted {
    pub(super) fn of(secret: &FoundSecret) -> Self {
        let nothing = BTreeMap::new();
        let annotations = secret
            .secret
            .metadata
            .annotations
            .as_ref()
            .unwrap_or(&nothing);
        let made_at = annotations
            .get(MADE_AT)
            .and_then(|text| text.parse::<jiff::Timestamp>().ok());
        let created = secret
            .secret
            .metadata
            .creation_timestamp
            .as_ref()
            .map(|time| time.0);
        Self {
            version: annotations
                .get(VERSION)
                .and_then(|text| text.parse().ok())
                .unwrap_or_default(),
            made_at: made_at
                .or(created)
                .map(|time| Timestamp::from_millis(time.as_millisecond())),
            trigger: annotations.get(TRIGGER).cloned(),
        }
    }
}

/// Finds out.
pub(super) fn preprocess(token: &Token, found: &Found, context: &Context) -> Keys {
    let entry = own_entry(found);
    let usable = found.secret.as_ref().filter(|secret| secret.is_usable());
    let told = token
        .status()
        .and_then(|status| status.id.as_ref()?.parse().ok());
    let in_secret = usable.and_then(|secret| secret.credential.id);
    let may_have = |id: &TokenId| {
        !context.is_doomed(*id) && context.publisher.committed().token(*id).is_none()
    };
    let id = entry
        .map(|entry| entry.id)
        .or_else(|| told.filter(may_have))
        .or_else(|| in_secret.filter(may_have))
        .unwrap_or_else(|| {
            let (now, draw) = (context.monotonic(), || context.draw_id());
            context.drafts.id(uid(token), |id| may_have(&id), draw, now)
        });
    let (brought, problem) = match bring_along(token, &found.source) {
        Ok(brought) => (brought.map(Material::Brought), None),
        Err(problem) => (None, Some(problem)),
    };
    let is_drawn = token.spec().key.generate.is_some();
    let material = if is_drawn {
        let drawn = context.drafts.key(uid(token), id);
        let drawn = drawn.map(|key| Material::Drawn(KeyMaterial::Key(key)));
        drawn.or_else(|| kept(usable, entry.is_none(), id))
    } else {
        brought
    };
    let mut noted = usable.map(Noted::of).unwrap_or_default();
    let versions = token
        .status()
        .into_iter()
        .flat_map(|status| &status.keys)
        .map(|key| key.version);
    noted.version = versions.chain([noted.version]).max().unwrap_or_default();
    Keys {
        id,
        recorded: entry.map(|entry| entry.keys.clone()).unwrap_or_default(),
        material,
        noted,
        problem,
    }
}

/// Its entry, if that belongs to the application that it names now: made again, an application is another one.
fn own_entry(found: &Found) -> Option<&penstock_tenancy::LedgerToken> {
    let (of, entry) = found.recorded.as_ref()?;
    let tenant: Option<TenantId> = found
        .application
        .as_ref()
        .and_then(|application| application.tenant.as_ref().ok().copied());
    tenant.is_none_or(|tenant| tenant == *of).then_some(entry)
}

/// The key of a Secret that is taken over, or that is all there is left of a token: nothing is drawn then.
fn kept(usable: Option<&FoundSecret>, is_unknown: bool, id: TokenId) -> Option<Material> {
    let secret = usable.filter(|secret| is_unknown || secret.ownership == Ownership::Adoptable)?;
    let is_its_own = secret.credential.id == Some(id);
    let key = secret.credential.key.clone().filter(|_| is_its_own)?;
    Some(Material::Brought(KeyMaterial::Key(key)))
}

/// The key that a Secret of the token's holds, or stands for.
pub(super) fn held(
    token: &Token,
    secret: Option<&FoundSecret>,
    recorded: &[LedgerKey],
) -> Option<KeyHash> {
    let secret = secret.filter(|secret| secret.ownership == Ownership::Ours)?;
    if token.spec().key.hash_ref.is_none() {
        return secret
            .credential
            .key
            .as_ref()
            .map(penstock_tenancy::Key::hash);
    }
    let noted = secret
        .secret
        .metadata
        .annotations
        .as_ref()?
        .get(FINGERPRINT)?;
    let mut recorded = recorded.iter().map(|key| key.hash);
    recorded.find(|hash| fingerprint(*hash) == *noted)
}
