//! The log-structured store: points in, durable, and out again in order. Synchronous, with its own few threads.

pub mod block;
pub mod chunk;
pub mod codec;
pub mod config;
pub mod disk;
pub mod error;
pub mod flush;
pub mod manifest;
pub mod memtable;
pub mod recovery;
pub mod row;
pub mod scan;
pub mod series;
pub mod stats;
pub mod store;
pub mod tombstone;
pub mod usage;
pub mod wal;

pub use row::{MetricId, Row, Sequence, SeriesId, ValueKind};
