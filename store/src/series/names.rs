//! The names that a tenant, or whoever sees only some of its series, has: metrics, tag keys, tag values.
//!
//! ```text
//!   whole tenant   metrics, values: NameOrder      keys: the index has them sorted
//!   some series    the same, but only numbers that one of those series has
//! ```
//!
//! A name is there if it ever was in a series of whatever kind; names never go.

use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow};
use std::sync::Arc;

use parking_lot::{Mutex, RwLock};
use penstock_model::{NameRole, TenantId, join_pair, value_of_pair};

use crate::series::id_bits::IdBits;
use crate::series::index::Index;
use crate::series::matcher::{Matcher, Selection, SeriesFilter};
use crate::series::name_order::{NameOrder, Names};
use crate::series::pairs::TenantNumber;
use crate::series::select;
use crate::series::shared::{Shared, Steps};

/// Whose names are meant.
#[derive(Clone, Copy, Debug)]
pub enum NameScope<'a> {
    /// All of a tenant's. The time it takes hangs on how many names are asked for, not on how many there are.
    Tenant(TenantId),
    /// Those of these series. All of the series are looked at.
    Series(&'a Selection),
}

/// The sorted names of every tenant that has asked.
#[derive(Debug, Default)]
pub(crate) struct NameOrders(Mutex<BTreeMap<TenantNumber, Arc<Mutex<OfTenant>>>>);

#[derive(Debug, Default)]
struct OfTenant {
    metrics: NameOrder,
    values: NameOrder,
}

/// Metrics of all kinds by name: a metric and its rollups are several numbers.
struct MetricNames(TenantNumber);

/// Tag values: one that several keys have is several pairs.
struct ValueNames(TenantNumber);

impl NameOrders {
    /// The first `most` names that begin with `prefix`, in the order of their bytes.
    pub(crate) fn names(
        &self,
        lock: &RwLock<Shared>,
        scope: NameScope<'_>,
        kind: NameRole,
        prefix: &str,
        most: usize,
    ) -> Vec<Box<str>> {
        let seen = match scope {
            NameScope::Tenant(_) => None,
            NameScope::Series(selection) => Some(numbers_of(lock, selection, kind)),
        };
        let Some(tenant) = lock.read().index.tenant_number(scope.tenant()) else {
            return Vec::new();
        };
        let accepts = |number| seen.as_ref().is_none_or(|seen| seen.contains(number));
        if kind == NameRole::TagKey {
            return tag_keys(&mut Steps::new(lock), tenant, prefix, most, seen.as_ref());
        }
        let orders = Arc::clone(self.0.lock().entry(tenant).or_default());
        let mut orders = orders.lock();
        let mut steps = Steps::new(lock);
        let found = if kind == NameRole::Metric {
            let names = MetricNames(tenant);
            orders.metrics.catch_up(&mut steps, &names);
            orders
                .metrics
                .find(&mut steps, &names, prefix, most, &accepts)
        } else {
            let names = ValueNames(tenant);
            orders.values.catch_up(&mut steps, &names);
            orders
                .values
                .find(&mut steps, &names, prefix, most, &accepts)
        };
        let text = |bytes: Box<[u8]>| String::from_utf8(bytes.into_vec()).ok();
        found
            .into_iter()
            .filter_map(text)
            .map(String::into_boxed_str)
            .collect()
    }

    /// Bytes of memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        let of_tenant = |orders: &Arc<Mutex<OfTenant>>| {
            let orders = orders.lock();
            orders.metrics.memory_bytes() + orders.values.memory_bytes()
        };
        self.0.lock().values().map(of_tenant).sum()
    }
}

/// Whether a name is there.
pub(crate) fn knows(
    lock: &RwLock<Shared>,
    scope: NameScope<'_>,
    kind: NameRole,
    name: &str,
) -> bool {
    match scope {
        NameScope::Tenant(tenant) => tenant_knows(lock, tenant, kind, name),
        NameScope::Series(selection) => {
            let tenant = selection.tenant;
            // Most names that are asked for and not in the scope are nowhere.
            tenant_knows(lock, tenant, kind, name) && {
                let narrowed = Selection {
                    tenant,
                    any_of: narrowed(lock, selection, kind, name),
                };
                let mut is_there = false;
                select::visit(lock, &narrowed, &mut |_, _| {
                    is_there = true;
                    ControlFlow::Break(())
                });
                is_there
            }
        }
    }
}

/// The tag keys with which the tenant has this value.
pub(crate) fn tag_keys_with(lock: &RwLock<Shared>, tenant: TenantId, value: &str) -> Vec<Box<str>> {
    let mut steps = Steps::new(lock);
    let number = steps.next().index.tenant_number(tenant);
    number.map_or_else(Vec::new, |number| {
        keys_with(&mut steps, number, value, false)
    })
}

impl NameScope<'_> {
    const fn tenant(&self) -> TenantId {
        match self {
            Self::Tenant(tenant) => *tenant,
            Self::Series(selection) => selection.tenant,
        }
    }
}

impl Names for MetricNames {
    fn numbers<'a>(&self, index: &'a Index) -> &'a [u32] {
        index.tenant(self.0).map_or(&[], |tenant| &tenant.metrics)
    }

    fn text<'a>(&self, index: &'a Index, number: u32) -> &'a [u8] {
        let metric = index.metric(number);
        metric.map_or(&[], |metric| metric.name.as_bytes())
    }
}

impl Names for ValueNames {
    fn numbers<'a>(&self, index: &'a Index) -> &'a [u32] {
        index.tenant(self.0).map_or(&[], |tenant| &tenant.pairs)
    }

    fn text<'a>(&self, index: &'a Index, number: u32) -> &'a [u8] {
        value_of_pair(index.pairs.text(number))
    }
}

/// The metrics, or the pairs, that one of these series has.
fn numbers_of(lock: &RwLock<Shared>, selection: &Selection, kind: NameRole) -> IdBits {
    let mut numbers = IdBits::default();
    select::visit(lock, selection, &mut |steps, ids| {
        let index = &steps.next().index;
        for record in ids.iter().filter_map(|id| index.record(*id)) {
            if kind == NameRole::Metric {
                numbers.insert(record.metric);
            } else {
                for pair in record.pairs {
                    numbers.insert(*pair);
                }
            }
        }
        ControlFlow::Continue(())
    });
    numbers
}

/// Keys that begin with `prefix`; with `seen`, only those of which a pair is in it.
fn tag_keys(
    steps: &mut Steps<'_>,
    tenant: TenantNumber,
    prefix: &str,
    most: usize,
    seen: Option<&IdBits>,
) -> Vec<Box<str>> {
    let mut found: Vec<Box<str>> = Vec::new();
    let mut from = Bound::Included(Box::<str>::from(prefix));
    while found.len() < most {
        let keys = steps
            .next()
            .index
            .tenant(tenant)
            .map(|tenant| &tenant.tag_keys);
        let range = (from.as_ref().map(|key| &**key), Bound::Unbounded);
        let next = keys.and_then(|keys| keys.range::<str, _>(range).next());
        let Some((key, _)) = next.filter(|(key, _)| key.starts_with(prefix)) else {
            break;
        };
        let key = key.clone();
        if seen.is_none_or(|seen| has_pair_in(steps, tenant, &key, seen)) {
            found.push(key.clone());
        }
        from = Bound::Excluded(key);
    }
    found
}

fn has_pair_in(steps: &mut Steps<'_>, tenant: TenantNumber, key: &str, seen: &IdBits) -> bool {
    let mut start = 0;
    loop {
        let tenant = steps.next().index.tenant(tenant);
        let step = select::step_of(tenant.and_then(|tenant| tenant.tag_keys.get(key)), start);
        if step.is_empty() {
            return false;
        }
        if step.iter().any(|pair| seen.contains(*pair)) {
            return true;
        }
        start += step.len();
    }
}

fn tenant_knows(lock: &RwLock<Shared>, tenant: TenantId, kind: NameRole, name: &str) -> bool {
    let mut steps = Steps::new(lock);
    let index = &steps.next().index;
    let Some(number) = index.tenant_number(tenant) else {
        return false;
    };
    match kind {
        NameRole::TagKey => index
            .tenant(number)
            .is_some_and(|tenant| tenant.tag_keys.contains_key(name)),
        NameRole::TagValue => !keys_with(&mut steps, number, name, true).is_empty(),
        NameRole::Metric => has_metric(&mut steps, number, name),
    }
}

fn has_metric(steps: &mut Steps<'_>, tenant: TenantNumber, name: &str) -> bool {
    let mut start = 0;
    loop {
        let index = &steps.next().index;
        let step = select::step_of(index.tenant(tenant).map(|tenant| &tenant.metrics), start);
        if step.is_empty() {
            return false;
        }
        let has_name = |id: &u32| {
            index
                .metric(*id)
                .is_some_and(|metric| *metric.name == *name)
        };
        if step.iter().any(has_name) {
            return true;
        }
        start += step.len();
    }
}

/// The tag keys that have this value; only the first that is found if that is enough.
fn keys_with(
    steps: &mut Steps<'_>,
    number: TenantNumber,
    value: &str,
    first_is_enough: bool,
) -> Vec<Box<str>> {
    let mut found = Vec::new();
    let mut from: Bound<Box<str>> = Bound::Unbounded;
    loop {
        let index = &steps.next().index;
        let range = (from.as_ref().map(|key| &**key), Bound::Unbounded);
        let keys = index.tenant(number).map(|tenant| &tenant.tag_keys);
        let mut last = None;
        for (key, _) in keys
            .into_iter()
            .flat_map(|keys| keys.range::<str, _>(range))
            .take(Steps::SIZE)
        {
            if index.pairs.find(number, &join_pair(key, value)).is_some() {
                found.push(key.clone());
                if first_is_enough {
                    return found;
                }
            }
            last = Some(key.clone());
        }
        match last {
            Some(key) => from = Bound::Excluded(key),
            None => return found,
        }
    }
}

/// The filters of a selection, for series that have the name besides.
fn narrowed(
    lock: &RwLock<Shared>,
    selection: &Selection,
    kind: NameRole,
    name: &str,
) -> Vec<SeriesFilter> {
    let exactly = || Matcher::Equals(name.into());
    let filters = selection.any_of.iter().cloned();
    match kind {
        NameRole::Metric => filters
            .filter(|filter| filter.metric.accepts(name))
            .map(|filter| SeriesFilter {
                metric: exactly(),
                ..filter
            })
            .collect(),
        NameRole::TagKey => filters
            .map(|mut filter| {
                filter.tags.push((
                    name.into(),
                    Matcher::Matches(Arc::new(|value| !value.is_empty())),
                ));
                filter
            })
            .collect(),
        NameRole::TagValue => {
            let keys = tag_keys_with(lock, selection.tenant, name);
            filters
                .flat_map(|filter| {
                    keys.iter().map(move |key| {
                        let mut filter = filter.clone();
                        filter.tags.push((key.clone(), exactly()));
                        filter
                    })
                })
                .collect()
        }
    }
}

#[cfg(test)]
mod tests;
