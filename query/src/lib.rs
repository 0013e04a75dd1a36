//! `OpenTSDB`'s query semantics over any source of series.
//!
//! ```text
//!   request          texts to a checked Query
//!     moment, duration, zone, filter, downsample, rate, aggregator      its parts
//!   source, select   the border to whatever holds the samples
//! ```
//!
//! Everything here is pure: no I/O, no async, no clock of its own. It knows nothing of HTTP, tenants or the
//! store; `ingest` joins it to those.

#![expect(dead_code, reason = "what runs a request comes with the next commits")]

pub mod aggregator;
pub mod downsample;
pub mod duration;
pub mod filter;
pub mod moment;
pub mod point;
pub mod rate;
pub mod request;
pub mod select;
pub mod source;
mod zone;

pub use aggregator::Aggregator;
pub use request::{Query, RequestError, SubQuery};
pub use select::{KindFilter, Selection, Target};
pub use source::{Name, Sample, SelectedSeries, SeriesReader, SeriesSource, StoredRollup};
