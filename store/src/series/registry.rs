//! The one place where a series gets its id.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::ops::ControlFlow;

use parking_lot::RwLock;
use penstock_model::{Day, KeyPieces, NameRole, SeriesKey, SeriesKind, TenantId};
use roaring::RoaringBitmap;

use crate::block::{MetricCount, TenantCount};
use crate::disk::DiskFile;
use crate::row::{MetricId, Sequence, SeriesId};
use crate::series::activity::{Activity, Presence};
use crate::series::budget::{Novelty, SeriesBudget};
use crate::series::index::Index;
use crate::series::matcher::Selection;
use crate::series::names::{self, NameOrders, NameScope};
use crate::series::order;
use crate::series::pairs::TenantNumber;
use crate::series::run::reader::read_run;
use crate::series::run::writer::RunWriter;
use crate::series::run::{Definition, RunContents, RunError, RunSummary};
use crate::series::select;
use crate::series::shared::{Shared, Steps};

/// The ids that will be given next. Ids are never reused, so these only grow; the manifest keeps them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextIds {
    /// The next new series.
    pub series: SeriesId,
    /// The next new (tenant, kind, metric).
    pub metric: MetricId,
}

/// A series as rows and blocks name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The series.
    pub series: SeriesId,
    /// Its (tenant, kind, metric).
    pub metric: MetricId,
}

/// No series has this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no series has the id {}", .0.0)]
pub struct UnknownSeries(pub SeriesId);

/// A definition read from disk contradicts one that was read before: the directory is damaged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("series {} of metric {} contradicts another definition: {key:?}", .series.0, .metric.0)]
pub struct SeriesConflict {
    /// The id of the later definition.
    pub series: SeriesId,
    /// Its metric id.
    pub metric: MetricId,
    /// Its key.
    pub key: SeriesKey,
}

/// Every series of the store: keys to ids and back, postings, and who is active today.
///
/// Shared by all threads. Known series and selections only read; the write lock is held for a new series alone,
/// about a microsecond. **Lock order: registry, then append**: `define` runs under the write lock, so nobody may
/// call the registry while holding the append lock.
#[derive(Debug)]
pub struct SeriesRegistry {
    // Taken in this order where both are held.
    shared: RwLock<Shared>,
    activity: RwLock<Activity>,
    name_orders: NameOrders,
}

impl SeriesRegistry {
    /// An empty registry. `hash_seed` must be unpredictable: clients choose the keys.
    pub fn new(hash_seed: u64, next: NextIds) -> Self {
        let shared = Shared {
            index: Index::new(hash_seed),
            next,
            unwritten: VecDeque::new(),
        };
        Self {
            shared: RwLock::new(shared),
            activity: RwLock::new(Activity::default()),
            name_orders: NameOrders::default(),
        }
    }

    /// The id of a series; a new series is defined first.
    ///
    /// `day` is the UTC day of the point, `today` the current one. The budget is asked if the series is new, or if
    /// `day` is `today` and the series has no point in it yet. `define` gets the ids of a new series and appends
    /// their WAL record before anyone else can know them; it returns the record's sequence.
    ///
    /// # Errors
    /// The budget's refusal.
    pub fn resolve<B: SeriesBudget>(
        &self,
        key: &SeriesKey,
        day: Day,
        today: Day,
        budget: &B,
        define: &mut dyn FnMut(SeriesId, MetricId, &SeriesKey) -> Sequence,
    ) -> Result<Resolved, B::Refusal> {
        let known = self.shared.read().find(key);
        let (known, tenant) = match known {
            Some(known) => known,
            None => match self.define(key, day, today, budget, define)? {
                Defined::Now(resolved) => return Ok(resolved),
                Defined::ByAnother(known) => known,
            },
        };
        let id = known.series.0;
        if !self.activity.read().is_settled(id, day, today) {
            let presence = Presence { tenant, day, today };
            let mut activity = self.activity.write();
            activity.admit(id, presence, Novelty::Returning, budget)?;
        }
        Ok(known)
    }

    fn define<B: SeriesBudget>(
        &self,
        key: &SeriesKey,
        day: Day,
        today: Day,
        budget: &B,
        define: &mut dyn FnMut(SeriesId, MetricId, &SeriesKey) -> Sequence,
    ) -> Result<Defined, B::Refusal> {
        let mut shared = self.shared.write();
        if let Some(known) = shared.find(key) {
            return Ok(Defined::ByAnother(known));
        }
        let pieces = key.pieces();
        let tenant = shared.index.ensure_tenant(pieces.tenant());
        let series = shared.next.series;
        let presence = Presence { tenant, day, today };
        self.activity
            .write()
            .admit(series.0, presence, Novelty::New, budget)?;
        let known = shared.index.find_metric(pieces.metric()).map(MetricId);
        let metric = known.unwrap_or(shared.next.metric);
        let sequence = define(series, metric, key);
        let hash = shared.index.hash(key.as_bytes());
        shared.add(series, metric, hash, pieces);
        shared.index.post([series.0]);
        shared.unwritten.push_back((sequence, series));
        Ok(Defined::Now(Resolved { series, metric }))
    }

    /// Takes a definition that replay found in the WAL, in the order of the log. The same definition again
    /// changes nothing.
    ///
    /// # Errors
    /// [`SeriesConflict`]: do not go on with this directory.
    pub fn insert_replayed(
        &self,
        series: SeriesId,
        metric: MetricId,
        key: &SeriesKey,
        sequence: Sequence,
    ) -> Result<(), SeriesConflict> {
        let mut shared = self.shared.write();
        if shared.insert(series, metric, key.as_bytes(), key.pieces())? {
            shared.index.post([series.0]);
            shared.unwritten.push_back((sequence, series));
        }
        Ok(())
    }

    /// Takes all definitions of a run. After an error the registry holds a part of them: do not use it.
    ///
    /// # Errors
    /// [`RunError`]: do not go on with this directory.
    pub fn load_run(&self, file: &dyn DiskFile) -> Result<RunSummary, RunError> {
        let mut shared = self.shared.write();
        let mut added = Vec::new();
        let summary = read_run(file, &mut |definition| {
            let Definition {
                series,
                metric,
                key,
            } = definition;
            let pieces = KeyPieces::check(key).map_err(|_| RunError::Damaged {
                offset: 0,
                what: "a key is not canonical",
            })?;
            let is_new = shared
                .insert(series, metric, key, pieces)
                .map_err(RunError::Conflict)?;
            if is_new {
                added.push(series.0);
            }
            Ok(())
        })?;
        added.sort_unstable();
        shared.index.post(added);
        Ok(summary)
    }

    /// Counts series that have a point in `day` as active, if `day` is `today`; asks no budget. Recovery calls it
    /// with what today's blocks and the WAL hold. Unknown ids are passed over.
    pub fn mark_active(&self, series: impl IntoIterator<Item = SeriesId>, day: Day, today: Day) {
        if day != today {
            return;
        }
        let shared = self.shared.read();
        let mut activity = self.activity.write();
        for SeriesId(id) in series {
            let metric = shared.index.metric_of(id);
            if let Some(metric) = metric.and_then(|metric| shared.index.metric(metric)) {
                let tenant = metric.tenant;
                activity.count(id, Presence { tenant, day, today });
            }
        }
    }

    /// How many series of the tenant have a point in the UTC day `today`.
    pub fn active_series(&self, tenant: TenantId, today: Day) -> u64 {
        let number = self.shared.read().index.tenant_number(tenant);
        number.map_or(0, |number| self.activity.read().active(number, today))
    }

    /// How many series there are.
    pub fn len(&self) -> usize {
        self.shared.read().index.len()
    }

    /// Whether there is no series.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The ids that will be given next, for the manifest.
    pub fn next_ids(&self) -> NextIds {
        self.shared.read().next
    }

    /// About how many bytes of memory the index takes. Looks at every metric and pair: not for a hot path.
    pub fn memory_bytes(&self) -> usize {
        let names = self.name_orders.memory_bytes();
        self.shared.read().memory_bytes() + self.activity.read().memory_bytes() + names
    }

    /// The series with a key.
    pub fn find_key(&self, key: &SeriesKey) -> Option<SeriesId> {
        let (resolved, _) = self.shared.read().find(key)?;
        Some(resolved.series)
    }

    /// The key of a series.
    pub fn key(&self, series: SeriesId) -> Option<SeriesKey> {
        self.shared.read().index.key(series.0)
    }

    /// The metric of a series.
    pub fn metric(&self, series: SeriesId) -> Option<MetricId> {
        self.shared.read().index.metric_of(series.0).map(MetricId)
    }

    /// Whose the counts of some metrics are, in the order of tenants. Metrics that are not known are passed over.
    pub(crate) fn tenant_counts(&self, counts: &[MetricCount]) -> Vec<TenantCount> {
        let shared = self.shared.read();
        let mut of_tenant: BTreeMap<TenantId, (u64, u64)> = BTreeMap::new();
        for count in counts {
            if let Some(tenant) = shared.index.tenant_of_metric(count.metric.0) {
                let (series, rows) = of_tenant.entry(tenant).or_default();
                *series = series.saturating_add(count.series);
                *rows = rows.saturating_add(count.rows);
            }
        }
        of_tenant
            .into_iter()
            .map(|(tenant, (series, rows))| TenantCount {
                tenant,
                series,
                rows,
            })
            .collect()
    }

    /// Appends the metric of each series, in their order, under one read lock.
    ///
    /// # Errors
    /// [`UnknownSeries`] names the first id that no series has.
    pub fn metrics_of(
        &self,
        series: &[SeriesId],
        out: &mut Vec<MetricId>,
    ) -> Result<(), UnknownSeries> {
        let shared = self.shared.read();
        out.reserve(series.len());
        for id in series {
            let metric = shared.index.metric_of(id.0).ok_or(UnknownSeries(*id))?;
            out.push(MetricId(metric));
        }
        Ok(())
    }

    /// Whether each of these is a series, under one read lock.
    ///
    /// # Errors
    /// [`UnknownSeries`] names the first that is none.
    pub fn expect_known(
        &self,
        series: impl IntoIterator<Item = SeriesId>,
    ) -> Result<(), UnknownSeries> {
        let shared = self.shared.read();
        let unknown = series.into_iter().find(|id| !shared.index.has(id.0));
        unknown.map_or(Ok(()), |id| Err(UnknownSeries(id)))
    }

    /// The series that are meant, in the order of their keys. Series defined while it runs are not among them.
    pub fn select(&self, selection: &Selection) -> Vec<SeriesId> {
        select::select(&self.shared, selection)
    }

    /// The series that are meant, by their numbers. Series defined while it runs are not among them.
    pub fn find(&self, selection: &Selection) -> RoaringBitmap {
        let mut found = RoaringBitmap::new();
        select::visit(&self.shared, selection, &mut |_, ids| {
            found.extend(ids.iter().copied());
            ControlFlow::Continue(())
        });
        found
    }

    /// Whether any series is meant.
    pub fn has_any(&self, selection: &Selection) -> bool {
        let mut has_any = false;
        select::visit(&self.shared, selection, &mut |_, _| {
            has_any = true;
            ControlFlow::Break(())
        });
        has_any
    }

    /// The kinds of rollups and pre-aggregates that a tenant has, or once had, of a metric.
    pub fn rollups_of(&self, tenant: TenantId, metric: &str) -> Vec<SeriesKind> {
        let shared = self.shared.read();
        let index = &shared.index;
        let number = index.tenant_number(tenant);
        let rollups = number
            .and_then(|number| index.tenant(number)?.rollups.get(metric))
            .map_or(&[][..], Vec::as_slice);
        let kinds = rollups.iter().filter_map(|metric| index.metric(*metric));
        kinds.map(|metric| metric.kind.clone()).collect()
    }

    /// Shows the series that are meant, filter after filter, until `show` has seen enough: those of a filter in the
    /// order in which they were first seen. A series that passes two filters is shown twice. Holds the index's lock
    /// for short times only, and never while it calls `show`.
    pub fn visit(
        &self,
        selection: &Selection,
        show: &mut dyn FnMut(SeriesId, &SeriesKey) -> ControlFlow<()>,
    ) {
        select::visit_keys(&self.shared, selection, show);
    }

    /// The first `most` names of a kind that begin with `prefix`, in the order of their bytes, each once.
    pub fn names(
        &self,
        scope: NameScope<'_>,
        kind: NameRole,
        prefix: &str,
        most: usize,
    ) -> Vec<Box<str>> {
        self.name_orders
            .names(&self.shared, scope, kind, prefix, most)
    }

    /// Whether a series ever had this name.
    pub fn knows(&self, scope: NameScope<'_>, kind: NameRole, name: &str) -> bool {
        names::knows(&self.shared, scope, kind, name)
    }

    /// The tag keys with which the tenant has this value.
    pub fn tag_keys_with(&self, tenant: TenantId, value: &str) -> Vec<Box<str>> {
        names::tag_keys_with(&self.shared, tenant, value)
    }

    /// The series that no run holds, of definitions up to and with `up_to`; `None` if there are none. Write them
    /// with [`SeriesRegistry::write_run`], publish the run, then say so to [`SeriesRegistry::mark_written`].
    pub fn unwritten(&self, up_to: Sequence) -> Option<RunContents> {
        let shared = self.shared.read();
        let end = shared.first_unwritten_after(up_to);
        let (first, _) = *shared.unwritten.front().filter(|_| end > 0)?;
        let (last, _) = *shared.unwritten.get(end.checked_sub(1)?)?;
        let ids = shared.unwritten.range(..end).map(|(_, id)| id.0).collect();
        drop(shared);
        let series = order::sort_by_key(&mut Steps::new(&self.shared), ids);
        Some(RunContents {
            series,
            first,
            last,
        })
    }

    /// Writes the run of `contents` piece by piece, in order; `sink` is a file's `write_all`. Holds the read lock
    /// for short times only.
    ///
    /// # Errors
    /// The sink's error; what has been written so far is worthless then.
    pub fn write_run(
        &self,
        contents: &RunContents,
        sink: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> io::Result<RunSummary> {
        let mut writer = RunWriter::new(sink)?;
        let (mut keys, mut ends) = (Vec::new(), Vec::new());
        for step in contents.series.chunks(Steps::SIZE) {
            keys.clear();
            ends.clear();
            let shared = self.shared.read();
            for id in step {
                let metric = shared.index.append_key(id.0, &mut keys);
                let metric = metric.ok_or_else(|| io::Error::other(UnknownSeries(*id)))?;
                ends.push((*id, MetricId(metric), keys.len()));
            }
            // Compressing and writing need no lock.
            drop(shared);
            let mut start = 0;
            for (series, metric, end) in ends.iter().copied() {
                let key = keys.get(start..end).unwrap_or_default();
                start = end;
                writer.push(Definition {
                    series,
                    metric,
                    key,
                })?;
            }
        }
        writer.finish(contents.first, contents.last)
    }

    /// Forgets that definitions up to and with `up_to` were unwritten: a published run holds them.
    pub fn mark_written(&self, up_to: Sequence) {
        let mut shared = self.shared.write();
        let end = shared.first_unwritten_after(up_to);
        drop(shared.unwritten.drain(..end));
    }
}

enum Defined {
    Now(Resolved),
    /// Between the look-up and the write lock another thread was faster.
    ByAnother((Resolved, TenantNumber)),
}

#[cfg(test)]
pub(crate) mod tests;
