//! How much a grant may use. (Signatures; bodies follow.)

use std::sync::Arc;

use penstock_model::Clock;
use penstock_tenancy::{LedgerApplication, LedgerToken};

/// The quotas of every token and application; they survive ledger reloads.
#[derive(Debug)]
pub struct Quotas {
    _clock: Arc<dyn Clock>,
}

/// What all connections of one token share.
#[derive(Debug)]
pub struct GrantLimits {}

impl Quotas {
    /// None yet.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { _clock: clock }
    }

    /// The limits of a token: the same object for the same token as long as its limits and its application's stay.
    pub fn of(
        &self,
        _application: &LedgerApplication,
        _token: &LedgerToken,
        _replicas: u32,
    ) -> Arc<GrantLimits> {
        Arc::new(GrantLimits {})
    }
}
