//! What takes something away, staged the moment it is seen: a token that is revoked or paused, a paused application.
//!
//! Its reconcile would stage the same, but that waits for company, for a free place among thousands of others, and for a
//! look at the Secret, of which nothing depends here. What the ledger does not have need not be refused; an entry goes as
//! it is, in another state. The reconcile comes all the same, and has the last word.

use std::sync::Arc;

use penstock_api::{Kind, ObjectName, State};
use penstock_tenancy::{LedgerApplication, LedgerToken, Permission, TokenState};

use super::Context;
use crate::publisher::Change;

/// Takes them as they come. Never ends.
pub(crate) async fn run(context: &Arc<Context>) {
    loop {
        for name in context.caches.refusing().await {
            let change = match name.kind {
                Kind::MetricsApplication => application(context, &name),
                Kind::WriteToken => token(context, &name, Permission::Write),
                Kind::ReadToken => token(context, &name, Permission::Read),
                Kind::Secret => None,
            };
            if let Some(change) = change {
                // What is active again is its reconcile's concern.
                let refuses = || refuses(context, &name);
                context.publisher.stage_if(name.clone(), change, refuses);
            }
        }
    }
}

/// Whether it is not to be let in, as far as its own resource says.
fn refuses(context: &Context, name: &ObjectName) -> bool {
    match name.kind {
        Kind::MetricsApplication => context
            .caches
            .application(&name.namespace, &name.name)
            .is_some_and(|application| application.spec.paused),
        _ => wanted(context, name).is_some_and(|state| state != State::Active),
    }
}

/// The state that a token asks for now.
fn wanted(context: &Context, name: &ObjectName) -> Option<State> {
    let mut wanted = None;
    context
        .caches
        .look_at_token(name, |token| wanted = Some(token.spec.state));
    wanted
}

/// The entry of its name in the state that it asks for now.
fn token(context: &Context, name: &ObjectName, permission: Permission) -> Option<Change> {
    let state = match wanted(context, name)? {
        State::Active => return None,
        State::Paused => TokenState::Paused,
        State::Revoked => TokenState::Revoked,
    };
    let committed = context.publisher.committed();
    let (application, entry) = committed.token_of(&name.namespace, &name.name, permission)?;
    let goes_further = match entry.state {
        TokenState::Active => true,
        TokenState::Paused => state == TokenState::Revoked,
        TokenState::Revoked | TokenState::Removed => false,
    };
    goes_further.then(|| Change::Token {
        tenant: application.tenant,
        token: LedgerToken {
            state,
            ..entry.clone()
        },
    })
}

/// Its entry, paused.
fn application(context: &Context, name: &ObjectName) -> Option<Change> {
    let resource = context.caches.application(&name.namespace, &name.name)?;
    if !resource.spec.paused {
        return None;
    }
    let committed = context.publisher.committed();
    let tenant = penstock_api::tenant::tenant_of(&resource, |tenant| committed.application(tenant));
    let entry = committed.application(tenant.ok()?)?;
    (!entry.paused && !entry.removed).then(|| {
        Change::Application(LedgerApplication {
            paused: true,
            tokens: Vec::new(),
            ..entry.clone()
        })
    })
}
