//! How much and how fast: the limits that the ledger sets, and what has been used of them.
//!
//! ```text
//!   Quotas ──────────┬── by tenant ──► ApplicationUse ◄──┐   points/s, new series/h, connections,
//!   (one a process)  │                                   │   and the whole of the application's limits
//!                    └── by token ───► GrantLimits ──────┘   points/s, connections and reads/s of the token
//!                                        ▲
//!                                      Grant (auth)
//! ```
//!
//! A ledger reload changes figures in place: what has been counted stays counted, and open connections feel
//! a new figure at once. Figures hold for the whole service; what is enforced here is this process's share,
//! and an error names both.
//!
//! What is not here: who may write at all (`auth`), how long a line may be (`protocol`), what the machine can
//! bear (`store`'s pressure).

mod exceeded;
mod meter;
pub mod quota;
pub mod rate;
mod read_meter;
mod registry;
mod window;

pub use exceeded::{LimitExceeded, LimitOwner};
pub use quota::{ConnectionPermit, GrantLimits, PointLease};
pub use registry::Quotas;
pub use window::{OutsideWindow, TimeWindow};
