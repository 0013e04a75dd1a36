//! A session that has authenticated: lines without a token of their own are its token's.

use std::sync::Arc;

use crate::auth::Grant;
use crate::limit::ConnectionPermit;
use crate::write::gate::{Denied, Gate};

/// After `auth`.
#[derive(Debug)]
pub(super) struct Authenticated {
    grant: Arc<Grant>,
    _permit: ConnectionPermit,
}

impl Authenticated {
    pub(super) fn new(grant: Arc<Grant>, permit: ConnectionPermit) -> Self {
        Self {
            grant,
            _permit: permit,
        }
    }

    /// What the session may do.
    pub(super) fn grant(&self) -> &Arc<Grant> {
        &self.grant
    }

    /// Follows the ledger: from the next point on the session writes as the token is now.
    pub(super) fn renew(&mut self, gate: &Gate<'_>) -> Result<(), Denied> {
        if self.grant.is_superseded() {
            self.grant = gate.renew(&self.grant)?;
        }
        Ok(())
    }
}
