//! The border to whatever holds the samples: a store, several servers, or a test's vectors.
//!
//! ```text
//!   query                                source
//!   knows(name)          ───────────>    was this name ever seen?       refuses unknown names
//!   rollups(metric)      ───────────>    stored intervals and functions chooses a table
//!   select(selection)    ───────────>    metric and tags of each series groups them
//!   expect(order)        ───────────>    may fetch ahead
//!   open(series)         ───────────>    batches in order of time       one or two at a time
//! ```
//!
//! A query reads its series one after another, group by group, each in one go; rarely a second time. It keeps
//! none of the samples.

use std::error::Error;

use penstock_model::{Aggregator, Interval, Tags};

use crate::point::Point;
use crate::select::Selection;

/// A series that a [`Selection`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectedSeries {
    /// The metric's name.
    pub metric: Box<str>,
    /// All its tags.
    pub tags: Tags,
    /// Of a rollup: the function over its interval.
    pub function: Option<Aggregator>,
    /// Its TSUID in upper-case hex, if the source has such.
    pub tsuid: Option<Box<str>>,
}

/// A name that a query uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Name<'a> {
    /// A metric.
    Metric(&'a str),
    /// A tag's key.
    TagKey(&'a str),
    /// A tag's value, of whatever key.
    TagValue(&'a str),
}

/// A rollup that is stored for some series of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StoredRollup {
    /// The span of a value.
    pub interval: Interval,
    /// The function over that span.
    pub aggregator: Aggregator,
    /// Whether it was made of pre-aggregates.
    pub is_pre_aggregate: bool,
}

/// Where a query's samples come from. All of it is one tenant's.
pub trait SeriesSource {
    /// What can go wrong below.
    type Error: Error;
    /// The samples of one series.
    type Reader<'a>: SeriesReader<Error = Self::Error>
    where
        Self: 'a;

    /// Whether any series ever had this name.
    ///
    /// # Errors
    /// Whatever the source says.
    fn knows(&self, name: Name<'_>) -> Result<bool, Self::Error>;

    /// The rollups that are stored for a metric, in any order.
    ///
    /// # Errors
    /// Whatever the source says.
    fn rollups(&self, metric: &str) -> Result<Vec<StoredRollup>, Self::Error>;

    /// Finds series, in an order that is always the same. The places of the answer name them in
    /// [`SeriesSource::open`] until the next `select`. Series without a sample in the window may be left out.
    ///
    /// It may stop at [`Selection::series_max`] + 1 series: the query refuses more.
    ///
    /// # Errors
    /// Whatever the source says.
    fn select(&mut self, selection: &Selection) -> Result<Vec<SelectedSeries>, Self::Error>;

    /// Tells in which order the selected series will be opened: so many rows of them side by side, each in its order. A
    /// source that has to fetch its samples can do so ahead; another need not care.
    fn expect(&mut self, lanes: Vec<Vec<usize>>) {
        drop(lanes);
    }

    /// The samples of one selected series inside the window of the selection: the same however often it is
    /// opened. Two may be open at once.
    ///
    /// # Errors
    /// Whatever the source says.
    fn open(&self, series: usize) -> Result<Self::Reader<'_>, Self::Error>;
}

/// The samples of one series, in strictly ascending time.
pub trait SeriesReader {
    /// What can go wrong below.
    type Error: Error;

    /// Puts the next samples into `out`, in place of what it holds: some thousands at most. False at the end.
    ///
    /// # Errors
    /// Whatever the source says.
    fn next_batch(&mut self, out: &mut Vec<Point>) -> Result<bool, Self::Error>;
}
