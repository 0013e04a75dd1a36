//! The log-structured store: points in, durable, and out again in order. Synchronous, with its own few threads.

pub mod row;

pub use row::{MetricId, Row, Sequence, SeriesId, ValueKind};
