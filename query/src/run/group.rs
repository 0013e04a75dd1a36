//! Which series are merged into one result, and what that result is called.

use std::collections::{BTreeMap, HashMap};

use super::ResultHead;
use crate::request::SubQuery;
use crate::rollup::Values;
use crate::source::SelectedSeries;

/// What counts as one series: one, or the sums and counts that make an average. Numbers are places in what the
/// source found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    One(usize),
    Ratio { sums: usize, counts: usize },
}

impl Unit {
    /// The series whose tags it has.
    pub(super) const fn series(self) -> usize {
        match self {
            Self::One(series) | Self::Ratio { sums: series, .. } => series,
        }
    }
}

/// Series that become one.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) units: Vec<Unit>,
}

/// The groups of a sub-query, in the order of their first series, which is the source's. With `none` every series is
/// one.
pub(super) fn groups(sub_query: &SubQuery, found: &[SelectedSeries], values: Values) -> Vec<Group> {
    let mut units = units(found, values);
    units.retain(|unit| {
        found
            .get(unit.series())
            .is_some_and(|series| sub_query.admits(&series.tags))
    });
    if sub_query.aggregator.is_none() {
        let alone = |unit| Group { units: vec![unit] };
        return units.into_iter().map(alone).collect();
    }
    let mut keys: Vec<&str> = sub_query
        .filters
        .iter()
        .filter(|filter| filter.group_by)
        .map(|filter| &*filter.key)
        .collect();
    keys.sort_unstable();
    keys.dedup();
    let mut groups: Vec<Group> = Vec::new();
    let mut places: HashMap<Vec<&str>, usize> = HashMap::new();
    for unit in units {
        if let Some(series) = found.get(unit.series()) {
            let values = keys
                .iter()
                .map(|key| series.tags.get(key).unwrap_or_default())
                .collect();
            let place = *places.entry(values).or_insert(groups.len());
            match groups.get_mut(place) {
                Some(group) => group.units.push(unit),
                None => groups.push(Group { units: vec![unit] }),
            }
        }
    }
    groups
}

/// The series of all groups in the order in which they are read: one lane, or for sums and counts two side by side.
pub(super) fn lanes(groups: &[Group]) -> Vec<Vec<usize>> {
    let units = || groups.iter().flat_map(|group| &group.units);
    let counts: Vec<usize> = units()
        .filter_map(|unit| match unit {
            Unit::One(_) => None,
            Unit::Ratio { counts, .. } => Some(*counts),
        })
        .collect();
    let mut lanes = vec![units().map(|unit| unit.series()).collect()];
    if !counts.is_empty() {
        lanes.push(counts);
    }
    lanes
}

fn units(found: &[SelectedSeries], values: Values) -> Vec<Unit> {
    if values != Values::SumsAndCounts {
        return (0..found.len()).map(Unit::One).collect();
    }
    let is = |series: &SelectedSeries, name: &str| {
        series
            .function
            .is_some_and(|function| function.name() == name)
    };
    let counts: BTreeMap<_, usize> = (0..)
        .zip(found)
        .filter(|(_, series)| is(series, "count"))
        .map(|(at, series)| ((&series.metric, &series.tags), at))
        .collect();
    (0..)
        .zip(found)
        .filter(|(_, series)| is(series, "sum"))
        .filter_map(|(sums, series)| {
            let counts = *counts.get(&(&series.metric, &series.tags))?;
            Some(Unit::Ratio { sums, counts })
        })
        .collect()
}

/// What the series of a result have in common.
#[derive(Clone, Debug, Default)]
pub(super) struct Labels<'a> {
    metric: &'a str,
    /// Each key with its value, or with none where series differ.
    tags: BTreeMap<&'a str, Option<&'a str>>,
    tsuids: Vec<&'a str>,
}

impl<'a> Labels<'a> {
    /// Of these series. A key counts as shared if the series that have it agree.
    pub(super) fn of(found: &'a [SelectedSeries], series: impl IntoIterator<Item = usize>) -> Self {
        let mut labels = Self::default();
        for series in series.into_iter().filter_map(|at| found.get(at)) {
            labels.metric = &series.metric;
            labels.tsuids.extend(series.tsuid.as_deref());
            for (key, value) in series.tags.iter() {
                labels
                    .tags
                    .entry(key)
                    .and_modify(|have| *have = have.filter(|have| *have == value))
                    .or_insert(Some(value));
            }
        }
        labels.tsuids.sort_unstable();
        labels
    }

    pub(super) fn into_head(self, sub_query: &'a SubQuery) -> ResultHead<'a> {
        ResultHead {
            sub_query,
            metric: self.metric,
            tags: self
                .tags
                .iter()
                .filter_map(|(key, value)| Some((*key, (*value)?)))
                .collect(),
            aggregate_tags: self
                .tags
                .iter()
                .filter(|(_, value)| value.is_none())
                .map(|(key, _)| *key)
                .collect(),
            tsuids: self.tsuids,
        }
    }
}
