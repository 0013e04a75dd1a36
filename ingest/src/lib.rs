//! The ingest server: listeners, TLS, protocols, authentication, limits, HTTP API, admin port.

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
