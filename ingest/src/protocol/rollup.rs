//! Which rollup a point belongs to: the three legal combinations of span and functions.

use penstock_model::rollup::AggregatorError;
use penstock_model::{Aggregator, Interval, SeriesKind};

use super::fault::RollupFault;
use super::point::Point;
use super::quote::Quoted;

/// The words of a rollup as its client gave them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(crate) struct RollupParts<'a> {
    /// The span of a value.
    pub interval: Option<&'a str>,
    /// The function over the span.
    pub aggregator: Option<&'a str>,
    /// The function over several series.
    pub group_by: Option<&'a str>,
}

impl RollupParts<'_> {
    /// Checks the combination, then each word.
    ///
    /// An empty word counts as none; only an empty function over series beside span and function is
    /// refused: its sender meant something.
    pub(crate) fn kind(&self, subject: &Point<'_>) -> Result<SeriesKind, RollupFault> {
        let [interval, aggregator, group_by] = [self.interval, self.aggregator, self.group_by]
            .map(|word| word.filter(|word| !word.is_empty()));
        match (interval, aggregator, group_by) {
            (None, _, None) => Err(RollupFault::MissingInterval),
            (Some(_), None, None) => Err(RollupFault::MissingAggregator),
            (Some(_), None, Some(_)) => Err(RollupFault::EmptyAggregator),
            (Some(_), Some(_), None) if self.group_by.is_some() => Err(RollupFault::EmptyGroupBy {
                metric: Quoted::bytes(subject.metric),
                tags: subject.quoted_tags(),
            }),
            (Some(interval), Some(aggregator), None) => Ok(SeriesKind::Rollup {
                interval: parse_interval(interval)?,
                aggregator: parse_aggregator(aggregator, subject)?,
            }),
            (None, _, Some(group_by)) => Ok(SeriesKind::PreAggregate {
                group_by: parse_group_by(group_by, subject)?,
            }),
            (Some(interval), Some(aggregator), Some(group_by)) => {
                Ok(SeriesKind::RolledUpPreAggregate {
                    group_by: parse_group_by(group_by, subject)?,
                    interval: parse_interval(interval)?,
                    aggregator: parse_aggregator(aggregator, subject)?,
                })
            }
        }
    }
}

fn parse_interval(text: &str) -> Result<Interval, RollupFault> {
    text.parse()
        .map_err(|_| RollupFault::UnknownInterval(Quoted::text(text)))
}

fn parse_aggregator(text: &str, subject: &Point<'_>) -> Result<Aggregator, RollupFault> {
    text.parse().map_err(|error| match error {
        AggregatorError::Unknown(_) => RollupFault::UnknownAggregator(Quoted::text(text)),
        AggregatorError::Derived(_) => derived("rollup", text, subject),
    })
}

fn parse_group_by(text: &str, subject: &Point<'_>) -> Result<Aggregator, RollupFault> {
    text.parse().map_err(|error| match error {
        AggregatorError::Unknown(_) => RollupFault::UnknownGroupBy {
            function: Quoted::text(text),
            metric: Quoted::bytes(subject.metric),
            tags: subject.quoted_tags(),
        },
        AggregatorError::Derived(_) => derived("group by", text, subject),
    })
}

fn derived(what: &'static str, function: &str, subject: &Point<'_>) -> RollupFault {
    RollupFault::Derived {
        what,
        function: Quoted::text(function),
        metric: Quoted::bytes(subject.metric),
        tags: subject.quoted_tags(),
    }
}
