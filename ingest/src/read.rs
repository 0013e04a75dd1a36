//! What a request that reads may see: a [`ReadScope`], made from a grant.
//!
//! ```text
//!   request ──▶ HttpContext::authorize_read ──▶ Reader ──▶ ReadScope ──▶ Selection ──▶ store
//!               401, 403, 429                   counts      tenant, tags of the token as filters,
//!                                               while held  metric prefixes, limits
//! ```
//!
//! Whoever looks at the store for a client, for samples or for names alone, goes through its scope: a tenant sees
//! nothing but its own, and a token with tags nothing but series that have them.

mod error;
mod filters;
mod last;
mod scope;
pub mod source;
mod tsuid;
pub mod united_scan;
pub mod united_source;

use std::sync::Arc;

pub use self::error::ReadError;
pub use self::last::last_series;
pub use self::scope::ReadScope;
pub use self::source::{SourceError, StoreSource};
pub use self::tsuid::NoSuchTsuid;
pub use self::united_source::UnitedSource;

use crate::auth::Grant;
use crate::limit::{ConnectionPermit, LimitExceeded};

/// A request that reads; while it is held it counts as a connection of its token and application.
#[derive(Debug)]
pub struct Reader {
    scope: ReadScope,
    grant: Arc<Grant>,
    _permit: Option<ConnectionPermit>,
}

impl Reader {
    /// Counts a request of this grant, which has the right that the request needs.
    ///
    /// # Errors
    /// The token has asked for as much as it may, or it or its application has as many connections as it may.
    pub fn new(grant: Arc<Grant>) -> Result<Self, LimitExceeded> {
        let permit = grant.limits().connect()?;
        grant.limits().take_read()?;
        Ok(Self {
            scope: ReadScope::of(&grant),
            grant,
            _permit: Some(permit),
        })
    }

    /// A request that another server has counted and passed on.
    pub fn charged_elsewhere(grant: Arc<Grant>) -> Self {
        Self {
            scope: ReadScope::of(&grant),
            grant,
            _permit: None,
        }
    }

    /// What it may see.
    pub const fn scope(&self) -> &ReadScope {
        &self.scope
    }

    /// Who it is.
    pub const fn grant(&self) -> &Arc<Grant> {
        &self.grant
    }
}
