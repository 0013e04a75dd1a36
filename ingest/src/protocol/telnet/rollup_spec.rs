//! The first word of a `rollup` line.

use penstock_model::SeriesKind;

use crate::protocol::fault::RollupFault;
use crate::protocol::point::Point;
use crate::protocol::rollup::RollupParts;

/// Takes `<interval>-<function>`, `<group-by>` or `<interval>-<function>:<group-by>` apart.
pub(super) fn parse(spec: &str, subject: &Point<'_>) -> Result<SeriesKind, RollupFault> {
    let mut pieces = spec.split(':');
    let first = pieces.next().unwrap_or_default();
    let second = pieces.next().filter(|piece| !piece.is_empty());
    let (interval, aggregator, group_by) = match first.split_once('-') {
        Some((interval, aggregator)) => (Some(interval), Some(aggregator), second),
        None => (
            None,
            None,
            second.or(Some(first).filter(|piece| !piece.is_empty())),
        ),
    };
    if interval.is_none() && group_by.is_none() {
        return Err(RollupFault::MissingSpec);
    }
    if interval.is_some_and(|text| !text.is_empty()) && aggregator.is_some_and(str::is_empty) {
        return Err(RollupFault::EmptyAggregator);
    }
    RollupParts {
        interval,
        aggregator,
        group_by,
    }
    .kind(subject)
}
