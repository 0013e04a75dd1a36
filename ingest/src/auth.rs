//! Credentials to grants: who may do what, now.
//!
//! ```text
//!   ledger file (watched) ─┐
//!   POST /ledger ──────────┼─▶ LedgerWatch ──▶ Authenticator ── check(credential) ──▶ Arc<Grant>
//!   embedding program ─────┘   newer only,      one table,                             │ cut: cancelled when
//!                              kept on disk     swapped whole                          ▼ the right has ended
//!                                                                               telnet line, HTTP request
//! ```
//!
//! A [`Grant`] is a value that a session holds and asks about nothing but itself; the ledger reaches it by two
//! signals: *superseded* (renew before the next point) and *cut* (close).
//!
//! What is not here: where a credential stands in a request (`http::credentials`, the telnet parser), and how much
//! a grant may use (`limit`).

pub mod authenticator;
pub mod grant;
pub mod ledger_watch;

pub use authenticator::{AuthError, Authenticator};
pub use grant::{Grant, GrantVersion};
pub use ledger_watch::LedgerWatch;
