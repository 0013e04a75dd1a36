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

use std::ops::ControlFlow;

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
    let Some(filtering) = Filtering::new(&mut steps, selection.tenant) else {
        return Vec::new();
    };
    let mut ids = Vec::new();
    for filter in &selection.any_of {
        let before = ids.len();
        let plan = filtering.plan(&mut steps, filter);
        let all = plan.run(&mut steps, &mut |_, passing| {
            ids.extend_from_slice(passing);
            ControlFlow::Continue(())
        });
        debug_assert!(all.is_continue());
        if before > 0 {
            ids.sort_unstable();
            ids.dedup();
        }
    }
    order::sort_by_key(&mut steps, ids)
}

/// Shows the series that are meant some at a time, filter after filter, until `show` has seen enough: those of a filter
/// in the order of their ids, which is that in which they were first seen. One that passes two filters is shown twice.
pub(crate) fn visit(lock: &RwLock<Shared>, selection: &Selection, show: &mut Show<'_>) {
    let mut steps = Steps::new(lock);
    let Some(filtering) = Filtering::new(&mut steps, selection.tenant) else {
        return;
    };
    for filter in &selection.any_of {
        let mut plan = filtering.plan(&mut steps, filter);
        if !plan.candidates.is_sorted() {
            steps.aside(|| plan.candidates.sort_unstable());
        }
        if plan.run(&mut steps, show).is_break() {
            return;
        }
    }
}

/// Shows the series that are meant one by one, as [`visit`] does, without the lock.
pub(crate) fn visit_keys(
    lock: &RwLock<Shared>,
    selection: &Selection,
    show: &mut dyn FnMut(SeriesId, &SeriesKey) -> ControlFlow<()>,
) {
    visit(lock, selection, &mut |steps, ids| {
        let index = &steps.next().index;
        let keys: Vec<_> = ids
            .iter()
            .map(|id| (SeriesId(*id), index.key(*id)))
            .collect();
        steps.aside(|| {
            for (id, key) in &keys {
                if let Some(key) = key {
                    show(*id, key)?;
                }
            }
            ControlFlow::Continue(())
        })
    });
}

/// Takes some series; at most [`Steps::SIZE`].
type Show<'a> = dyn FnMut(&mut Steps<'_>, &[u32]) -> ControlFlow<()> + 'a;

#[derive(Clone, Copy)]
struct Filtering {
    tenant: TenantId,
    number: TenantNumber,
    /// The first id that is too young.
    end: u32,
}

/// A filter as sets of numbers, and the series to try.
struct Plan {
    metrics: IdBits,
    demands: Vec<Demand>,
    candidates: Vec<u32>,
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
    /// `None` for a tenant that has no series.
    fn new(steps: &mut Steps<'_>, tenant: TenantId) -> Option<Self> {
        let shared = steps.next();
        Some(Self {
            tenant,
            number: shared.index.tenant_number(tenant)?,
            // A series defined from here on may have pairs that the matchers have not been asked about.
            end: shared.next.series.0,
        })
    }

    fn plan(self, steps: &mut Steps<'_>, filter: &SeriesFilter) -> Plan {
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
        let candidates = match from.and_then(|at| demands.get(at)) {
            _ if fewest == 0 => Vec::new(),
            Some(demand) => self.union(steps, &demand.pairs, |index, pair| {
                index.pairs.postings(pair)
            }),
            None => self.union(steps, &metrics, |index, metric| {
                let metric = index.metric(metric);
                metric.map_or(&[], |metric| metric.postings.as_slice())
            }),
        };
        Plan {
            metrics,
            demands,
            candidates,
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

    /// The series of all `members`, each once: no series has two of them. Those of one member are ascending.
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

impl Plan {
    /// Shows the candidates that pass.
    fn run(&self, steps: &mut Steps<'_>, show: &mut Show<'_>) -> ControlFlow<()> {
        let mut passing = Vec::with_capacity(Steps::SIZE);
        for chunk in self.candidates.chunks(Steps::SIZE) {
            let index = &steps.next().index;
            passing.clear();
            passing.extend(chunk.iter().copied().filter(|id| self.passes(index, *id)));
            if !passing.is_empty() {
                show(steps, &passing)?;
            }
        }
        ControlFlow::Continue(())
    }

    fn passes(&self, index: &Index, id: u32) -> bool {
        index.record(id).is_some_and(|record| {
            self.metrics.contains(record.metric)
                && self
                    .demands
                    .iter()
                    .all(|demand| demand.is_met_by(record.pairs))
        })
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
pub(crate) fn step_of(list: Option<&Vec<u32>>, start: usize) -> &[u32] {
    let rest = list.and_then(|list| list.get(start..)).unwrap_or_default();
    rest.get(..Steps::SIZE).unwrap_or(rest)
}
