//! HTTP: what comes over a connection that speaks it, and what goes back.
//!
//! ```text
//!   connection ──▶ router ──▶ credentials ──▶ body ──▶ put | rollup | query | export | delete_series
//!   h1 or h2       path       header only     bounded    (a file per endpoint)
//!                  rules      401, 403        413, 408
//! ```
//!
//! Credentials in the header are checked before the body is read. Every answer that is not a success is an
//! [`error::ApiError`], whose JSON is the same everywhere.

mod answer;
pub mod body;
mod catalog;
pub mod connection;
pub mod context;
pub mod cors;
pub mod credentials;
pub mod delete_series;
pub mod error;
pub mod export;
pub mod health;
mod histogram;
mod last;
pub mod lookups;
mod pieces;
pub(crate) mod presence;
pub mod put;
pub mod query;
mod reach;
pub mod router;
mod search;
mod series_arguments;
pub mod session;
mod stats;
mod suggest;
pub mod turns;
mod uid;
mod united;
mod unread;
pub mod volume;
