//! HTTP endpoints, a file each.

pub mod body;
pub mod credentials;
pub mod delete_series;
pub mod error;
pub mod export;
pub mod put;
pub mod rollup;
pub mod router;
