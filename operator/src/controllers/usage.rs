//! What the pods have told of use, brought into statuses: only where it differs, and never so often that it weighs.
//!
//! A key that is in use has another last use each minute. With 10,000 of them that would be 170 statuses a second for
//! nobody; so they are told one after another, a few in a second, and last uses come the later the more there are.

use std::sync::Arc;
use std::time::Duration;

use penstock_api::entry::moment;
use penstock_api::tenant::tenant_of;
use penstock_api::{Kind, ObjectName};
use penstock_tenancy::TokenId;

use super::Context;
use super::kinds::name_of;
use crate::propagation::Usage;

/// Between two statuses that are written for use alone.
const BETWEEN: Duration = Duration::from_millis(100);

/// Follows what the pods tell. Never ends.
pub(crate) async fn run(context: &Arc<Context>) {
    let mut usage = context.publisher.usage();
    loop {
        let now = Arc::clone(&usage.borrow_and_update());
        for name in untold(context, &now) {
            context.tell_use(name);
            tokio::time::sleep(BETWEEN).await;
        }
        if usage.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Everything whose status says something else.
fn untold(context: &Context, usage: &Usage) -> Vec<ObjectName> {
    let mut untold = Vec::new();
    let committed = context.publisher.committed();
    for application in context.caches.applications.state() {
        let Ok(application) = &application.0 else {
            continue;
        };
        let tenant = tenant_of(application, |tenant| committed.application(tenant)).ok();
        let figures = tenant.and_then(|tenant| usage.of_tenant(tenant));
        let told = application.status.as_ref();
        let told = told.and_then(|status| status.usage.as_ref());
        if figures.is_some_and(|figures| !figures.is_told(told)) {
            untold.push(name_of(Kind::MetricsApplication, &application.metadata));
        }
    }
    context.caches.each_token(|token| {
        let Some(status) = token.status else {
            return;
        };
        let id = status.id.as_ref().and_then(|id| id.parse::<TokenId>().ok());
        let used = id.map(|id| usage.last_used(id)).unwrap_or_default();
        let is_untold = status.keys.iter().any(|key| {
            let told = key.last_used.as_ref().map(moment);
            used.get(&key.fingerprint)
                .is_some_and(|used| told.is_none_or(|told| told < *used))
        });
        if is_untold {
            untold.push(name_of(token.kind, token.metadata));
        }
    });
    untold
}
