//! From resources to a ledger.
//!
//! [`compile`] is a pure function of everything a ledger depends on: resources, keys, the previous ledger, the
//! moment. `penstock standalone` makes its ledger so; the operator, which sees one resource at a time, uses the parts. What it cannot use it leaves out and reports; it never guesses. If nothing changed it answers the
//! previous ledger itself, with its revision, so that a loop that compiles all the time writes nothing.
//!
//! The previous ledger also remembers what is final: a token that it says is revoked stays so, whatever the
//! resources say now, even while its resource or its application is missing.

mod tokens;

use std::collections::{BTreeMap, HashSet};

use penstock_model::{TenantId, Timestamp};
use penstock_tenancy::{Ledger, LedgerApplication, LedgerKey, LedgerToken, TokenId, TokenState};

use crate::entry::application_entry;
use crate::problem::Problem;
use crate::{MetricsApplication, Token, TokenName};

/// Everything a ledger is made from.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    /// The applications, each with the tenant that its data belongs to.
    pub applications: &'a [(MetricsApplication, TenantId)],
    /// The tokens. Two of one name are an error of the caller; the second is reported.
    pub tokens: &'a [Token],
    /// Id and key hashes of every token that has them.
    pub keys: &'a BTreeMap<TokenName, TokenKeys>,
    /// What was in force before.
    pub previous: Option<&'a Ledger>,
    /// How many pods share each limit; at least 1.
    pub replicas: u32,
    /// The present, for the revision.
    pub now: Timestamp,
}

/// What was drawn or read for one token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenKeys {
    /// Its public name.
    pub id: TokenId,
    /// The hashes of its keys.
    pub keys: Vec<LedgerKey>,
}

/// Makes the ledger, and reports what was left out of it.
pub fn compile(sources: &Sources<'_>) -> (Ledger, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut applications = Vec::new();
    for (resource, tenant) in sources.applications {
        match application_entry(resource, *tenant) {
            Ok(application) => applications.push(application),
            Err(problem) => problems.push(problem),
        }
    }
    tokens::place(sources, &mut applications, &mut problems);
    keep_revoked(sources.previous, &mut applications);
    (finish(sources, applications), problems)
}

/// Carries over every revoked token that the resources no longer name.
fn keep_revoked(previous: Option<&Ledger>, applications: &mut Vec<LedgerApplication>) {
    let present: HashSet<TokenId> = applications
        .iter()
        .flat_map(|application| application.tokens.iter().map(|token| token.id))
        .collect();
    for before in previous.iter().flat_map(|ledger| &ledger.applications) {
        let is_final = |token: &&LedgerToken| {
            token.state == TokenState::Revoked && !present.contains(&token.id)
        };
        let revoked: Vec<_> = before.tokens.iter().filter(is_final).cloned().collect();
        let same = |application: &&mut LedgerApplication| application.tenant == before.tenant;
        if let Some(application) = applications.iter_mut().find(same) {
            application.tokens.extend(revoked);
        } else if !revoked.is_empty() {
            applications.push(LedgerApplication {
                paused: true,
                tokens: revoked,
                ..before.clone()
            });
        }
    }
}

fn finish(sources: &Sources<'_>, applications: Vec<LedgerApplication>) -> Ledger {
    let mut ledger = Ledger {
        revision: 0,
        replicas: sources.replicas.max(1),
        volumes: Vec::new(),
        applications,
    };
    ledger.canonicalize();
    if let Some(previous) = sources.previous {
        ledger.revision = previous.revision;
        if ledger == *previous {
            return ledger;
        }
    }
    let previous = sources.previous.map(|ledger| ledger.revision);
    ledger.revision = Ledger::next_revision(previous, None, sources.now);
    ledger
}

#[cfg(test)]
mod tests;
