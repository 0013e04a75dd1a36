//! From a selection to series.
//!
//! ```text
//!   1  each tag matcher is asked about each distinct value of its key, once   -> a set of pairs
//!      the metric matcher about each metric of the tenant                     -> a set of metrics
//!   2  the metrics, or the set of pairs with the fewest series, give the candidates
//!   3  each candidate's metric and pairs are compared with the other sets
//! ```
//!
//! A tag that a series does not have is the empty string. So a matcher that refuses the empty string wants **one
//! of** the accepted pairs, and one that accepts it wants **none of** the refused pairs.

use parking_lot::RwLock;
use penstock_model::{
    SeriesIdentity, SeriesKey, SeriesKind, Tags, TenantId, join_pair, split_pair,
};

use crate::row::SeriesId;
use crate::series::id_bits::IdBits;
use crate::series::index::Index;
use crate::series::matcher::{KindFilter, Matcher, Selection, SeriesFilter};
use crate::series::order;
use crate::series::pairs::{PairDictionary, TenantNumber};
use crate::series::shared::{Shared, Steps};

/// The series that are meant, in the order of their keys.
pub(crate) fn select(lock: &RwLock<Shared>, selection: &Selection) -> Vec<SeriesId> {
    let mut steps = Steps::new(lock);
    let shared = steps.next();
    // A series defined from here on may have pairs that the matchers have not been asked about.
    let end = shared.next.series.0;
    let Some(number) = shared.index.tenant_number(selection.tenant) else {
        return Vec::new();
    };
    let filtering = Filtering {
        tenant: selection.tenant,
        number,
        end,
    };
    let mut ids = Vec::new();
    for filter in &selection.any_of {
        let before = ids.len();
        filtering.run(&mut steps, filter, &mut ids);
        if before > 0 {
            ids.sort_unstable();
            ids.dedup();
        }
    }
    order::sort_by_key(&mut steps, ids)
}

#[derive(Clone, Copy)]
struct Filtering {
    tenant: TenantId,
    number: TenantNumber,
    /// The first id that is too young.
    end: u32,
}

/// What a matcher demands of a series' pairs.
struct Demand {
    pairs: IdBits,
    quantity: Quantity,
    /// How many series have one of the pairs.
    series: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Quantity {
    OneOf,
    NoneOf,
}

impl Filtering {
    fn run(self, steps: &mut Steps<'_>, filter: &SeriesFilter, out: &mut Vec<u32>) {
        let (metrics, mut fewest) = self.metrics(steps, filter);
        let mut demands = Vec::with_capacity(filter.tags.len());
        let mut from = None;
        for (key, matcher) in &filter.tags {
            let demand = self.demand(steps, key, matcher);
            if demand.quantity == Quantity::OneOf && demand.series < fewest {
                fewest = demand.series;
                from = Some(demands.len());
            }
            demands.push(demand);
        }
        if fewest == 0 {
            return;
        }
        let candidates = match from.and_then(|at| demands.get(at)) {
            Some(demand) => self.union(steps, &demand.pairs, |index, pair| {
                index.pairs.postings(pair)
            }),
            None => self.union(steps, &metrics, |index, metric| {
                let metric = index.metric(metric);
                metric.map_or(&[], |metric| metric.postings.as_slice())
            }),
        };
        for chunk in candidates.chunks(Steps::SIZE) {
            let index = &steps.next().index;
            out.extend(chunk.iter().copied().filter(|id| {
                index.record(*id).is_some_and(|record| {
                    metrics.contains(record.metric)
                        && demands.iter().all(|demand| demand.is_met_by(record.pairs))
                })
            }));
        }
    }

    /// The accepted metrics, and how many series they have.
    fn metrics(self, steps: &mut Steps<'_>, filter: &SeriesFilter) -> (IdBits, usize) {
        let (mut accepted, mut series) = (IdBits::default(), 0);
        let mut accept = |index: &Index, id: u32| {
            accepted.insert(id);
            series += index.metric(id).map_or(0, |metric| metric.postings.len());
        };
        if let (KindFilter::RawOnly, Some(names)) = (&filter.kind, filter.metric.exact()) {
            let index = &steps.next().index;
            for name in names {
                if let Some(id) = index.find_metric(self.raw_metric(name).as_bytes()) {
                    accept(index, id);
                }
            }
            return (accepted, series);
        }
        let mut start = 0;
        loop {
            let index = &steps.next().index;
            let step = step_of(
                index.tenant(self.number).map(|tenant| &tenant.metrics),
                start,
            );
            if step.is_empty() {
                return (accepted, series);
            }
            start += step.len();
            for id in step {
                let passes = index.metric(*id).is_some_and(|metric| {
                    filter.kind.accepts(&metric.kind) && filter.metric.accepts(&metric.name)
                });
                if passes {
                    accept(index, *id);
                }
            }
        }
    }

    /// The key of the raw metric's series without tags.
    fn raw_metric(self, name: &str) -> SeriesKey {
        SeriesIdentity {
            tenant: self.tenant,
            kind: SeriesKind::Raw,
            metric: name.into(),
            tags: Tags::default(),
        }
        .to_key()
    }

    /// What `matcher` demands of the tag `key`.
    fn demand(self, steps: &mut Steps<'_>, key: &str, matcher: &Matcher) -> Demand {
        let quantity = if matcher.accepts("") {
            Quantity::NoneOf
        } else {
            Quantity::OneOf
        };
        let mut demand = Demand {
            pairs: IdBits::default(),
            quantity,
            series: 0,
        };
        let named = match quantity {
            Quantity::OneOf => matcher.exact(),
            Quantity::NoneOf => matcher.exact_refused(),
        };
        if let Some(values) = named {
            let pairs = &steps.next().index.pairs;
            for value in values {
                if let Some(pair) = pairs.find(self.number, &join_pair(key, value)) {
                    demand.take(pairs, pair);
                }
            }
            return demand;
        }
        let mut start = 0;
        loop {
            let index = &steps.next().index;
            let tenant = index.tenant(self.number);
            let step = step_of(tenant.and_then(|tenant| tenant.tag_keys.get(key)), start);
            if step.is_empty() {
                return demand;
            }
            start += step.len();
            for pair in step {
                let (_, value) = split_pair(index.pairs.text(*pair)).unwrap_or_default();
                if matcher.accepts(value) == (quantity == Quantity::OneOf) {
                    demand.take(&index.pairs, *pair);
                }
            }
        }
    }

    /// The series of all `members`, each once: no series has two of them.
    fn union(
        self,
        steps: &mut Steps<'_>,
        members: &IdBits,
        postings: impl Fn(&Index, u32) -> &[u32],
    ) -> Vec<u32> {
        let mut ids = Vec::new();
        for member in members.iter() {
            let series = postings(&steps.next().index, member);
            ids.extend(series.iter().take_while(|id| **id < self.end));
        }
        ids
    }
}

impl Demand {
    fn take(&mut self, pairs: &PairDictionary, pair: u32) {
        self.pairs.insert(pair);
        self.series += pairs.postings(pair).len();
    }

    fn is_met_by(&self, pairs: &[u32]) -> bool {
        let has_one = pairs.iter().any(|pair| self.pairs.contains(*pair));
        has_one == (self.quantity == Quantity::OneOf)
    }
}

/// The next few of a list that may grow between two looks.
fn step_of(list: Option<&Vec<u32>>, start: usize) -> &[u32] {
    let rest = list.and_then(|list| list.get(start..)).unwrap_or_default();
    rest.get(..Steps::SIZE).unwrap_or(rest)
}
