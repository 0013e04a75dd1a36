//! The store's front: open, append, delete, scan, close.
//!
//! ```text
//!   append(rows) ── encode a record, then under the append lock: sequence, pending WAL, active rows
//!                        │ committer thread                     │ maintenance thread
//!                        v                                      v
//!                  group, fdatasync ──> durable sequence   seal, sort, encode ──> flush ──> blocks, manifest
//! ```
//!
//! An append is acknowledged when [`Store::durable`] has reached the sequence it returned. Nothing here
//! blocks but [`Store::flush`], [`Store::close`] and [`Store::wait_durable`].

mod committer;
mod gathering;
pub(crate) mod layers;
pub(crate) mod log;
pub(crate) mod maintenance;
pub(crate) mod shared;
mod workers;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;
use penstock_model::{Clock, Day, SeriesKey, TenantId, Timestamp};

use self::committer::Committer;
use self::shared::Shared;
use self::workers::{CallersWork, Workers};
use crate::config::StoreConfig;
use crate::disk::{Disk, DiskLock};
use crate::error::{AppendError, Pressure, ResolveError, StoreError};
use crate::recovery::{self, OpenReport};
use crate::row::{Row, Sequence, SeriesId};
use crate::scan::Scan;
use crate::scan::snapshot::Snapshot;
use crate::series::{Novelty, Selection, SeriesBudget, SeriesRegistry};
use crate::stats::StoreStats;
use crate::tombstone::Tombstone;
use crate::usage::{self, TenantUsage};
use crate::wal::record::{self, RECORD_ROWS_MAX, TOMBSTONE_SERIES_MAX, TombstoneRecord};

/// A handle on a running store; clones are the same store.
#[derive(Clone, Debug)]
pub struct Store {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    workers: Mutex<Workers>,
    _lock: Box<dyn DiskLock>,
}

/// What a delete did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deleted {
    /// The delete is durable when [`Store::durable`] has reached this.
    pub sequence: Sequence,
    /// How many series were selected.
    pub series: u64,
}

impl Store {
    /// Opens the data directory, replays what the last process left, and starts two threads.
    ///
    /// # Errors
    /// [`StoreError`], whose kind tells damaged files (nothing was changed) from a disk that fails;
    /// [`StoreError::Locked`] while somebody else has it open.
    pub fn open(
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        config: StoreConfig,
    ) -> Result<(Self, OpenReport), StoreError> {
        let opened = recovery::open(disk, clock, config)?;
        let committer = Committer::new(opened.wal, Arc::clone(&opened.shared));
        let workers = Workers::start(&opened.shared, committer, opened.maintenance)?;
        Ok((
            Self::new(opened.shared, workers, opened.lock),
            opened.report,
        ))
    }

    /// Opens without threads: the work is done inside [`Store::wait_durable`], [`Store::flush`] and
    /// [`Store::close`] by the thread that calls them. For simulations, where every file operation must happen
    /// in one order.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_without_threads(
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        config: StoreConfig,
    ) -> Result<(Self, OpenReport), StoreError> {
        let opened = recovery::open(disk, clock, config)?;
        let committer = Committer::new(opened.wal, Arc::clone(&opened.shared));
        let workers = Workers::Caller(Box::new(CallersWork {
            committer,
            maintenance: opened.maintenance,
        }));
        Ok((
            Self::new(opened.shared, workers, opened.lock),
            opened.report,
        ))
    }

    fn new(shared: Arc<Shared>, workers: Workers, lock: Box<dyn DiskLock>) -> Self {
        Self {
            inner: Arc::new(Inner {
                shared,
                workers: Mutex::new(workers),
                _lock: lock,
            }),
        }
    }

    /// The id of a series; a new one is defined in the log before this returns. `day` is the UTC day of the
    /// sample that is to be appended: the series then counts as active on it.
    ///
    /// # Errors
    /// [`ResolveError::Busy`] for a new series while the disk is full: a definition would wait for room in memory, and
    /// the samples that it is for are refused anyway. Any other pressure passes soon, and the append feels it.
    /// [`ResolveError::Refused`] is what the budget says, asked only if the series is new or not yet active today.
    pub fn resolve<B: SeriesBudget>(
        &self,
        key: &SeriesKey,
        day: Day,
        budget: &B,
    ) -> Result<SeriesId, ResolveError<B::Refusal>> {
        let shared = &self.inner.shared;
        let today = shared.clock.now().day();
        let mut define = |series, metric, key: &SeriesKey| {
            let mut encoded = Vec::new();
            record::encode_definition(series, metric, key, &mut encoded);
            shared.push(|log| log.push_record(&mut encoded))
        };
        let budget = BudgetAndRoom { budget, shared };
        shared
            .registry
            .resolve(key, day, today, &budget, &mut define)
            .map(|resolved| resolved.series)
    }

    /// Appends rows of resolved series and returns the sequence of the last. Never blocks. All rows are
    /// appended or none.
    ///
    /// # Errors
    /// [`AppendError::Busy`] while the store pushes back, [`AppendError::Stopped`] for good.
    pub fn append(&self, rows: &[Row]) -> Result<Sequence, AppendError> {
        let shared = &self.inner.shared;
        self.check_open()?;
        let record_rows = rows_of_record(shared.config.group_bytes_max);
        let mut encoded = Vec::with_capacity(rows.len().saturating_mul(8).saturating_add(64));
        for rows in rows.chunks(record_rows) {
            record::encode_samples(rows, &mut encoded);
        }
        let received = shared.clock.now();
        let durable = shared.durable();
        let (last, sealed) = shared.push(|log| {
            if log.closing {
                return Err(AppendError::Stopped);
            }
            for (record, rows) in record::split_mut(&mut encoded).zip(rows.chunks(record_rows)) {
                log.push_samples(record, rows, received, durable);
            }
            let is_full = log.active.len() >= shared.config.sealed_rows;
            Ok((log.last, is_full && log.seal()))
        })?;
        if sealed {
            shared.request_maintenance();
        }
        shared.rows_appended.fetch_add(
            u64::try_from(rows.len()).unwrap_or(u64::MAX),
            Ordering::Relaxed,
        );
        Ok(last)
    }

    /// Hides the samples of some series between two moments, inclusive. They are out of every scan that begins
    /// after the delete is durable.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub fn delete(
        &self,
        selection: &Selection,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Deleted, AppendError> {
        self.check_open()?;
        let found = self.inner.shared.registry.find(selection);
        let series: Vec<SeriesId> = found.iter().map(SeriesId).collect();
        self.delete_series(selection.tenant, &series, from, to)
    }

    /// The same for series of a tenant, ascending, as a [`Snapshot`] names them.
    ///
    /// # Errors
    /// As [`Store::append`].
    pub fn delete_series(
        &self,
        tenant: TenantId,
        series: &[SeriesId],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Deleted, AppendError> {
        let shared = &self.inner.shared;
        self.check_open()?;
        let mut sequence = shared.log.lock().last;
        for series in series.chunks(series_of_record(shared.config.group_bytes_max)) {
            let tombstone = TombstoneRecord {
                tenant,
                series: series.to_vec(),
                from: from.millis(),
                to: to.millis(),
            };
            let mut encoded = Vec::new();
            record::encode_tombstone(&tombstone, &mut encoded);
            let tombstone = Tombstone {
                sequence: Sequence::ZERO,
                tenant,
                series: series.iter().map(|series| series.0).collect(),
                from: from.millis(),
                to: to.millis(),
            };
            sequence = shared.push(|log| {
                if log.closing {
                    return Err(AppendError::Stopped);
                }
                Ok(log.push_tombstone(&mut encoded, tombstone))
            })?;
        }
        shared.request_maintenance();
        Ok(Deleted {
            sequence,
            series: u64::try_from(series.len()).unwrap_or(u64::MAX),
        })
    }

    /// The samples of some series between two moments, inclusive.
    ///
    /// # Errors
    /// [`StoreError::Stopped`], [`StoreError::CopiesFull`].
    pub fn scan(
        &self,
        selection: &Selection,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<Scan, StoreError> {
        let snapshot = self.snapshot()?;
        let series = self.inner.shared.registry.select(selection);
        Scan::new(snapshot, series, from, to)
    }

    /// Everything that is durable now, for as long as the snapshot is kept: deletes and flushes that come later
    /// change nothing in it.
    ///
    /// # Errors
    /// [`StoreError::Stopped`].
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let shared = &self.inner.shared;
        if shared.is_stopped() {
            return Err(StoreError::Stopped);
        }
        let log = shared.log.lock();
        // Under the lock: whatever has been encoded or flushed by now is durable, deletes included.
        let durable = shared.durable();
        let layers = Arc::clone(&log.layers);
        let mut views: Vec<_> = layers
            .unsorted
            .iter()
            .map(|part| (part.span().last, part.view(durable)))
            .collect();
        views.push((log.last, log.active.view(durable)));
        drop(log);
        let tombstones = layers
            .tombstones
            .iter()
            .filter(|t| t.sequence <= durable)
            .map(Arc::clone)
            .collect();
        Ok(Snapshot {
            registry: Arc::clone(&shared.registry),
            layers,
            views,
            tombstones,
            copies: shared.copies.clone(),
        })
    }

    /// The newest sequence on stable storage.
    pub fn durable(&self) -> Sequence {
        self.inner.shared.durable()
    }

    /// Says that somebody waits: what is pending is written as soon as the disk is free and those have come who are
    /// expected to come too, a few milliseconds later at most.
    pub fn request_sync(&self) {
        self.inner.shared.request_sync();
    }

    /// Calls `listener` after every group, on the committer's thread: it must be quick.
    pub fn on_durable(&self, listener: Box<dyn Fn(Sequence) + Send + Sync>) {
        self.inner.shared.on_durable(listener);
    }

    /// Calls `listener` once if a write or sync fails. The process should then end: what was acknowledged is
    /// on the disk, anything later is unknown.
    pub fn on_failure(&self, listener: Box<dyn Fn(&StoreError) + Send + Sync>) {
        self.inner.shared.on_failure(listener);
    }

    /// Why appends are refused now, if they are.
    pub fn pressure(&self) -> Option<Pressure> {
        self.inner.shared.pressure()
    }

    /// Blocks until `sequence` is durable.
    ///
    /// # Errors
    /// [`StoreError`] if the store stops before.
    pub fn wait_durable(&self, sequence: Sequence) -> Result<(), StoreError> {
        if let Workers::Caller(workers) = &mut *self.inner.workers.lock() {
            return workers.work(&self.inner.shared, false, || self.durable() >= sequence);
        }
        if self.inner.shared.wait_durable(sequence) {
            Ok(())
        } else {
            Err(StoreError::Stopped)
        }
    }

    /// Blocks until everything appended so far is in blocks.
    ///
    /// # Errors
    /// [`StoreError`]; with a full disk it can be tried again.
    pub fn flush(&self) -> Result<(), StoreError> {
        let shared = &self.inner.shared;
        let target = shared.log.lock().last;
        if let Workers::Caller(workers) = &mut *self.inner.workers.lock() {
            workers.work(shared, true, || shared.flushed() >= target)
        } else {
            self.flush_by_thread(target)
        }
    }

    fn flush_by_thread(&self, target: Sequence) -> Result<(), StoreError> {
        let shared = &self.inner.shared;
        let mut requests = shared.maintenance.lock();
        requests.flush_wanted = requests.flush_wanted.saturating_add(1);
        let ticket = requests.flush_wanted;
        shared.maintenance_changed.notify_all();
        while requests.flush_done < ticket {
            if shared.is_stopped() {
                return Err(StoreError::Stopped);
            }
            shared.maintenance_changed.wait(&mut requests);
        }
        if shared.flushed() >= target {
            Ok(())
        } else {
            let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
            Err(StoreError::Disk {
                operation: "flush to",
                path: "blocks".into(),
                source,
            })
        }
    }

    /// Syncs, flushes and stops: the next start has nothing to replay. Appends are refused from now on.
    ///
    /// # Errors
    /// [`StoreError`]; what was acknowledged is on the disk all the same.
    pub fn close(&self) -> Result<(), StoreError> {
        let shared = &self.inner.shared;
        shared.log.lock().closing = true;
        let flushed = self.flush();
        shared.maintenance.lock().closing = true;
        shared.work.notify_all();
        shared.maintenance_changed.notify_all();
        self.inner.take_workers().end();
        shared.stop();
        if shared.has_failed() {
            return Err(StoreError::Stopped);
        }
        flushed
    }

    /// What the store has counted.
    pub fn stats(&self) -> StoreStats {
        StoreStats::of(&self.inner.shared)
    }

    /// What each tenant has in the store; a tenant without samples is not among them.
    pub fn usage(&self) -> BTreeMap<TenantId, TenantUsage> {
        usage::of(&self.inner.shared)
    }

    /// How many series of a tenant have had a sample in the current UTC day.
    pub fn active_series(&self, tenant: TenantId) -> u64 {
        let shared = &self.inner.shared;
        shared
            .registry
            .active_series(tenant, shared.clock.now().day())
    }

    /// Which series there are, and which names; nothing of their samples.
    pub fn series(&self) -> &SeriesRegistry {
        &self.inner.shared.registry
    }

    fn check_open(&self) -> Result<(), AppendError> {
        if self.inner.shared.is_stopped() {
            return Err(AppendError::Stopped);
        }
        self.pressure()
            .map_or(Ok(()), |pressure| Err(AppendError::Busy(pressure)))
    }
}

/// A budget, and a disk that must have room for the definition.
#[derive(Debug)]
struct BudgetAndRoom<'a, B> {
    budget: &'a B,
    shared: &'a Shared,
}

impl<B: SeriesBudget> SeriesBudget for BudgetAndRoom<'_, B> {
    type Refusal = ResolveError<B::Refusal>;

    fn admit(&self, active_today: u64, novelty: Novelty) -> Result<(), Self::Refusal> {
        if novelty == Novelty::New && self.shared.is_disk_full() {
            return Err(ResolveError::Busy(Pressure::DiskFull));
        }
        self.budget
            .admit(active_today, novelty)
            .map_err(ResolveError::Refused)
    }
}

impl Inner {
    fn take_workers(&self) -> Workers {
        std::mem::replace(&mut *self.workers.lock(), Workers::Gone)
    }
}

impl Drop for Inner {
    /// A store that is dropped without [`Store::close`] stops where it is, as after kill -9: the log has
    /// everything that was acknowledged.
    fn drop(&mut self) {
        self.shared.stop();
        self.take_workers().end();
    }
}

/// How many rows a record may have so that it fits a group, however badly they pack.
fn rows_of_record(group_bytes_max: usize) -> usize {
    (group_bytes_max.saturating_sub(64) / 32).clamp(1, RECORD_ROWS_MAX)
}

/// The same for the series of a delete.
fn series_of_record(group_bytes_max: usize) -> usize {
    (group_bytes_max.saturating_sub(64) / 5).clamp(1, TOMBSTONE_SERIES_MAX)
}
