//! The validate step: whether a token may be used, and until when.

use penstock_api::consent::{Asking, application_not_found, consent, quota_exceeded};
use penstock_api::entry::moment;
use penstock_api::{Problem, State, Token};
use penstock_model::{Charset, TenantId, Timestamp};
use penstock_tenancy::TokenState;

use super::dereference::Found;
use super::preprocess::Keys;

/// Whether a token may be used.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It may.
    Accepted(Accepted),
    /// It may not. What the ledger has of it is refused until it may again.
    Refused(Problem),
    /// It is refused for ever.
    Revoked,
}

/// What an accepted token's entry needs besides its resource.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) tenant: TenantId,
    pub(super) charset: Charset,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) is_application_paused: bool,
    /// The key that the user brings along is not there, or none. What the ledger has goes on.
    pub(super) source_problem: Option<Problem>,
}

impl Verdict {
    /// What is to be told.
    pub(super) fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused(problem) => Some(problem),
            Self::Accepted(accepted) => accepted.source_problem.as_ref(),
            Self::Revoked => None,
        }
    }
}

/// Decides.
pub(super) fn validate(token: &Token, found: &Found, keys: &Keys) -> Verdict {
    let was = found.recorded.as_ref().map(|(_, entry)| entry.state);
    if token.spec().state == State::Revoked || was == Some(TokenState::Revoked) {
        return Verdict::Revoked;
    }
    match accept(token, found) {
        Ok(accepted) => Verdict::Accepted(Accepted {
            source_problem: keys.problem.clone(),
            ..accepted
        }),
        Err(problem) => Verdict::Refused(problem),
    }
}

fn accept(token: &Token, found: &Found) -> Result<Accepted, Problem> {
    let application = found.application.as_ref();
    let application = application.ok_or_else(|| application_not_found(token, None))?;
    let tenant = application.tenant.as_ref();
    let tenant = tenant.map_err(|problem| application_not_found(token, Some(problem)))?;
    let created = token.metadata().creation_timestamp.as_ref();
    let asking = Asking {
        namespace_labels: &found.namespace_labels,
        created: created.map(moment),
        now: found.now,
    };
    let expires_at = consent(&application.resource, token, asking)?;
    if found.is_over_quota {
        return Err(quota_exceeded(&application.resource, token));
    }
    Ok(Accepted {
        tenant: *tenant,
        charset: application.resource.spec.charset.into(),
        expires_at,
        is_application_paused: application.resource.spec.paused,
        source_problem: None,
    })
}
