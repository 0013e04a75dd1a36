//! The dereference step: everything that a token's fate depends on, read once.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use kube::{Api, ResourceExt as _};
use penstock_api::ownership::Ownership;
use penstock_api::tenant::tenant_of;
use penstock_api::{Credential, MetricsApplication, Problem, SecretData, State, Token};
use penstock_model::{TenantId, Timestamp};
use penstock_tenancy::{LedgerToken, TokenState};

use super::super::{Context, Failed};

/// What there is.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) now: Timestamp,
    /// The application that the token names.
    pub(super) application: Option<Application>,
    pub(super) namespace_labels: BTreeMap<String, String>,
    /// Whether other tokens fill the application.
    pub(super) is_over_quota: bool,
    /// Its entry in the ledger, with the tenant that it belongs to.
    pub(super) recorded: Option<(TenantId, LedgerToken)>,
    /// The Secret under the name that it asks for.
    pub(super) secret: Option<FoundSecret>,
    /// The Secret that the user's own key or hash is in.
    pub(super) source: Vec<SecretData>,
    /// Whether its changes are seen at once.
    pub(super) is_source_watched: bool,
    /// How long this process has held the lease.
    pub(super) leading_for: Duration,
}

/// The application that a token names.
#[derive(Debug)]
pub(super) struct Application {
    pub(super) resource: MetricsApplication,
    /// Its tenant, or why it has none.
    pub(super) tenant: Result<TenantId, Problem>,
}

/// A Secret under the name that a token asks for.
#[derive(Clone, Debug)]
pub(super) struct FoundSecret {
    pub(super) ownership: Ownership,
    pub(super) credential: Credential,
    pub(super) secret: Secret,
}

impl FoundSecret {
    pub(super) fn new(secret: Secret, token: &Token) -> Self {
        let data = secret.data.as_ref();
        let entry = |name: &str| {
            data.and_then(|data| data.get(name))
                .map(|bytes| bytes.0.as_slice())
        };
        Self {
            ownership: Ownership::of(&secret.metadata, uid(token)),
            credential: Credential::read(entry),
            secret,
        }
    }

    /// Ours, or to be taken over.
    pub(super) fn is_usable(&self) -> bool {
        self.ownership != Ownership::Foreign
    }
}

/// What tells a token from every other that had or will have its name.
pub(super) fn uid(token: &Token) -> &str {
    token.metadata().uid.as_deref().unwrap_or_default()
}

/// Reads it.
pub(super) async fn dereference(token: &Token, context: &Context) -> Result<Found, Failed> {
    let namespace = token.token_name().namespace;
    let (of_namespace, of_name) = token.application();
    let committed = context.publisher.committed();
    let application = context
        .caches
        .application(&of_namespace, of_name)
        .map(|resource| Application {
            tenant: tenant_of(&resource, |tenant| committed.application(tenant)),
            resource,
        });
    let api: Api<Secret> = Api::namespaced(context.client.clone(), &namespace);
    let get = async |name: &str| {
        api.get_opt(name)
            .await
            .map_err(Failed::api("read a Secret"))
    };
    let secret = if context
        .drafts
        .has_no_secret(uid(token), context.monotonic())
    {
        None
    } else {
        get(&token.secret_name()).await?
    };
    let reference = token.spec().key.reference();
    let source = match reference {
        Some(reference) => get(&reference.name).await?,
        None => None,
    };
    let is_source_watched = reference
        .is_some_and(|reference| context.caches.watches_secret(&namespace, &reference.name));
    let is_over_quota = application
        .as_ref()
        .is_some_and(|application| is_over_quota(token, &application.resource, context));
    Ok(Found {
        now: context.clock.now(),
        application,
        namespace_labels: context.caches.namespace_labels(&namespace),
        is_over_quota,
        recorded: recorded(token, context),
        secret: secret.map(|secret| FoundSecret::new(secret, token)),
        source: source.into_iter().map(contents).collect(),
        is_source_watched,
        leading_for: context.publisher.leading_for(),
    })
}

/// Its entry in the ledger: that of the id in its status, if that is its own, else that of its name.
fn recorded(token: &Token, context: &Context) -> Option<(TenantId, LedgerToken)> {
    let name = token.token_name();
    let committed = context.publisher.committed();
    let told = token
        .status()
        .and_then(|status| status.id.as_ref()?.parse().ok());
    let by_id = told
        .and_then(|id| committed.token(id))
        .filter(|(_, entry)| {
            (&entry.namespace, &entry.name, entry.permission)
                == (&name.namespace, &name.name, name.permission)
        });
    let by_name = || committed.token_of(&name.namespace, &name.name, name.permission);
    let (application, entry) = by_id.or_else(by_name)?;
    let is_dead = entry.state == TokenState::Removed || context.is_doomed(entry.id);
    (!is_dead).then(|| (application.tenant, entry.clone()))
}

/// Whether so many tokens of the application come before this one that there is no room for it. Those that the ledger has
/// come first, then the older ones.
fn is_over_quota(token: &Token, application: &MetricsApplication, context: &Context) -> bool {
    let max = usize::try_from(application.spec.tokens.max).unwrap_or(0);
    let (namespace, name) = (
        application.namespace().unwrap_or_default(),
        application.name_any(),
    );
    if context.caches.count_of(&namespace, &name) <= max {
        return false;
    }
    let committed = context.publisher.committed();
    let mut ranks = Vec::new();
    context.caches.each_token_of(&namespace, &name, |listed| {
        if listed.spec.state != State::Revoked {
            let id = listed.status.and_then(|status| status.id.as_deref());
            let is_new = id
                .and_then(|id| committed.token(id.parse().ok()?))
                .is_none();
            let created = listed
                .metadata
                .creation_timestamp
                .as_ref()
                .map(|time| time.0);
            ranks.push((is_new, created, listed.metadata.uid.clone()));
        }
    });
    ranks.sort_unstable();
    ranks.truncate(max);
    !ranks.iter().any(|(_, _, uid)| *uid == token.metadata().uid)
}

fn contents(secret: Secret) -> SecretData {
    SecretData {
        namespace: secret.namespace().unwrap_or_default(),
        name: secret.name_any(),
        entries: secret
            .data
            .unwrap_or_default()
            .into_iter()
            .map(|(key, value)| (key, value.0))
            .collect(),
    }
}
