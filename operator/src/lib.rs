//! The operator: applications and tokens in, a signed ledger out, delivered to every ingest pod.
//!
//! ```text
//!   API server ── watch ──▶ controllers ── stage ──▶ publisher ── PUT ──▶ ledger Secret
//!                              ▲                        │
//!                              └──────── wake ──────────┤
//!                                                       ▼
//!                                                  propagation ── POST ──▶ ingest pods
//! ```
//!
//! Two replicas run; one holds the [lease] and works, the other only keeps its caches full. Whoever loses the
//! lease ends its process: half a leader is worse than none. What it had begun is fenced besides: every write of the
//! ledger carries the resource version that was read.
//!
//! The operator never sees a data point, and ingest pods never see the API server: the ledger is all they share.

#![expect(dead_code, reason = "the parts are landed before the whole")]

pub mod admin;
pub mod config;
pub mod propagation;
pub mod publisher;
pub mod telemetry;
