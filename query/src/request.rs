//! What a client asks for, checked.
//!
//! ```text
//!   URI parameters ──uri──┐
//!                         ├──> RawQuery (texts) ──check──> Query
//!   JSON body ──────json──┘
//! ```
//!
//! Both forms become the same texts, and one place checks these, so that an error reads the same either way.

mod check;
mod error;
mod json;
mod raw;
mod uri;

use jiff::tz::TimeZone;
use penstock_model::{Tags, Timestamp};

use crate::aggregator::Aggregator;
use crate::downsample::{Downsample, Fill};
use crate::filter::TagFilter;
use crate::rate::RateOptions;
use crate::select::{self, KindFilter, Selection, Target};

pub use self::error::RequestError;

/// Different sub-queries in one request.
pub const SUB_QUERIES_MAX: usize = 1_000;
/// Filters in one sub-query.
pub const FILTERS_MAX: usize = 64;
/// Regular expressions in one request: each may take
/// [`PATTERN_BYTES_MAX`](crate::filter::PATTERN_BYTES_MAX).
pub const PATTERNS_MAX: usize = 64;

/// A request to `/api/query`.
#[derive(Clone, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the switches of the wire, each by itself"
)]
pub struct Query {
    /// The first moment that is answered.
    pub start: Timestamp,
    /// The last moment that is answered; after `start`.
    pub end: Timestamp,
    /// The zone of calendar buckets.
    pub zone: TimeZone,
    /// What to compute, in this order, no two the same.
    pub sub_queries: Vec<SubQuery>,
    /// Times in milliseconds.
    pub ms_resolution: bool,
    /// `dps` as arrays. Only the URI says so, also for a JSON body: set it there.
    pub arrays: bool,
    /// Adds `tsuids`.
    pub show_tsuids: bool,
    /// Adds `query`.
    pub show_query: bool,
    /// Adds `stats` to each result.
    pub show_stats: bool,
    /// Adds a last element `statsSummary`.
    pub show_summary: bool,
    /// Asks to delete what is answered. The query itself deletes nothing.
    pub delete: bool,
}

/// One of a request's computations.
#[derive(Clone, Debug)]
pub struct SubQuery {
    /// Its place in the request, counted after duplicates are dropped.
    pub index: usize,
    /// How the series of a group become one.
    pub aggregator: Aggregator,
    /// What is read.
    pub target: Target,
    /// How points become buckets, if at all.
    pub downsample: Option<Downsample>,
    /// The specifier as it was written.
    pub downsample_text: Option<Box<str>>,
    /// Whether changes are answered instead of values, and how.
    pub rate: Option<RateOptions>,
    /// What the tags must be.
    pub filters: Vec<TagFilter>,
    /// Only series that have the keys of the filters and no other.
    pub explicit_tags: bool,
    /// Which rollups may be read.
    pub rollup_usage: RollupUsage,
    /// Whether pre-aggregates are read instead of what devices measured.
    pub pre_aggregate: bool,
    /// Percentiles of histograms, as written.
    pub percentiles: Vec<Box<str>>,
    /// Whether the buckets of histograms are asked for.
    pub show_histogram_buckets: bool,
}

/// Which rollups may answer a downsampled sub-query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum RollupUsage {
    /// None: raw data only.
    Raw,
    /// The largest that fits, even if it is empty.
    NoFallback,
    /// The next smaller one while it is empty.
    Fallback,
    /// Raw data if it is empty.
    #[default]
    FallbackRaw,
}

impl RollupUsage {
    /// Reads a name in any letter case; whatever else is the default.
    pub fn parse(text: &str) -> Self {
        match text.to_ascii_uppercase().as_str() {
            "ROLLUP_RAW" => Self::Raw,
            "ROLLUP_NOFALLBACK" => Self::NoFallback,
            "ROLLUP_FALLBACK" => Self::Fallback,
            _ => Self::FallbackRaw,
        }
    }

    /// Its name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Raw => "ROLLUP_RAW",
            Self::NoFallback => "ROLLUP_NOFALLBACK",
            Self::Fallback => "ROLLUP_FALLBACK",
            Self::FallbackRaw => "ROLLUP_FALLBACK_RAW",
        }
    }
}

impl Query {
    /// Reads the parameters of a URI, already decoded, in their order.
    ///
    /// # Errors
    /// [`RequestError`], to be answered with 400.
    pub fn from_uri<'a>(
        parameters: impl IntoIterator<Item = (&'a str, &'a str)>,
        now: Timestamp,
    ) -> Result<Self, RequestError> {
        check::check(&uri::parse(parameters)?, now)
    }

    /// Reads a JSON body.
    ///
    /// # Errors
    /// [`RequestError`], to be answered with 400.
    pub fn from_json(body: &[u8], now: Timestamp) -> Result<Self, RequestError> {
        check::check(&json::parse(body)?, now)
    }
}

impl SubQuery {
    /// How NaN is printed: `null` if the downsampler fills with it.
    pub fn prints_null(&self) -> bool {
        self.downsample
            .is_some_and(|downsample| downsample.fill == Fill::Null)
    }

    /// Whether histograms are asked for. None is ever stored, so such a sub-query finds nothing.
    pub fn is_histogram_query(&self) -> bool {
        !self.percentiles.is_empty() || self.show_histogram_buckets
    }

    /// The series of the sub-query between two moments, both included. Of these only those count that it
    /// [admits](SubQuery::admits).
    pub fn selection(&self, kind: KindFilter, (from, to): (Timestamp, Timestamp)) -> Selection {
        Selection {
            target: self.target.clone(),
            kind,
            tags: select::conditions(&self.filters),
            from,
            to,
            needed: (from, to),
            series_max: usize::MAX,
        }
    }

    /// Whether a selected series counts: with explicit tags only if it has the keys of the filters and no
    /// other.
    pub fn admits(&self, tags: &Tags) -> bool {
        !self.explicit_tags
            || self.filters.is_empty()
            || select::has_exactly_the_keys(tags, &self.filters)
    }

    /// Whether pre-aggregates are read: told so, or by a `literal_or` filter on `_aggregate`.
    pub fn reads_pre_aggregates(&self) -> bool {
        let names_one = |filter: &TagFilter| {
            &*filter.key == "_aggregate"
                && filter
                    .predicate
                    .literals()
                    .is_some_and(|values| values.iter().any(|value| &**value != "RAW"))
        };
        self.pre_aggregate || self.filters.iter().any(names_one)
    }
}

#[cfg(test)]
mod tests;
