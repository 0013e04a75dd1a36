//! Which stored rollups can answer a downsampled sub-query, in the order in which they are tried.
//!
//! ```text
//!   6h-sum over stored 1h, 2h, 4h sums:   2h (4h does not divide 6h), then as rollupUsage says
//!     ROLLUP_RAW             raw
//!     ROLLUP_NOFALLBACK      2h
//!     ROLLUP_FALLBACK        2h, 1h
//!     ROLLUP_FALLBACK_RAW    2h, raw
//! ```
//!
//! A table counts only if it has the function that is asked for.

use std::collections::BTreeMap;

use penstock_model::{Aggregator, Interval};

use crate::request::{RollupUsage, SubQuery};
use crate::select::KindFilter;
use crate::source::StoredRollup;

/// One way to answer a sub-query. The next is tried if it finds nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) kind: KindFilter,
    pub(crate) values: Values,
}

/// What the samples of an attempt are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Values {
    /// Whatever the downsampler takes.
    Samples,
    /// Counts, which are added.
    Counts,
    /// Sums and counts, which are divided.
    SumsAndCounts,
}

/// The attempts for a sub-query whose metric has these rollups.
pub(crate) fn attempts(sub_query: &SubQuery, stored: &[StoredRollup]) -> Vec<Attempt> {
    let is_pre_aggregate = sub_query.reads_pre_aggregates();
    let raw = Attempt {
        kind: if is_pre_aggregate {
            KindFilter::PreAggregate
        } else {
            KindFilter::Raw
        },
        values: Values::Samples,
    };
    if sub_query.rollup_usage == RollupUsage::Raw {
        return vec![raw];
    }
    let Some(tables) = tables(sub_query, stored, is_pre_aggregate) else {
        return vec![raw];
    };
    let mut attempts = tables;
    match sub_query.rollup_usage {
        RollupUsage::Fallback => {}
        RollupUsage::NoFallback => attempts.truncate(1),
        RollupUsage::Raw | RollupUsage::FallbackRaw => {
            attempts.truncate(1);
            attempts.push(raw);
        }
    }
    attempts
}

/// Tables that fit, the largest first. `None` if there is no interval that could fit.
fn tables(
    sub_query: &SubQuery,
    stored: &[StoredRollup],
    is_pre_aggregate: bool,
) -> Option<Vec<Attempt>> {
    let downsample = sub_query.downsample?;
    let length = downsample.nominal_millis()?;
    let (functions, values) = functions_for(downsample.function.name());
    let mut by_interval: BTreeMap<(i64, Interval), Vec<Aggregator>> = BTreeMap::new();
    for rollup in stored {
        let span = rollup.interval.millis();
        let fits = rollup.is_pre_aggregate == is_pre_aggregate && span > 0 && length % span == 0;
        if fits && functions.contains(&rollup.aggregator.name()) {
            let have = by_interval.entry((span, rollup.interval)).or_default();
            if !have.contains(&rollup.aggregator) {
                have.push(rollup.aggregator);
            }
        }
    }
    let complete = |have: &Vec<Aggregator>| !functions.is_empty() && have.len() == functions.len();
    Some(
        by_interval
            .into_iter()
            .rev()
            .filter(|(_, have)| complete(have))
            .map(|((_, interval), functions)| Attempt {
                kind: KindFilter::Rollup {
                    interval,
                    functions,
                    is_pre_aggregate,
                },
                values,
            })
            .collect(),
    )
}

/// The stored functions, in lower case, that a downsampler reads. Deviations cannot be made of any.
fn functions_for(downsampler: &str) -> (Vec<&str>, Values) {
    match downsampler {
        "zimsum" => (vec!["sum"], Values::Samples),
        "mimmin" => (vec!["min"], Values::Samples),
        "mimmax" => (vec!["max"], Values::Samples),
        "squareSum" => (vec!["squaresum"], Values::Samples),
        "count" => (vec!["count"], Values::Counts),
        "avg" => (vec!["sum", "count"], Values::SumsAndCounts),
        "dev" => (Vec::new(), Values::Samples),
        other => (vec![other], Values::Samples),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Query;
    use penstock_model::Timestamp;

    fn tried(m: &str, stored: &[(&str, &str)]) -> Vec<String> {
        let now = Timestamp::from_millis(1_000_000_000);
        let parameters = [("start", "1h-ago"), ("m", m)];
        let sub_query = Query::from_uri(parameters, now)
            .unwrap()
            .sub_queries
            .remove(0);
        let stored: Vec<StoredRollup> = stored
            .iter()
            .map(|(interval, function)| StoredRollup {
                interval: interval.parse().unwrap(),
                aggregator: function.parse().unwrap(),
                is_pre_aggregate: false,
            })
            .collect();
        attempts(&sub_query, &stored)
            .iter()
            .map(|attempt| match &attempt.kind {
                KindFilter::Raw => "raw".to_owned(),
                KindFilter::PreAggregate => "pre".to_owned(),
                KindFilter::Rollup {
                    interval,
                    functions,
                    ..
                } => {
                    let names: Vec<_> = functions.iter().map(|function| function.name()).collect();
                    format!("{interval} {} {:?}", names.join("+"), attempt.values)
                }
            })
            .collect()
    }

    const SUMS: &[(&str, &str)] = &[("1h", "sum"), ("2h", "sum"), ("4h", "sum"), ("6h", "max")];

    #[test]
    fn the_largest_that_divides_is_tried_first() {
        assert_eq!(tried("sum:6h-sum:m", SUMS), ["2h sum Samples", "raw"]);
        assert_eq!(
            tried("sum:6h-sum:rollup_fallback:m", SUMS),
            ["2h sum Samples", "1h sum Samples"]
        );
        assert_eq!(
            tried("sum:6h-sum:rollup_nofallback:m", SUMS),
            ["2h sum Samples"]
        );
        assert_eq!(tried("sum:6h-sum:rollup_raw:m", SUMS), ["raw"]);
        assert_eq!(tried("sum:6h-zimsum:m", SUMS)[0], "2h sum Samples");
        assert_eq!(tried("sum:6h-mimmax:m", SUMS)[0], "6h max Samples");
    }

    #[test]
    fn what_does_not_fit_leaves_raw_or_nothing() {
        assert_eq!(tried("sum:30m-sum:m", SUMS), ["raw"]);
        assert_eq!(tried("sum:m", SUMS), ["raw"]);
        assert_eq!(tried("sum:0all-sum:m", SUMS), ["raw"]);
        assert_eq!(tried("sum:6h-dev:m", SUMS), ["raw"]);
        assert!(tried("sum:6h-dev:rollup_nofallback:m", SUMS).is_empty());
    }

    #[test]
    fn averages_need_sums_and_counts_and_counts_are_added() {
        let both = &[("1h", "sum"), ("1h", "count"), ("2h", "sum")];
        assert_eq!(
            tried("sum:2h-avg:m", both),
            ["1h sum+count SumsAndCounts", "raw"]
        );
        assert_eq!(tried("sum:2h-count:m", both), ["1h count Counts", "raw"]);
    }

    #[test]
    fn pre_aggregates_are_apart() {
        assert_eq!(tried("sum:6h-sum:pre-agg:m", SUMS), ["pre"]);
    }
}
