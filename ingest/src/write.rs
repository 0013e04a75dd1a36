//! From borrowed points to durable rows.

pub mod batch;
pub(crate) mod durable;
pub(crate) mod series_cache;
