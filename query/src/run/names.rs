//! A name that nothing ever had is an error, not an empty answer.

use std::error::Error;

use super::RunError;
use crate::limits::Budget;
use crate::request::{Query, SubQuery};
use crate::select::Target;
use crate::source::{Name, SeriesSource};

/// Asks the source for each name of each sub-query: the metric, keys, and the values of exact lists.
pub(super) fn check<S: SeriesSource, K: Error>(
    query: &Query,
    source: &S,
    budget: &Budget<'_>,
) -> Result<(), RunError<S::Error, K>> {
    for sub_query in &query.sub_queries {
        budget.check()?;
        for name in names(sub_query) {
            if !source.knows(name).map_err(RunError::Source)? {
                let (kind, name) = match name {
                    Name::Metric(name) => ("metrics", name),
                    Name::TagKey(name) => ("tagk", name),
                    Name::TagValue(name) => ("tagv", name),
                };
                let name = name.into();
                return Err(RunError::UnknownName { kind, name });
            }
        }
    }
    Ok(())
}

fn names(sub_query: &SubQuery) -> impl Iterator<Item = Name<'_>> {
    let metric = match &sub_query.target {
        Target::Metric(metric) => Some(Name::Metric(metric)),
        Target::Tsuids(_) => None,
    };
    let tags = sub_query.filters.iter().flat_map(|filter| {
        let literals = filter.predicate.literals().unwrap_or_default();
        std::iter::once(Name::TagKey(&filter.key))
            .chain(literals.iter().map(|value| Name::TagValue(value)))
    });
    metric.into_iter().chain(tags)
}
