//! The one writer of the ledger: changes go in, revisions come out, and who waits for one is woken.
//!
//! ```text
//!   controllers ── stage(change) ──▶ staged ──┐ one revision after another, each with all that is staged
//!        ▲                                    ▼
//!        │                merge(previous ledger, changes) ─▶ sign ─▶ ledger Secret
//!        │                                    │
//!     wakes() ◀── loaded where it must be ◀── propagation: POST to every running pod
//! ```
//!
//! A reconcile stages its entry and ends. The publisher never waits for a slow pod before it writes the next revision: a
//! later revision contains the earlier ones, so a revocation is never held back. What was `revoked` or `removed` in the
//! previous ledger stays so, and a hash that was once in it leaves only by its `notAfter`, by revocation or by the end
//! of its token, whatever is staged: the ledger is the record of hashes.
//!
//! What is not here: what should be in the ledger (the controllers decide), the lease, the Secrets' bytes
//! ([`crate::ledger_secret`]) and the pods ([`crate::propagation`]).

mod change;
mod committed;
mod desk;
mod document;
mod found;
mod handle;
mod merge;
mod refused;
mod run;
mod wakes;

pub use change::{Change, WakeKey};
pub use committed::Committed;
pub use document::Document;
pub use found::{Found, Origin, find};
pub use handle::Publisher;
pub use merge::Service;
pub use refused::Refused;
pub use run::{Writer, WriterError};
pub(crate) use wakes::Wakes;
