//! A ledger that has been written, with its entries at hand.

use std::collections::HashMap;
use std::sync::Arc;

use penstock_model::TenantId;
use penstock_tenancy::{Ledger, LedgerApplication, LedgerToken, Permission, TokenId, TokenState};

/// The last ledger that was written: the record of hashes, and of what is final.
///
/// Look-ups take the same time however large it is.
#[derive(Clone, Debug, Default)]
pub struct Committed {
    ledger: Arc<Ledger>,
    tenants: HashMap<TenantId, usize>,
    tokens: HashMap<TokenId, (usize, usize)>,
    /// Of tokens that are not removed: a name that was given again leads to the token that has it now.
    names: HashMap<(String, String, Permission), TokenId>,
}

impl Committed {
    /// Takes a ledger that has been written.
    pub fn new(ledger: Arc<Ledger>) -> Self {
        let mut committed = Self::default();
        for (at, application) in ledger.applications.iter().enumerate() {
            committed.tenants.insert(application.tenant, at);
            for (position, token) in application.tokens.iter().enumerate() {
                committed.tokens.insert(token.id, (at, position));
                if token.state != TokenState::Removed {
                    let name = (
                        token.namespace.clone(),
                        token.name.clone(),
                        token.permission,
                    );
                    committed.names.insert(name, token.id);
                }
            }
        }
        Self {
            ledger,
            ..committed
        }
    }

    /// All of it.
    pub fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// Its revision; 0 before the first.
    pub fn revision(&self) -> u64 {
        self.ledger.revision
    }

    /// An application with its tokens.
    pub fn application(&self, tenant: TenantId) -> Option<&LedgerApplication> {
        let at = *self.tenants.get(&tenant)?;
        self.ledger.applications.get(at)
    }

    /// A token with its application, whatever its state is.
    pub fn token(&self, id: TokenId) -> Option<(&LedgerApplication, &LedgerToken)> {
        let (at, position) = *self.tokens.get(&id)?;
        let application = self.ledger.applications.get(at)?;
        Some((application, application.tokens.get(position)?))
    }

    /// The token of a resource; never a removed one.
    pub fn token_of(
        &self,
        namespace: &str,
        name: &str,
        permission: Permission,
    ) -> Option<(&LedgerApplication, &LedgerToken)> {
        let name = (namespace.to_owned(), name.to_owned(), permission);
        self.token(*self.names.get(&name)?)
    }

    /// To make the next ledger of a copy: shared bytes are copied at the first change.
    pub(super) fn ledger_mut(&mut self) -> &mut Ledger {
        Arc::make_mut(&mut self.ledger)
    }

    pub(super) fn into_ledger(self) -> Arc<Ledger> {
        self.ledger
    }

    pub(super) fn application_mut(&mut self, tenant: TenantId) -> Option<&mut LedgerApplication> {
        let at = *self.tenants.get(&tenant)?;
        self.ledger_mut().applications.get_mut(at)
    }

    pub(super) fn token_mut(&mut self, id: TokenId) -> Option<&mut LedgerToken> {
        let (at, position) = *self.tokens.get(&id)?;
        let application = self.ledger_mut().applications.get_mut(at)?;
        application.tokens.get_mut(position)
    }

    pub(super) fn push_application(&mut self, application: LedgerApplication) {
        let at = self.ledger.applications.len();
        self.tenants.insert(application.tenant, at);
        self.ledger_mut().applications.push(application);
    }

    /// Of an application that is here.
    pub(super) fn push_token(&mut self, tenant: TenantId, token: LedgerToken) {
        let Some(&at) = self.tenants.get(&tenant) else {
            return;
        };
        let id = token.id;
        if let Some(application) = self.ledger_mut().applications.get_mut(at) {
            application.tokens.push(token);
            let position = application.tokens.len() - 1;
            self.tokens.insert(id, (at, position));
        }
    }
}
