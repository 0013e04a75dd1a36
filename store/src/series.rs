//! Which series exist, and which of them a reader means.
//!
//! ```text
//!                    resolve                                      select
//!   SeriesKey ---> registry ---> SeriesId, MetricId     Selection ---> registry ---> SeriesId ...
//!                     |   \
//!         define: a WAL record, before                 run: the definitions on disk, sorted by key,
//!         anybody knows the id                         written at a flush, loaded whole at start
//! ```
//!
//! The index is in memory, whole: tag pairs are kept once, a series is the numbers of its metric and pairs, and
//! every metric and pair knows its series (its **postings**). Nothing here knows a sample, a block or a clock.

mod activity;
pub mod budget;
mod id_bits;
mod id_table;
mod index;
pub mod matcher;
mod name_order;
mod names;
mod order;
mod pairs;
mod postings;
pub mod registry;
pub mod run;
mod select;
mod shared;
mod width;

pub use budget::{Novelty, SeriesBudget, Unlimited};
pub use matcher::{KindFilter, Matcher, Selection, SeriesFilter};
pub use names::NameScope;
pub use registry::{NextIds, Resolved, SeriesConflict, SeriesRegistry, UnknownSeries};
pub use run::reader::read_summary;
pub use run::{RunContents, RunError, RunSummary};
