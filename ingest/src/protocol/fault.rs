//! Why a point is refused, and the words for it: one list for telnet and HTTP.
//!
//! The words are `OpenTSDB`'s wherever it has any, since clients and people search for them. What they
//! quote of a point is bounded and never a key ([`Quoted`]).

use std::fmt;

use penstock_model::{NameError, NameRole};

use super::quote::Quoted;

/// Why one point of a line or a body is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PointFault {
    /// The line has too few words.
    TooFewWords {
        /// How many the command says that it needs.
        need: usize,
        /// How many came after the command.
        got: usize,
    },
    /// An element of a body's array is null.
    NullDataPoint,
    /// No metric, or an empty one.
    EmptyMetric,
    /// No timestamp, zero or less; on telnet with the number that was read.
    InvalidTimestamp(Quoted),
    /// A timestamp of more than 13 digits; under `OpenTSDB`'s rules one of milliseconds on a rollup.
    BadTimestamp {
        /// The number as written.
        timestamp: Quoted,
        /// The value as written.
        value: Quoted,
        /// The metric.
        metric: Quoted,
    },
    /// Timestamp or value of a line, or value of a body's point, is no number.
    NotANumber(NumberFault),
    /// No value, or an empty one.
    EmptyValue,
    /// A float beyond the largest double.
    Infinite {
        /// With its minus sign or without.
        negative: bool,
        /// The metric.
        metric: Quoted,
        /// The timestamp as written.
        timestamp: Quoted,
    },
    /// `OpenTSDB`'s rules want a tag.
    MissingTags {
        /// The metric.
        metric: Quoted,
    },
    /// A word that is no `k=v`.
    InvalidTag(Quoted),
    /// One key with two values.
    DuplicateTag {
        /// The second pair.
        pair: Quoted,
        /// Those before it.
        tags: Quoted,
    },
    /// More tags than allowed.
    TooManyTags {
        /// How many there are.
        count: usize,
        /// How many may be there.
        max: usize,
        /// All of them.
        tags: Quoted,
    },
    /// A name that the application's character set does not have.
    Name {
        /// What the name is of.
        role: NameRole,
        /// The name.
        name: Quoted,
        /// The other half of the pair; empty for a metric.
        other: Quoted,
        /// What is wrong with it.
        error: NameError,
    },
    /// A tag's value that is null.
    NullTagValue {
        /// The tag's key.
        key: Quoted,
    },
    /// A tag key that only the service may set.
    ReservedTag {
        /// The key.
        key: Quoted,
    },
    /// A name that has the shape of a key of ours. It is not stored and not repeated.
    KeyShapedName(NameRole),
    /// A `puts` line.
    StringValue,
    /// A `histogram` line, or a body of `/api/histogram`.
    Histogram,
    /// What is wrong with a rollup.
    Rollup(RollupFault),
}

/// Why a text is no number: the messages of `OpenTSDB`'s number reader.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberFault {
    /// Nothing there.
    #[error("Empty string")]
    Empty,
    /// A sign alone.
    #[error("Just a sign, no value: {0}")]
    JustASign(Quoted),
    /// More characters than a 64-bit integer can have.
    #[error("Value too long: {0}")]
    TooLong(Quoted),
    /// Something that is no digit.
    #[error("Invalid character '{found}' in {text}")]
    InvalidCharacter {
        /// The first of them.
        found: Quoted,
        /// The whole.
        text: Quoted,
    },
    /// Does not fit 64 bits.
    #[error("Overflow in {0}")]
    Overflow(Quoted),
    /// No floating-point number.
    #[error("For input string: \"{0}\"")]
    NotAFloat(Quoted),
}

/// Why a rollup is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RollupFault {
    /// Neither a span nor a function over series.
    #[error("Missing interval")]
    MissingInterval,
    /// A span, but no function over it.
    #[error("Missing aggregator")]
    MissingAggregator,
    /// A span and a function over series, but none over the span.
    #[error("Aggregator cannot be null or empty.")]
    EmptyAggregator,
    /// The telnet command's first word is empty.
    #[error("Missing interval or aggregator")]
    MissingSpec,
    /// `groupByAggregator` is there, but empty.
    #[error(
        "Cannot write a group by data point without specifying the aggregation function. \
         Metric={metric} tags={tags}"
    )]
    EmptyGroupBy {
        /// The metric.
        metric: Quoted,
        /// The point's tags.
        tags: Quoted,
    },
    /// The span is no interval.
    #[error("No rollups configured for the interval: {0}")]
    UnknownInterval(Quoted),
    /// No function of that name.
    #[error("No ID found mapping to aggregator: {0}")]
    UnknownAggregator(Quoted),
    /// No function of that name for `groupByAggregator`.
    #[error("Invalid group by aggregator {function} with metric {metric} {tags}")]
    UnknownGroupBy {
        /// The name.
        function: Quoted,
        /// The metric.
        metric: Quoted,
        /// The point's tags.
        tags: Quoted,
    },
    /// `avg` and `dev` cannot be aggregated again.
    #[error("Derived {what} aggregations are not allowed {function} with metric {metric} {tags}")]
    Derived {
        /// `rollup` or `group by`.
        what: &'static str,
        /// The function.
        function: Quoted,
        /// The metric.
        metric: Quoted,
        /// The point's tags.
        tags: Quoted,
    },
    /// The point's own `_aggregate` tag says something else.
    #[error(
        "Given tag value for _aggregate of {given} did not match the group by aggregator of \
         {group_by} for {metric} {tags}"
    )]
    AggregateTag {
        /// The tag's value.
        given: Quoted,
        /// The function, `null` for a plain rollup.
        group_by: Quoted,
        /// The metric.
        metric: Quoted,
        /// The point's tags.
        tags: Quoted,
    },
}

impl From<NumberFault> for PointFault {
    fn from(fault: NumberFault) -> Self {
        Self::NotANumber(fault)
    }
}

impl From<RollupFault> for PointFault {
    fn from(fault: RollupFault) -> Self {
        Self::Rollup(fault)
    }
}

impl PointFault {
    /// The text of an `errors` entry.
    pub fn http_text(&self) -> String {
        match self {
            Self::NullDataPoint => "Unexpected null datapoint encountered in set.".to_owned(),
            Self::EmptyMetric => "Metric name was empty".to_owned(),
            Self::InvalidTimestamp(_) => "Invalid timestamp".to_owned(),
            Self::NotANumber(_) => "Unable to parse value to a number".to_owned(),
            Self::EmptyValue => "Empty value".to_owned(),
            Self::MissingTags { .. } => "Missing tags".to_owned(),
            other => other.to_string(),
        }
    }

    /// What stands after `put: ` in an error line, without its line feed.
    pub fn telnet_text(&self) -> String {
        match self {
            Self::NotANumber(_) => format!("invalid value: {self}"),
            Self::Rollup(RollupFault::UnknownInterval(_)) => format!("No such rollup: {self}"),
            _ => format!("illegal argument: {self}"),
        }
    }
}

impl fmt::Display for PointFault {
    /// The words that both protocols share, else telnet's.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFewWords { need, got } => {
                write!(f, "not enough arguments (need least {need}, got {got})")
            }
            Self::NullDataPoint => f.write_str("Unexpected null datapoint encountered in set."),
            Self::EmptyMetric => f.write_str("empty metric name"),
            Self::InvalidTimestamp(timestamp) => write!(f, "invalid timestamp: {timestamp}"),
            Self::BadTimestamp {
                timestamp,
                value,
                metric,
            } => write!(
                f,
                "bad timestamp={timestamp} when trying to add value={value} to metric={metric}"
            ),
            Self::NotANumber(fault) => fault.fmt(f),
            Self::EmptyValue => f.write_str("empty value"),
            Self::Infinite {
                negative,
                metric,
                timestamp,
            } => write!(
                f,
                "value is NaN or Infinite: {}Infinity for metric={metric} timestamp={timestamp}",
                if *negative { "-" } else { "" }
            ),
            Self::MissingTags { metric } => {
                write!(f, "Need at least one tag (metric={metric}, tags={{}})")
            }
            Self::InvalidTag(word) => write!(f, "invalid tag: {word}"),
            Self::DuplicateTag { pair, tags } => write!(f, "duplicate tag: {pair}, tags={tags}"),
            Self::TooManyTags { count, max, tags } => {
                write!(
                    f,
                    "Too many tags: {count} maximum allowed: {max}, tags: {tags}"
                )
            }
            Self::Name {
                role,
                name,
                other,
                error,
            } => write_name(f, *role, name, other, *error),
            Self::NullTagValue { key } => write!(f, "Invalid tag value with key [{key}]: null"),
            Self::ReservedTag { key } => {
                write!(f, "Invalid tag name (\"{key}\"): only the service sets it")
            }
            Self::KeyShapedName(role) => write!(
                f,
                "Invalid {role}: it looks like the key of a token and was not stored"
            ),
            Self::StringValue => f.write_str("string values are not supported"),
            Self::Histogram => f.write_str(
                "Histogram storage has not been enabled. Send each bucket as a point of its own",
            ),
            Self::Rollup(fault) => fault.fmt(f),
        }
    }
}

/// `Invalid tag value with key [K] ("V"): illegal character: =`, and the name left out when it is empty.
fn write_name(
    f: &mut fmt::Formatter<'_>,
    role: NameRole,
    name: &Quoted,
    other: &Quoted,
    error: NameError,
) -> fmt::Result {
    write!(f, "Invalid {role}")?;
    match role {
        NameRole::Metric => {}
        NameRole::TagKey => write!(f, " with value [{other}]")?,
        NameRole::TagValue => write!(f, " with key [{other}]")?,
    }
    if error != NameError::Empty {
        write!(f, " (\"{name}\")")?;
    }
    write!(f, ": {error}")
}
