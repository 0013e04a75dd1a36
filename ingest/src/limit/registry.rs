//! Every limit of the process, found by application and token.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::Mutex;
use penstock_model::{Clock, TenantId};
use penstock_tenancy::{
    ApplicationLimits, Ledger, LedgerApplication, LedgerToken, TokenId, TokenLimits,
};

use super::exceeded::LimitOwner;
use super::meter::{Figures, Meter};
use super::quota::{ApplicationUse, GrantLimits};
use super::read_meter::ReadMeter;

/// What all applications and tokens have used. It survives ledger reloads.
#[derive(Debug)]
pub struct Quotas {
    clock: Arc<dyn Clock>,
    known: Mutex<Known>,
}

#[derive(Debug, Default)]
struct Known {
    applications: HashMap<TenantId, Arc<ApplicationUse>>,
    tokens: HashMap<TokenId, Arc<GrantLimits>>,
}

impl Quotas {
    /// Nothing used yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            known: Mutex::default(),
        }
    }

    /// The limits of one token of a ledger, for its grant. A token that is known goes on counting under the
    /// ledger's figures, and so does its application.
    pub fn of(
        &self,
        application: &LedgerApplication,
        token: &LedgerToken,
        replicas: u32,
    ) -> Arc<GrantLimits> {
        let now = self.clock.monotonic();
        let mut known = self.known.lock();
        let of_application = known
            .applications
            .entry(application.tenant)
            .and_modify(|used| used.set(&application.limits, replicas, now))
            .or_insert_with(|| {
                let name = format!("{}/{}", application.namespace, application.name);
                let figures = Figures::of_application(&application.limits, replicas);
                let meter = Meter::new(LimitOwner::Application(name.into()), figures, now);
                Arc::new(ApplicationUse::new(meter, application.limits, now))
            });
        let of_application = Arc::clone(of_application);
        let figures = Figures::of_token(&token.limits, replicas);
        match known.tokens.get(&token.id) {
            Some(limits) if limits.is_of(&of_application) => {
                limits.token_meter().set(figures, now);
                limits.read_meter().set(&token.read_limits, replicas, now);
                Arc::clone(limits)
            }
            _ => {
                let meter = Meter::new(LimitOwner::Token(token.id), figures, now);
                let reads = ReadMeter::default();
                reads.set(&token.read_limits, replicas, now);
                let clock = Arc::clone(&self.clock);
                let limits = Arc::new(GrantLimits::new(of_application, meter, reads, clock));
                known.tokens.insert(token.id, Arc::clone(&limits));
                limits
            }
        }
    }

    /// Forgets what no longer occurs in the ledger, so that the process does not grow with every token there
    /// ever was.
    pub fn retain(&self, ledger: &Ledger) {
        let tenants: HashSet<_> = ledger.applications.iter().map(|a| a.tenant).collect();
        let tokens: HashSet<_> = ledger.tokens().map(|(_, token)| token.id).collect();
        let mut known = self.known.lock();
        known
            .applications
            .retain(|tenant, _| tenants.contains(tenant));
        known.tokens.retain(|id, _| tokens.contains(id));
    }
}

impl Figures {
    pub(super) fn of_application(limits: &ApplicationLimits, replicas: u32) -> Self {
        Self {
            points_per_second: limits.points_per_second,
            burst: limits.burst,
            connections: limits.connections,
            replicas,
        }
    }

    fn of_token(limits: &TokenLimits, replicas: u32) -> Self {
        Self {
            points_per_second: limits.points_per_second,
            burst: limits.burst,
            connections: limits.connections,
            replicas,
        }
    }
}

#[cfg(test)]
mod tests;
