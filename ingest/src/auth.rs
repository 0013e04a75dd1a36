//! Credentials to grants.

pub mod authenticator;
pub mod grant;
pub mod ledger_watch;
