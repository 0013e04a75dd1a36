//! Which series a sub-query reads: what it asks of a [`SeriesSource`](crate::SeriesSource).

use penstock_model::{Aggregator, Interval, Tags, Timestamp};

use crate::filter::{Predicate, TagFilter};

/// What names the series.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// All series of a metric.
    Metric(Box<str>),
    /// These series, by hexadecimal ids of any letter case. A source without ids answers an error.
    Tsuids(Vec<Box<str>>),
}

/// Raw data or rollups, never both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KindFilter {
    /// What devices measured.
    Raw,
    /// Values over several series, of whatever function.
    PreAggregate,
    /// One value for each interval.
    Rollup {
        /// The span of a value.
        interval: Interval,
        /// One of these functions over that span.
        functions: Vec<Aggregator>,
        /// Made of pre-aggregates, or of what devices measured.
        is_pre_aggregate: bool,
    },
}

/// The series to read, and from when to when.
#[derive(Clone, Debug)]
pub struct Selection {
    /// What names the series.
    pub target: Target,
    /// Raw data or rollups.
    pub kind: KindFilter,
    /// Tag keys and what their values must be, all of it. A key may occur again.
    pub tags: Vec<(Box<str>, Predicate)>,
    /// The first moment of the window.
    pub from: Timestamp,
    /// Its last moment.
    pub to: Timestamp,
    /// The first and last moment whose samples count. Others of the window only show that a series has any: a source
    /// may pass over them, as long as it hands out something of each series that has a sample in the window.
    pub needed: (Timestamp, Timestamp),
    /// The query refuses more series than these.
    pub series_max: usize,
}

/// The conditions of several filters: those on different keys and of different types all hold, but the values
/// of several `literal_or` on one key are united.
pub(crate) fn conditions(filters: &[TagFilter]) -> Vec<(Box<str>, Predicate)> {
    let mut conditions: Vec<(Box<str>, Predicate)> = Vec::with_capacity(filters.len());
    for filter in filters {
        if !unite(&mut conditions, filter) {
            conditions.push((filter.key.clone(), filter.predicate.clone()));
        }
    }
    conditions
}

/// Adds a list to one that is there for the same key. False if either is none.
fn unite(conditions: &mut [(Box<str>, Predicate)], filter: &TagFilter) -> bool {
    let Some(more) = filter.predicate.literals() else {
        return false;
    };
    for (key, have) in conditions {
        if *key == filter.key
            && let Some(literals) = have.literals()
        {
            *have = Predicate::united(literals, more);
            return true;
        }
    }
    false
}

/// Whether a series has the keys of the filters and no other.
pub(crate) fn has_exactly_the_keys(tags: &Tags, filters: &[TagFilter]) -> bool {
    tags.iter()
        .all(|(key, _)| filters.iter().any(|filter| *filter.key == *key))
        && filters.iter().all(|filter| tags.get(&filter.key).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(texts: &[(&str, &str)]) -> Vec<TagFilter> {
        texts
            .iter()
            .map(|(key, text)| TagFilter::from_text(key, text).unwrap())
            .collect()
    }

    fn accepts(conditions: &[(Box<str>, Predicate)], value: &str) -> bool {
        conditions
            .iter()
            .all(|(_, predicate)| predicate.accepts(value))
    }

    #[test]
    fn lists_on_one_key_are_united_and_all_else_must_hold() {
        let united = conditions(&filters(&[("host", "a"), ("host", "b*"), ("host", "b")]));
        assert_eq!(united.len(), 2);
        assert!(accepts(&united, "b"));
        assert!(!accepts(&united, "a"));
        assert!(!accepts(&united, "bb"));
        assert_eq!(conditions(&filters(&[("host", "a"), ("dc", "a")])).len(), 2);
    }

    #[test]
    fn explicit_keys_are_neither_more_nor_less() {
        let filters = filters(&[("host", "*"), ("dc", "*")]);
        let tags = |pairs: &[(&str, &str)]| Tags::from_pairs(pairs.iter().copied()).unwrap();
        assert!(has_exactly_the_keys(
            &tags(&[("host", "a"), ("dc", "x")]),
            &filters
        ));
        assert!(!has_exactly_the_keys(&tags(&[("host", "a")]), &filters));
        let more = tags(&[("host", "a"), ("dc", "x"), ("cpu", "0")]);
        assert!(!has_exactly_the_keys(&more, &filters));
    }
}
