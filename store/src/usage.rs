//! How much of a store is whose: for the operator's status of each application, and for metrics.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use penstock_model::TenantId;

use crate::block::{MetricCount, TenantCount};
use crate::memtable::RowsView;
use crate::row::{MetricId, SeriesId};
use crate::series::SeriesRegistry;
use crate::store::shared::Shared;

/// What one tenant has in a store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TenantUsage {
    /// Samples as they lie: one that was written again counts again until the two meet in a block, and a deleted one
    /// until its block is written anew.
    pub samples: u64,
    /// Bytes of blocks on disk, shared out by samples.
    pub bytes: u64,
}

/// The usage of every tenant that has samples. Reads footers that are in memory, and all rows that are not encoded
/// yet: milliseconds for a million of them.
pub(crate) fn of(shared: &Shared) -> BTreeMap<TenantId, TenantUsage> {
    let (layers, views) = {
        let log = shared.log.lock();
        let layers = Arc::clone(&log.layers);
        let durable = shared.durable();
        let mut views: Vec<_> = layers
            .unsorted
            .iter()
            .map(|part| part.view(durable))
            .collect();
        views.push(log.active.view(durable));
        (layers, views)
    };
    let mut usage = Usage::default();
    for disk in layers.disk.values().flatten() {
        usage.add(disk.block.tenants(), disk.block.rows(), disk.entry.bytes);
    }
    for block in layers.encoded.iter().flat_map(|part| part.blocks.values()) {
        usage.add(block.tenants(), block.rows(), 0);
    }
    let mut rows: HashMap<SeriesId, u64> = HashMap::new();
    for row in views.iter().flat_map(RowsView::iter) {
        let count = rows.entry(row.series).or_default();
        *count = count.saturating_add(1);
    }
    usage.add(&by_tenant(&shared.registry, &rows), 0, 0);
    usage.0
}

fn by_tenant(registry: &SeriesRegistry, rows: &HashMap<SeriesId, u64>) -> Vec<TenantCount> {
    let mut counts: BTreeMap<MetricId, MetricCount> = BTreeMap::new();
    for (series, rows) in rows {
        let Some(metric) = registry.metric(*series) else {
            continue;
        };
        let count = counts.entry(metric).or_insert(MetricCount {
            metric,
            series: 0,
            rows: 0,
        });
        count.series = count.series.saturating_add(1);
        count.rows = count.rows.saturating_add(*rows);
    }
    let counts: Vec<_> = counts.into_values().collect();
    registry.tenant_counts(&counts)
}

#[derive(Default)]
struct Usage(BTreeMap<TenantId, TenantUsage>);

impl Usage {
    fn add(&mut self, tenants: &[TenantCount], rows: u64, bytes: u64) {
        for count in tenants {
            let usage = self.0.entry(count.tenant).or_default();
            usage.samples = usage.samples.saturating_add(count.rows);
            let share = u128::from(bytes)
                .saturating_mul(u128::from(count.rows))
                .checked_div(u128::from(rows))
                .unwrap_or(0);
            let share = u64::try_from(share).unwrap_or(u64::MAX);
            usage.bytes = usage.bytes.saturating_add(share);
        }
    }
}
