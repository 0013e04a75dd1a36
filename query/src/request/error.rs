//! Why a request is refused, in `OpenTSDB`'s words.

use super::{FILTERS_MAX, PATTERNS_MAX, SUB_QUERIES_MAX};
use crate::downsample::DownsampleError;
use crate::excerpt::Excerpt;
use crate::moment::MomentError;

/// A request that cannot be answered: 400, with this text as the message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The URI has no `start`.
    #[error("Missing parameter <code>start</code>")]
    MissingStartParameter,
    /// The body has no `start`.
    #[error("Missing start time")]
    MissingStart,
    /// The URI has neither `m` nor `tsuid`.
    #[error("Missing sub queries")]
    MissingSubQueries,
    /// The body has no `queries`, or an empty list.
    #[error("Missing queries")]
    MissingQueries,
    /// `start` or `end` is no moment.
    #[error(transparent)]
    Moment(#[from] MomentError),
    /// The end is not after the start.
    #[error("End time [{end}] must be greater than the start time [{start}]")]
    EndNotAfterStart {
        /// In milliseconds.
        start: i64,
        /// In milliseconds.
        end: i64,
    },
    /// `timezone` names none, and a downsampler needs it.
    #[error("The timezone specification could not be found")]
    UnknownZone,
    /// `timezone` names none, and a date needs it.
    #[error("Invalid timezone name: {0}")]
    UnknownZoneOfDate(Excerpt),
    /// A sub-query without an aggregator.
    #[error("Missing the aggregation function")]
    MissingAggregator,
    /// An aggregator that is none of the 35.
    #[error("No such aggregation function: {0}")]
    UnknownAggregator(Excerpt),
    /// A sub-query of nothing.
    #[error("Missing the metric or tsuids, provide at least one")]
    MissingTarget,
    /// A TSUID that is not hexadecimal.
    #[error("Invalid TSUID: {0}")]
    BadTsuid(Excerpt),
    /// TSUIDs of different metrics in one sub-query.
    #[error("One or more TSUIDs did not share the same metric")]
    TsuidsOfSeveralMetrics,
    /// A downsample specifier that is none.
    #[error(transparent)]
    Downsample(#[from] DownsampleError),
    /// `m=` with nothing behind it.
    #[error("The query string was empty")]
    EmptySubQuery,
    /// Fewer than two parts or more than five.
    #[error("Invalid parameter {parameter}={text} ({few_or_many} :-separated parts)")]
    PartCount {
        /// `m` or `tsuid`.
        parameter: &'static str,
        /// The whole text.
        text: Excerpt,
        /// `not enough` or `too many`.
        few_or_many: &'static str,
    },
    /// Nothing between two colons.
    #[error("Invalid parameter m={0} (empty part)")]
    EmptyPart(Excerpt),
    /// Nothing behind the last colon.
    #[error("Metric cannot be null or empty")]
    EmptyMetric,
    /// An opening brace that is not closed at the end.
    #[error("Missing '}}' at the end of: {0}")]
    BraceNotClosed(Excerpt),
    /// A filter in the first braces.
    #[error("When parsing tag '{text}': {reason}")]
    Tag {
        /// The filter.
        text: Excerpt,
        /// What is wrong.
        reason: String,
    },
    /// A filter in the second braces.
    #[error("When parsing filter '{text}': {reason}")]
    Filter {
        /// The filter.
        text: Excerpt,
        /// What is wrong.
        reason: String,
    },
    /// `rate` and something behind it that is no braces.
    #[error("Invalid rate options specification: {0}")]
    RateOptions(Excerpt),
    /// Too many rate options.
    #[error(
        "Incorrect number of values in rate options specification, must be counter[,counter max \
         value,reset value], recieved: {0} parts"
    )]
    RateOptionCount(usize),
    /// The second rate option.
    #[error("Max value of counter was not a number, received '{0}'")]
    CounterMax(Excerpt),
    /// The third rate option.
    #[error("Reset value of counter was not a number, received '{0}'")]
    ResetValue(Excerpt),
    /// `percentiles` without brackets, or not of numbers.
    #[error("Malformated percentile query paramater: {0}")]
    Percentiles(Excerpt),
    /// An empty body.
    #[error("Missing message content")]
    MissingContent,
    /// A body that is no request. [`RequestError::details`] say why.
    #[error("Unable to parse the given JSON")]
    Json(String),
    /// More than [`SUB_QUERIES_MAX`].
    #[error("Too many sub queries: {0}, at most {SUB_QUERIES_MAX}")]
    TooManySubQueries(usize),
    /// More than [`FILTERS_MAX`].
    #[error("Too many filters in one sub query: {0}, at most {FILTERS_MAX}")]
    TooManyFilters(usize),
    /// More than [`PATTERNS_MAX`].
    #[error("Too many regular expressions: at most {PATTERNS_MAX}")]
    TooManyPatterns,
}

impl RequestError {
    /// For the member `details` of the error object.
    pub fn details(&self) -> Option<&str> {
        match self {
            Self::Json(details) => Some(details),
            _ => None,
        }
    }
}
