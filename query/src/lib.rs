//! `OpenTSDB`'s query semantics over any source of series.
//!
//! ```text
//!   request            texts to a checked Query
//!     moment, duration, zone, filter, downsample, rate, aggregator       its parts
//!   source, select     the border to whatever holds the samples
//!   run                sub-query > rollup or raw > groups > series
//!     window, rollup, downsample, rate, merge, aggregator                the arithmetic
//!     limits                                                             what it may cost
//!     excerpt                                                            what errors quote
//!   render             results as JSON, while they come
//! ```
//!
//! Everything here is pure: no I/O, no async, no clock of its own. It knows nothing of HTTP, tenants or the
//! store; `ingest` joins it to those.

pub mod aggregator;
mod bucket;
pub mod downsample;
pub mod duration;
mod excerpt;
pub mod filter;
pub mod limits;
mod merge;
pub mod moment;
pub mod point;
pub mod rate;
pub mod render;
pub mod request;
mod rollup;
pub mod run;
pub mod select;
pub mod source;
mod window;
mod zone;

pub use aggregator::Aggregator;
pub use excerpt::{Excerpt, QUOTED_CHARS_MAX};
pub use limits::{Exceeded, Limits};
pub use point::{Number, Point};
pub use render::JsonResults;
pub use request::{Query, RequestError, SubQuery};
pub use run::{Cost, ResultHead, ResultSink, RunContext, RunError, run};
pub use select::{KindFilter, Selection, Target};
pub use source::{Name, SelectedSeries, SeriesReader, SeriesSource, StoredRollup};
