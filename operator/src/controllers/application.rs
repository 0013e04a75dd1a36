//! The controller of applications.
//!
//! Its entry is staged with its own fields; its tokens' entries are their controllers' concern. There is no finalizer: what
//! is deleted is [`super::removals`]' concern.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kube::ResourceExt as _;
use kube::runtime::controller::Action;
use penstock_api::application_status::{ApplicationFacts, application_status};
use penstock_api::entry::{application_entry, moment};
use penstock_api::propagation::Reach;
use penstock_api::tenant::tenant_of;
use penstock_api::{ApplicationStatus, MetricsApplication, Problem, State, TokenCounts};
use penstock_model::{TenantId, Timestamp};
use penstock_tenancy::LedgerApplication;

use super::caches::Cached as _;
use super::status::{events, write};
use super::{Context, Failed, Reconciled};
use crate::publisher::Change;

impl Reconciled for MetricsApplication {
    async fn reconcile(self, context: &Arc<Context>) -> Result<Action, Failed> {
        reconcile(self, context).await
    }
}

/// Brings about what an application asks for.
pub(crate) async fn reconcile(
    application: MetricsApplication,
    context: &Arc<Context>,
) -> Result<Action, Failed> {
    let now = context.clock.now();
    let validated = validate(&application, context);
    let reach = apply(&application, context, validated.as_ref().ok())?;
    let (tokens, next_expiry) = count_tokens(&application, context, now);
    let endpoints = context.endpoints();
    let tenant = validated.as_ref().ok().map(|entry| entry.tenant);
    let facts = ApplicationFacts {
        problem: validated.as_ref().err(),
        tenant,
        usage: None,
        endpoints: &endpoints,
        tokens,
        reach,
    };
    let status = application_status(&application, &facts, now);
    let is_due = context.use_is_due(&application.object_name());
    if is_due || application.status.as_ref() != Some(&status) {
        let usage = context.publisher.usage();
        let usage = tenant.and_then(|tenant| usage.borrow().of_tenant(tenant));
        let facts = ApplicationFacts { usage, ..facts };
        let status = application_status(&application, &facts, now);
        update_status(&application, &status, context).await?;
    }
    Ok(next_expiry.map_or_else(Action::await_change, |end| {
        let millis = u64::try_from(end.millis().saturating_sub(now.millis())).unwrap_or(0);
        Action::requeue(Duration::from_millis(millis).max(Duration::from_secs(1)))
    }))
}

fn validate(
    application: &MetricsApplication,
    context: &Context,
) -> Result<LedgerApplication, Problem> {
    let committed = context.publisher.committed();
    let tenant: TenantId = tenant_of(application, |tenant| committed.application(tenant))?;
    application_entry(application, tenant)
}

/// What cannot be used leaves the entry as it is: a mistake must not cut devices off.
fn apply(
    application: &MetricsApplication,
    context: &Context,
    entry: Option<&LedgerApplication>,
) -> Result<Reach, Failed> {
    let Some(entry) = entry else {
        return Ok(Reach::Nothing);
    };
    if application.metadata.deletion_timestamp.is_some() {
        return Ok(Reach::Nothing);
    }
    let (name, change) = (
        application.object_name(),
        Change::Application(entry.clone()),
    );
    let is_current = || application.is_current(&context.caches);
    if !context.publisher.stage_if(name, change.clone(), is_current) {
        return Err(Failed::Stale);
    }
    Ok(context.publisher.progress(&change))
}

/// Counts its tokens by what they are now, and tells when the next of them expires.
fn count_tokens(
    application: &MetricsApplication,
    context: &Context,
    now: Timestamp,
) -> (TokenCounts, Option<Timestamp>) {
    let (namespace, name) = (
        application.namespace().unwrap_or_default(),
        application.name_any(),
    );
    let mut counts = BTreeMap::<&str, i64>::new();
    let mut next: Option<Timestamp> = None;
    context.caches.each_token_of(&namespace, &name, |token| {
        let of_status = token.status.and_then(|status| status.expires_at.as_ref());
        let end = of_status.or(token.spec.expires_at.as_ref()).map(moment);
        let what = match token.spec.state {
            State::Revoked => "revoked",
            _ if end.is_some_and(|end| end <= now) => "expired",
            State::Paused => "paused",
            State::Active => "active",
        };
        *counts.entry(what).or_default() += 1;
        if let Some(end) = end.filter(|end| *end > now) {
            next = Some(next.map_or(end, |next| next.min(end)));
        }
    });
    let count = |what| counts.get(what).copied().unwrap_or_default();
    let counts = TokenCounts {
        active: count("active"),
        paused: count("paused"),
        expired: count("expired"),
        revoked: count("revoked"),
    };
    (counts, next)
}

async fn update_status(
    application: &MetricsApplication,
    status: &ApplicationStatus,
    context: &Context,
) -> Result<(), Failed> {
    let before = application.status.as_ref();
    if before == Some(status) {
        return Ok(());
    }
    write(context, application, status).await?;
    let told = before.map_or(&[][..], |before| &before.conditions);
    for event in events(told, &status.conditions) {
        context.announce(application, &event).await;
    }
    Ok(())
}
