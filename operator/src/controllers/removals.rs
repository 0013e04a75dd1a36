//! Resources that are gone: their entries are removed from the ledger, which is final.
//!
//! Tokens need no finalizer for that: whatever was deleted while nobody looked is found when the caches are full. An entry
//! is removed only if its namespace is watched, no resource in the caches claims it, and the API server itself says that
//! there is none: neither a lost permission nor a half-filled cache must ever revoke anybody.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use kube::Api;
use kube::runtime::reflector::ObjectRef;
use penstock_api::tenant::tenant_of;
use penstock_api::{Kind, MetricsApplication, ObjectName, ReadToken, WriteToken};
use penstock_model::TenantId;
use penstock_tenancy::{LedgerToken, Permission, TokenId, TokenState};

use super::caches::Cached;
use super::{Context, chain};
use crate::config::Watched;
use crate::publisher::Change;

/// Objects that the API server is asked for at the same time.
const ASKED_AT_ONCE: usize = 16;

/// Looks at the whole ledger once, and then at whatever goes.
pub(crate) async fn run(context: &Arc<Context>) {
    context.publisher.caches_are_full();
    let committed = context.publisher.committed();
    for application in &committed.ledger().applications {
        for token in &application.tokens {
            if token.state != TokenState::Removed {
                consider_token(context, &name_of_entry(token), token.id).await;
            }
        }
        if !application.paused
            || application
                .tokens
                .iter()
                .any(|token| token.state != TokenState::Removed)
        {
            let name = ObjectName {
                kind: Kind::MetricsApplication,
                namespace: application.namespace.clone(),
                name: application.name.clone(),
            };
            consider_application(context, &name, application.tenant).await;
        }
    }
    loop {
        let gone = stream::iter(context.caches.gone().await);
        gone.for_each_concurrent(ASKED_AT_ONCE, async |(name, metadata)| {
            tracing::info!(object = %name, "gone");
            let uid = metadata.uid.as_deref().unwrap_or_default();
            context.drafts.forget(uid);
            consider(context, &name, uid).await;
        })
        .await;
    }
}

/// Considers what the ledger has of an object that went.
async fn consider(context: &Arc<Context>, name: &ObjectName, uid: &str) {
    let committed = context.publisher.committed();
    let permission = match name.kind {
        Kind::WriteToken => Permission::Write,
        Kind::ReadToken => Permission::Read,
        Kind::MetricsApplication => {
            let entries = committed.ledger().applications.iter();
            let its = entries
                .filter(|entry| (&entry.namespace, &entry.name) == (&name.namespace, &name.name));
            let own: Option<TenantId> = uid.parse().ok();
            for tenant in its
                .map(|entry| entry.tenant)
                .chain(own)
                .collect::<HashSet<_>>()
            {
                consider_application(context, name, tenant).await;
            }
            return;
        }
        Kind::Secret => return,
    };
    if let Some((_, token)) = committed.token_of(&name.namespace, &name.name, permission) {
        consider_token(context, name, token.id).await;
    }
}

async fn consider_token(context: &Arc<Context>, name: &ObjectName, id: TokenId) {
    let is_gone = match name.kind {
        Kind::WriteToken => is_gone::<WriteToken>(context, name).await,
        _ => is_gone::<ReadToken>(context, name).await,
    };
    if is_gone {
        tracing::info!(object = %name, %id, "removed from the ledger: its resource is gone");
        context.doom(id);
        context
            .publisher
            .stage(name.clone(), Change::RemoveToken(id));
    }
}

async fn consider_application(context: &Arc<Context>, name: &ObjectName, tenant: TenantId) {
    let committed = context.publisher.committed();
    let cached = context.caches.application(&name.namespace, &name.name);
    // Made again under its name, it has another tenant.
    let claims = cached.is_some_and(|there| {
        tenant_of(&there, |asked| committed.application(asked)).is_ok_and(|of| of == tenant)
    });
    if !claims
        && (is_made_again(context, name) || is_gone::<MetricsApplication>(context, name).await)
    {
        tracing::info!(object = %name, %tenant, "paused in the ledger: its resource is gone; its data stays");
        context
            .publisher
            .stage(name.clone(), Change::RemoveApplication(tenant));
    }
}

fn is_made_again(context: &Context, name: &ObjectName) -> bool {
    context
        .caches
        .application(&name.namespace, &name.name)
        .is_some()
}

/// Whether there is certainly no such object.
async fn is_gone<K: Cached>(context: &Context, name: &ObjectName) -> bool {
    let is_watched = match &context.caches.watched {
        Watched::Cluster => true,
        Watched::Namespaces(namespaces) => namespaces.contains(&name.namespace),
    };
    let reference = ObjectRef::new(&name.name).within(&name.namespace);
    if !is_watched || K::cache(&context.caches).get(&reference).is_some() {
        return false;
    }
    let api: Api<K> = Api::namespaced(context.client.clone(), &name.namespace);
    match api.get_metadata_opt(&name.name).await {
        Ok(found) => found.is_none(),
        Err(error) => {
            tracing::warn!(object = %name, error = %chain(&error), "cannot tell whether it is gone: it stays");
            false
        }
    }
}

fn name_of_entry(token: &LedgerToken) -> ObjectName {
    ObjectName {
        kind: match token.permission {
            Permission::Write => Kind::WriteToken,
            Permission::Read => Kind::ReadToken,
        },
        namespace: token.namespace.clone(),
        name: token.name.clone(),
    }
}
