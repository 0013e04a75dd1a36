//! The ingest server: what devices send goes into the store, what readers ask comes out of it.
//!
//! ```text
//!   server      starts and stops it all; one event loop a core, each with its own table of series
//!     listener      socket ─▶ permit ─▶ TLS ─▶ the first bytes: telnet or HTTP
//!       connection      telnet: lines, answers, `auth`          http    one file an endpoint
//!         protocol        bytes ─▶ points and requests, and back. No I/O, no allocation a point
//!         auth            credential ─▶ grant, from the ledger in force; cut when the key is revoked
//!         limit           points, connections and requests of a token and its application
//!         write           points ─▶ rows of known series, appended, acknowledged when durable
//!         read            what a grant may see of the store; merges what other volumes have of it
//!         volumes         asks the servers of all other data volumes
//!     admin       health, metrics and the ledger, on a port of its own
//! ```
//!
//! Each stands on what is below it and knows nothing above. Every wait has an end and every buffer a limit
//! (`docs/limits.md`). A 2xx answer, or a telnet connection's clean end, comes after the disk has the points.
//!
//! Not here: how points are kept (`penstock_store`), what a query means (`penstock_query`), who writes the ledger (the
//! operator, or `penstock standalone`).

pub mod admin;
pub mod auth;
pub mod buffer_pool;
pub mod config;
pub mod connection;
pub mod context;
pub mod http;
#[cfg(test)]
mod ledger_fixture;
pub mod limit;
pub mod listener;
#[cfg(test)]
mod manual_clock;
pub mod protocol;
pub mod read;
pub mod server;
pub mod shutdown;
#[cfg(test)]
mod story;
pub mod telemetry;
pub mod volumes;
mod watched_files;
pub mod write;
