//! From texts to a query, in the order in which `OpenTSDB` finds faults.

use std::collections::HashSet;

use jiff::tz::TimeZone;
use penstock_model::{Timestamp, split_tsuid};

use super::raw::{Place, RawFilter, RawQuery, RawSubQuery};
use super::{
    FILTERS_MAX, PATTERNS_MAX, Query, RequestError, RollupUsage, SUB_QUERIES_MAX, SubQuery,
};
use crate::aggregator::Aggregator;
use crate::downsample::Downsample;
use crate::excerpt::Excerpt;
use crate::filter::{FilterError, TagFilter};
use crate::select::Target;
use crate::{moment, zone};

/// The end of the year 9999. No sample is later, and no calendar goes further.
const END_MAX: i64 = 253_402_300_799_999;

pub(super) fn check(raw: &RawQuery, now: Timestamp) -> Result<Query, RequestError> {
    let named_zone = raw.zone.as_deref().filter(|name| !name.is_empty());
    let found_zone = named_zone.map_or(Some(TimeZone::UTC), zone::named);
    let (start, end) = check_times(
        raw,
        now,
        named_zone.unwrap_or_default(),
        found_zone.as_ref(),
    )?;
    if raw.sub_queries.is_empty() {
        return Err(if raw.is_json {
            RequestError::MissingQueries
        } else {
            RequestError::MissingSubQueries
        });
    }
    let distinct = without_duplicates(&raw.sub_queries);
    if distinct.len() > SUB_QUERIES_MAX {
        return Err(RequestError::TooManySubQueries(distinct.len()));
    }
    let mut patterns_left = PATTERNS_MAX;
    let sub_queries = distinct
        .into_iter()
        .enumerate()
        .map(|(index, sub_query)| {
            check_sub_query(sub_query, index, raw.use_calendar, &mut patterns_left)
        })
        .collect::<Result<_, _>>()?;
    Ok(Query {
        start,
        end,
        zone: found_zone.ok_or(RequestError::UnknownZone)?,
        sub_queries,
        ms_resolution: raw.ms_resolution,
        arrays: raw.arrays,
        show_tsuids: raw.show_tsuids,
        show_query: raw.show_query,
        show_stats: raw.show_stats,
        show_summary: raw.show_summary,
        delete: raw.delete,
    })
}

fn check_times(
    raw: &RawQuery,
    now: Timestamp,
    zone_name: &str,
    zone: Option<&TimeZone>,
) -> Result<(Timestamp, Timestamp), RequestError> {
    let given = |text: &'_ Option<String>| text.clone().filter(|text| !text.is_empty());
    let start = given(&raw.start).ok_or(if raw.is_json {
        RequestError::MissingStart
    } else {
        RequestError::MissingStartParameter
    })?;
    let read = |text: &str| match zone {
        Some(zone) => Ok(moment::parse(text, now, zone)?),
        None if text.contains('/') => Err(RequestError::UnknownZoneOfDate(zone_name.into())),
        None => Ok(moment::parse(text, now, &TimeZone::UTC)?),
    };
    let start = read(&start)?.millis();
    let end = given(&raw.end).map_or(Ok(now), |end| read(&end))?.millis();
    if end <= start {
        return Err(RequestError::EndNotAfterStart { start, end });
    }
    // No sample is before 1970: what lies there need not be walked.
    let held = |millis: i64| Timestamp::from_millis(millis.clamp(0, END_MAX));
    Ok((held(start), held(end)))
}

/// The first of each kind, in order.
fn without_duplicates(sub_queries: &[RawSubQuery]) -> Vec<&RawSubQuery> {
    let mut seen = HashSet::new();
    sub_queries
        .iter()
        .filter(|sub_query| seen.insert(format!("{sub_query:?}")))
        .collect()
}

fn check_sub_query(
    raw: &RawSubQuery,
    index: usize,
    use_calendar: bool,
    patterns_left: &mut usize,
) -> Result<SubQuery, RequestError> {
    let name = raw.aggregator.as_deref().unwrap_or_default();
    if name.is_empty() {
        return Err(RequestError::MissingAggregator);
    }
    let aggregator =
        Aggregator::named(name).ok_or_else(|| RequestError::UnknownAggregator(name.into()))?;
    let target = check_target(raw)?;
    let text = raw.downsample.as_deref().filter(|text| !text.is_empty());
    let mut downsample = text.map(Downsample::parse).transpose()?;
    if use_calendar {
        downsample = downsample.map(Downsample::on_calendar);
    }
    if raw.filters.len() > FILTERS_MAX {
        return Err(RequestError::TooManyFilters(raw.filters.len()));
    }
    Ok(SubQuery {
        index,
        aggregator,
        filters: match target {
            Target::Metric(_) => check_filters(&raw.filters, patterns_left)?,
            Target::Tsuids(_) => Vec::new(),
        },
        target,
        downsample,
        downsample_text: text.map(Into::into),
        rate: raw.rate.then(|| raw.rate_options.unwrap_or_default()),
        explicit_tags: raw.explicit_tags,
        rollup_usage: raw
            .rollup_usage
            .as_deref()
            .map_or_else(RollupUsage::default, RollupUsage::parse),
        pre_aggregate: raw.pre_aggregate,
        percentiles: raw
            .percentiles
            .iter()
            .map(|text| text.as_str().into())
            .collect(),
        show_histogram_buckets: raw.show_histogram_buckets,
    })
}

fn check_target(raw: &RawSubQuery) -> Result<Target, RequestError> {
    if raw.tsuids.is_empty() {
        return match raw.metric.as_deref() {
            None | Some("") => Err(RequestError::MissingTarget),
            Some(metric) => Ok(Target::Metric(metric.into())),
        };
    }
    let is_hex = |text: &&String| !text.is_empty() && text.bytes().all(|b| b.is_ascii_hexdigit());
    if let Some(bad) = raw.tsuids.iter().find(|tsuid| !is_hex(tsuid)) {
        return Err(RequestError::BadTsuid(bad.as_str().into()));
    }
    // What is no TSUID at all is the source's to refuse.
    let mut metrics = raw.tsuids.iter().filter_map(|tsuid| split_tsuid(tsuid));
    if let Some((first, _)) = metrics.next()
        && metrics.any(|(metric, _)| metric != first)
    {
        return Err(RequestError::TsuidsOfSeveralMetrics);
    }
    let tsuids = raw.tsuids.iter().map(|tsuid| tsuid.as_str().into());
    Ok(Target::Tsuids(tsuids.collect()))
}

/// The same filter twice counts once; it groups if either does.
fn check_filters(
    raw: &[RawFilter],
    patterns_left: &mut usize,
) -> Result<Vec<TagFilter>, RequestError> {
    let mut filters: Vec<TagFilter> = Vec::with_capacity(raw.len());
    for raw in raw {
        let filter = check_filter(raw)?;
        if filter.kind == "regexp" {
            *patterns_left = patterns_left
                .checked_sub(1)
                .ok_or(RequestError::TooManyPatterns)?;
        }
        match filters.iter_mut().find(|have| have.is_same_test(&filter)) {
            Some(have) => have.group_by |= filter.group_by,
            None => filters.push(filter),
        }
    }
    Ok(filters)
}

fn check_filter(raw: &RawFilter) -> Result<TagFilter, RequestError> {
    let filter = match &raw.kind {
        Some(kind) => TagFilter::of_type(kind, &raw.key, &raw.text),
        None => TagFilter::from_text(&raw.key, &raw.text),
    };
    match filter {
        Ok(filter) => Ok(TagFilter {
            group_by: raw.group_by,
            ..filter
        }),
        Err(error) => Err(in_place(raw, &error)),
    }
}

fn in_place(raw: &RawFilter, error: &FilterError) -> RequestError {
    let text = Excerpt::from(&*format!("{}={}", raw.key, raw.text));
    let reason = error.to_string();
    match raw.place {
        Place::Json => RequestError::Json(format!("{text}: {reason}")),
        Place::FirstBraces => RequestError::Tag { text, reason },
        Place::SecondBraces => RequestError::Filter { text, reason },
    }
}
