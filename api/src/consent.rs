//! Whether an application takes a token: the consent of its owner, in `spec.tokens`.
//!
//! It is asked at every change of either. A token that is no longer taken is refused by the ingest pods, and works
//! again, with its keys, as soon as it is taken again.

use std::collections::BTreeMap;

use kube::core::{Selector, SelectorExt as _};
use penstock_model::Timestamp;

use crate::entry::moment;
use crate::field_path::FieldPath;
use crate::problem::{Problem, Reason};
use crate::{MetricsApplication, NamespacesFrom, Token};

/// What a consent depends on besides the two resources.
#[derive(Clone, Copy, Debug)]
pub struct Asking<'a> {
    /// The labels of the token's namespace.
    pub namespace_labels: &'a BTreeMap<String, String>,
    /// When the token was made. `None` where nobody knows: then it must say itself when it ends.
    pub created: Option<Timestamp>,
    /// The present.
    pub now: Timestamp,
}

/// Asks whether the application takes the token, and until when: the token's own end, or an earlier one by
/// `tokens.maxTTL`.
///
/// # Errors
/// [`Reason::NamespaceNotAllowed`], [`Reason::ExpiryRequired`], [`Reason::InvalidSpec`] for a selector of the
/// application that is none.
pub fn consent(
    application: &MetricsApplication,
    token: &Token,
    asking: Asking<'_>,
) -> Result<Option<Timestamp>, Problem> {
    check_namespace(application, token, asking.namespace_labels)?;
    let policy = &application.spec.tokens;
    let wanted = token.spec().expires_at.as_ref().map(moment);
    let refuse = |message: String| {
        let at = FieldPath::of(["spec", "expiresAt"]);
        Err(Problem::of_token(
            token,
            Reason::ExpiryRequired,
            at,
            message,
        ))
    };
    if policy.require_expiry && wanted.is_none() {
        return refuse("the application takes only tokens that say when they end (its spec.tokens.requireExpiry): set it".to_owned());
    }
    let Some(ttl) = policy.max_ttl else {
        return Ok(wanted);
    };
    match (asking.created, wanted) {
        (Some(created), wanted) => {
            let end = after(created, ttl.millis());
            Ok(Some(wanted.map_or(end, |wanted| wanted.min(end))))
        }
        (None, Some(wanted)) if wanted <= after(asking.now, ttl.millis()) => Ok(Some(wanted)),
        (None, _) => refuse(format!(
            "the application takes only tokens that end within {ttl} from now (its spec.tokens.maxTTL): set it so"
        )),
    }
}

/// The application that the token names is not there, or cannot be used itself: `problem`.
pub fn application_not_found(token: &Token, problem: Option<&Problem>) -> Problem {
    let (namespace, name) = token.application();
    let message = match problem {
        None => format!(
            "there is no MetricsApplication {namespace}/{name}: make it, and the token is taken up"
        ),
        Some(problem) => format!(
            "the MetricsApplication {namespace}/{name} cannot be used before it is mended: {}",
            problem.advice()
        ),
    };
    let at = FieldPath::of(["spec", "applicationRef", "name"]);
    Problem::of_token(token, Reason::ApplicationNotFound, at, message)
}

/// The token came when the application had as many as it takes.
pub fn quota_exceeded(application: &MetricsApplication, token: &Token) -> Problem {
    let max = application.spec.tokens.max;
    let message = format!(
        "the application takes {max} tokens (its spec.tokens.max) and has them: delete or revoke one, or raise it"
    );
    let at = FieldPath::of(["spec", "applicationRef"]);
    Problem::of_token(token, Reason::QuotaExceeded, at, message)
}

fn check_namespace(
    application: &MetricsApplication,
    token: &Token,
    labels: &BTreeMap<String, String>,
) -> Result<(), Problem> {
    let own = application
        .metadata
        .namespace
        .as_deref()
        .unwrap_or("default");
    let namespace = token.token_name().namespace;
    if namespace == own {
        return Ok(());
    }
    let choice = &application.spec.tokens.namespaces;
    let at = FieldPath::of(["spec", "applicationRef", "namespace"]);
    let refuse = |reason, message| Err(Problem::of_token(token, reason, at, message));
    let allowed = match (choice.from, &choice.selector) {
        (NamespacesFrom::All, _) => true,
        (NamespacesFrom::Selector, Some(selector)) => match Selector::try_from(selector.clone()) {
            Ok(selector) => selector.matches(labels),
            Err(error) => {
                let message = format!(
                    "spec.tokens.namespaces.selector of the application is no selector, and its owner must mend it: {error}"
                );
                return refuse(Reason::InvalidSpec, message);
            }
        },
        (NamespacesFrom::Same | NamespacesFrom::Selector, _) => false,
    };
    if allowed {
        return Ok(());
    }
    let message = format!(
        "the application takes no tokens from the namespace {namespace}: its owner may allow it in its spec.tokens.namespaces"
    );
    refuse(Reason::NamespaceNotAllowed, message)
}

fn after(moment: Timestamp, millis: i64) -> Timestamp {
    Timestamp::from_millis(moment.millis().saturating_add(millis))
}

#[cfg(test)]
mod tests;
