//! The member `query` of a result: the sub-query as it was understood.

use serde_json::{Map, Value, json};

use crate::request::SubQuery;
use crate::select::Target;

pub(super) fn shown(sub_query: &SubQuery) -> Value {
    let (metric, tsuids) = match &sub_query.target {
        Target::Metric(metric) => (Some(metric), None),
        Target::Tsuids(tsuids) => (None, Some(tsuids)),
    };
    json!({
        "index": sub_query.index,
        "aggregator": sub_query.aggregator.name(),
        "metric": metric,
        "tsuids": tsuids,
        "downsample": sub_query.downsample_text,
        "rate": sub_query.rate.is_some(),
        "rateOptions": sub_query.rate.map(|options| json!({
            "counter": options.counter,
            "counterMax": options.counter_max,
            "resetValue": options.reset_value,
            "dropResets": options.drop_resets,
        })),
        "filters": filters(sub_query),
        "tags": tags(sub_query),
        "explicitTags": sub_query.explicit_tags,
        "percentiles": percentiles(sub_query),
        "showHistogramBuckets": sub_query.show_histogram_buckets,
        "rollupUsage": sub_query.rollup_usage.name(),
        "preAggregate": sub_query.pre_aggregate,
    })
}

fn filters(sub_query: &SubQuery) -> Value {
    let filters = sub_query.filters.iter().map(|filter| {
        json!({
            "tagk": filter.key,
            "filter": filter.expression,
            "group_by": filter.group_by,
            "type": filter.kind,
        })
    });
    Value::Array(filters.collect())
}

/// The filters that group, as `type(filter)`.
fn tags(sub_query: &SubQuery) -> Map<String, Value> {
    sub_query
        .filters
        .iter()
        .filter(|filter| filter.group_by)
        .map(|filter| {
            let text = format!("{}({})", filter.kind, filter.expression);
            (filter.key.to_string(), Value::String(text))
        })
        .collect()
}

fn percentiles(sub_query: &SubQuery) -> Option<Vec<f64>> {
    let numbers = || {
        sub_query
            .percentiles
            .iter()
            .filter_map(|text| text.parse().ok())
    };
    (!sub_query.percentiles.is_empty()).then(|| numbers().collect())
}
