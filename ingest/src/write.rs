//! From borrowed points to durable rows.
//!
//! ```text
//!   Point ──► Batch ── known ──► SeriesCache ─────────────► Row ──┐
//!              │  └── unknown ─► identity ─► store.resolve ─► Row ┤
//!              │ rate, clock window                               ▼
//!              ▼                                     EventLoop::append, which may hold
//!           Refusal                                               │
//!                                                                 ▼
//!                                      EventLoop::durable ──► acknowledged
//! ```
//!
//! One [`EventLoop`] a thread. Between a point's bytes and its row nothing is allocated and no lock is shared,
//! as long as the loop knows the series.
//!
//! What is not here: bytes to points (`protocol`), credentials to grants (`auth`), answers (`connection`,
//! `http`).

pub(crate) mod batch;
pub(crate) mod durable;
pub mod event_loop;
pub(crate) mod extra_labels;
pub(crate) mod gate;
mod identity;
pub(crate) mod point_tokens;
pub mod refusal;
pub(crate) mod series_cache;

pub use durable::StoreStopped;
pub use event_loop::{EventLoop, NotAppended, WriteCounts};
pub use refusal::{Refusal, RefusalKind};
