//! From borrowed points to durable rows.

pub mod batch;
pub mod durable;
pub mod series_cache;
