//! The update-status step: what was applied is told, never what was wished; and when to look again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kube::runtime::controller::Action;
use penstock_api::entry::moment;
use penstock_api::rotation::Step;
use penstock_api::token_status::{SecretFacts, TokenFacts, token_status};
use penstock_api::{Token, TokenStatus};
use penstock_model::Timestamp;

use super::super::kinds::TokenKind;
use super::super::status::{events, write};
use super::super::{Context, Failed};
use super::apply::Applied;
use super::build::{SETTLED_AFTER, next_rotation};
use super::dereference::{Found, uid};
use super::validate::Verdict;

/// How soon to look again at a Secret whose changes are not seen: while it is in the way, and while it is not.
const LOOK_SOON: Duration = Duration::from_secs(10);
const LOOK_AGAIN: Duration = Duration::from_mins(1);

/// A new token whose key is on its way to the pods has its first status when that has arrived, or after so long: one write
/// for each of 10,000 tokens instead of two.
const TELL_FIRST_AFTER: Duration = Duration::from_secs(5);

/// Tells it.
pub(super) async fn update_status<K: TokenKind>(
    object: &K,
    token: &Token,
    found: &Found,
    verdict: &Verdict,
    applied: &Applied,
    context: &Arc<Context>,
) -> Result<Action, Failed> {
    let (expires_at, is_application_paused) = match verdict {
        Verdict::Accepted(accepted) => (accepted.expires_at, accepted.is_application_paused),
        _ => (token.spec().expires_at.as_ref().map(moment), false),
    };
    let is_drawn = token.spec().key.generate.is_some();
    let next_rotation = next_rotation(token, &applied.noted)
        .filter(|_| is_drawn && matches!(verdict, Verdict::Accepted(_)));
    let never = BTreeMap::new();
    let facts = TokenFacts {
        problem: verdict.problem().or(applied.problem.as_ref()),
        id: applied.id,
        keys: &applied.keys,
        held: applied.held,
        last_used: &never,
        version: applied.noted.version,
        secret: applied.secret.clone(),
        step: applied.step,
        reach: applied.reach.clone(),
        next_rotation,
        expires_at,
        is_revoked: matches!(verdict, Verdict::Revoked),
        is_application_paused,
    };
    let before = token.status();
    if before.is_none()
        && facts.is_on_its_way()
        && let Some(age) = context.drafts.age(uid(token), context.monotonic())
        && age < TELL_FIRST_AFTER
    {
        return Ok(Action::requeue(TELL_FIRST_AFTER.saturating_sub(age)));
    }
    let status = token_status(token, &facts, found.now);
    if context.use_is_due(&token.object_name()) || before != Some(&status) {
        let usage = context.publisher.usage();
        let last_used = applied.id.map(|id| usage.borrow().last_used(id));
        let facts = TokenFacts {
            last_used: &last_used.unwrap_or_default(),
            ..facts.clone()
        };
        tell(
            object,
            &token_status(token, &facts, found.now),
            before,
            context,
        )
        .await?;
    }
    Ok(look_again(token, found, &facts))
}

async fn tell<K: TokenKind>(
    object: &K,
    status: &TokenStatus,
    before: Option<&TokenStatus>,
    context: &Arc<Context>,
) -> Result<(), Failed> {
    if before != Some(status) {
        write(context, object, status).await?;
        let told = before.map_or(&[][..], |before| &before.conditions);
        for event in events(told, &status.conditions) {
            context.announce(object, &event).await;
        }
    }
    Ok(())
}

/// The next moment at which something is different without anybody's doing.
fn look_again(token: &Token, found: &Found, facts: &TokenFacts<'_>) -> Action {
    let ends = facts.keys.iter().filter_map(|key| key.not_after);
    let start = token.spec().not_before.as_ref().map(moment);
    let full_until = match facts.step {
        Step::Full(until) => until,
        _ => None,
    };
    let moments = ends
        .chain(facts.next_rotation)
        .chain(facts.expires_at)
        .chain(start)
        .chain(full_until);
    let ahead = moments
        .filter(|moment| *moment > found.now)
        .map(|moment| between(found.now, moment));
    let settling = matches!(facts.step, Step::Settling | Step::Full(None));
    let settled = settling.then(|| SETTLED_AFTER.saturating_sub(found.leading_for));
    let looks = [
        (facts.secret == SecretFacts::Conflict).then_some(LOOK_SOON),
        matches!(facts.secret, SecretFacts::Failed(_)).then_some(LOOK_SOON),
        look_at_source(token, found, facts),
        settled,
    ];
    let next = ahead.chain(looks.into_iter().flatten()).min();
    next.map_or_else(Action::await_change, |next| {
        Action::requeue(next.max(Duration::from_millis(100)))
    })
}

fn look_at_source(token: &Token, found: &Found, facts: &TokenFacts<'_>) -> Option<Duration> {
    token.spec().key.reference()?;
    match (found.is_source_watched, facts.problem) {
        (true, _) => None,
        (false, Some(_)) => Some(LOOK_SOON),
        (false, None) => Some(LOOK_AGAIN),
    }
}

fn between(now: Timestamp, moment: Timestamp) -> Duration {
    let millis = moment.millis().saturating_sub(now.millis());
    // A moment later, or clocks that differ by less than one would have it done twice.
    Duration::from_millis(u64::try_from(millis).unwrap_or(0) + 10)
}
