//! A query's words for what it wants, in the store's words.

use std::sync::Arc;

use penstock_model::SeriesKind;
use penstock_query::KindFilter as Wanted;
use penstock_query::filter::Predicate;
use penstock_store::series::{KindFilter, Matcher};

/// Raw data or rollups, as a query means them.
pub(super) fn kind(wanted: &Wanted) -> KindFilter {
    let equals = |text: &str| Matcher::Equals(text.into());
    match wanted {
        Wanted::Raw => KindFilter::RawOnly,
        Wanted::PreAggregate => KindFilter::Rollups {
            interval: equals(""),
            aggregator: equals(""),
            group_by: Matcher::NotEquals("".into()),
        },
        Wanted::Rollup {
            interval,
            functions,
            is_pre_aggregate,
        } => KindFilter::Rollups {
            interval: equals(&interval.to_string()),
            aggregator: Matcher::OneOf(functions.iter().map(|f| f.name().into()).collect()),
            group_by: if *is_pre_aggregate {
                Matcher::NotEquals("".into())
            } else {
                equals("")
            },
        },
    }
}

/// Series of exactly this kind.
pub(super) fn exactly(kind: &SeriesKind) -> KindFilter {
    let parts = kind.parts();
    let name = |function: Option<penstock_model::Aggregator>| {
        Matcher::Equals(function.map_or("", penstock_model::Aggregator::name).into())
    };
    match parts.interval {
        None if parts.group_by.is_none() => KindFilter::RawOnly,
        interval => KindFilter::Rollups {
            interval: Matcher::Equals(interval.map(ToString::to_string).unwrap_or_default().into()),
            aggregator: name(parts.aggregator),
            group_by: name(parts.group_by),
        },
    }
}

/// A condition on a tag. What can be listed is listed, so that the store looks it up.
pub(super) fn matcher(predicate: &Predicate) -> Matcher {
    if let Some(literals) = predicate.literals() {
        return Matcher::OneOf(literals.to_vec());
    }
    if predicate.accepts_all() {
        return Matcher::NotEquals("".into());
    }
    let predicate = predicate.clone();
    Matcher::Matches(Arc::new(move |value| predicate.accepts(value)))
}
