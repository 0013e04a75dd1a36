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

pub mod admin;
pub mod cluster;
pub mod config;
pub mod controllers;
#[cfg(test)]
mod fake_api;
mod leader;
pub mod lease;
#[cfg(test)]
mod ledger_fixture;
pub mod ledger_secret;
pub mod pki;
pub mod propagation;
pub mod publisher;
pub mod rbac;
mod run;
pub mod signing;
pub mod telemetry;

pub use run::{OperatorError, run};
