//! The way of a ledger to the ingest pods, and what is known to have arrived.
//!
//! ```text
//!   API server ── watch ──▶ pods ──▶ one courier for each: POST the newest, ask again until it says so
//!                                        │ revision and checksum match
//!                                        ▼
//!                                    Publisher::confirm
//! ```
//!
//! Ready or not, terminating or not: a pod that is going away still holds its sessions. A courier waits for nobody but its
//! own pod, and for that one not even to deliver something newer. What reaches no pod is tried again, slower each time,
//! for as long as the pod runs; meanwhile the Secret that it mounts brings the ledger, within two minutes.
//!
//! Who delivers does not matter to a pod, the signature does. The bearer is for asking alone.

mod courier;
mod dispatch;
mod pod_port;
mod roster;
mod usage;
mod watch;

pub use dispatch::Dispatch;
pub use pod_port::{Answer, KeyUse, PodPort, PodPortError, Report, TenantUse};
pub use roster::{Needs, PodFacts, Roster, STARTING_MAX};
pub use usage::Usage;
pub use watch::{IngestWatch, Seen};

#[cfg(test)]
mod tests;
