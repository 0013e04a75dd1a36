//! What the store's threads and its callers share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex, RwLock};
use penstock_model::Clock;

use super::log::Log;
use crate::config::StoreConfig;
use crate::disk::Disk;
use crate::error::{Pressure, StoreError, WithCauses};
use crate::row::Sequence;
use crate::series::SeriesRegistry;

/// How long a full disk is left alone before the next try.
const FULL_DISK_PAUSE: Duration = Duration::from_millis(200);

type DurableListener = Box<dyn Fn(Sequence) + Send + Sync>;
type FailureListener = Box<dyn Fn(&StoreError) + Send + Sync>;

/// The store's state. Lock order: registry, then `log`; the others are held alone and briefly.
pub(crate) struct Shared {
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) config: StoreConfig,
    pub(crate) registry: Arc<SeriesRegistry>,
    /// The append lock.
    pub(crate) log: Mutex<Log>,
    /// Wakes the committer; used with `log`.
    pub(crate) work: Condvar,
    pub(crate) maintenance: Mutex<MaintenanceRequests>,
    /// Wakes the maintenance thread and those who wait for a flush; used with `maintenance`.
    pub(crate) maintenance_changed: Condvar,
    /// Wakes those who block until something is durable; used with `maintenance`.
    durable_changed: Condvar,
    durable: AtomicU64,
    flushed: AtomicU64,
    pub(crate) wal_bytes: AtomicU64,
    pub(crate) pending_bytes: AtomicU64,
    pub(crate) unsorted_parts: AtomicU64,
    pub(crate) sealed_bytes: AtomicU64,
    pub(crate) disk_full: AtomicBool,
    pub(crate) rows_appended: AtomicU64,
    pub(crate) groups_synced: AtomicU64,
    pub(crate) wal_bytes_written: AtomicU64,
    pub(crate) flushes: AtomicU64,
    stopped: AtomicBool,
    failure: Mutex<Option<Arc<StoreError>>>,
    durable_listeners: RwLock<Vec<DurableListener>>,
    failure_listeners: Mutex<Vec<FailureListener>>,
}

/// What the maintenance thread has been asked for.
#[derive(Debug, Default)]
pub(crate) struct MaintenanceRequests {
    /// A part was sealed, or a limit was passed: look.
    pub(crate) look: bool,
    /// Flushes asked for and done, as ticket numbers.
    pub(crate) flush_wanted: u64,
    pub(crate) flush_done: u64,
    pub(crate) closing: bool,
}

impl Shared {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        clock: Arc<dyn Clock>,
        config: StoreConfig,
        registry: Arc<SeriesRegistry>,
        log: Log,
        flushed: Sequence,
    ) -> Self {
        let durable = AtomicU64::new(log.last.0);
        Self {
            clock,
            disk,
            config,
            registry,
            log: Mutex::new(log),
            work: Condvar::new(),
            maintenance: Mutex::new(MaintenanceRequests::default()),
            maintenance_changed: Condvar::new(),
            durable_changed: Condvar::new(),
            durable,
            flushed: AtomicU64::new(flushed.0),
            wal_bytes: AtomicU64::new(0),
            pending_bytes: AtomicU64::new(0),
            unsorted_parts: AtomicU64::new(0),
            sealed_bytes: AtomicU64::new(0),
            disk_full: AtomicBool::new(false),
            rows_appended: AtomicU64::new(0),
            groups_synced: AtomicU64::new(0),
            wal_bytes_written: AtomicU64::new(0),
            flushes: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            failure: Mutex::new(None),
            durable_listeners: RwLock::new(Vec::new()),
            failure_listeners: Mutex::new(Vec::new()),
        }
    }

    /// The newest sequence on stable storage.
    pub(crate) fn durable(&self) -> Sequence {
        Sequence(self.durable.load(Ordering::Acquire))
    }

    /// Everything up to this sequence is in blocks, series runs and the manifest.
    pub(crate) fn flushed(&self) -> Sequence {
        Sequence(self.flushed.load(Ordering::Acquire))
    }

    pub(crate) fn publish_flushed(&self, flushed: Sequence) {
        self.flushed.store(flushed.0, Ordering::Release);
    }

    /// Tells everybody that the log is on stable storage up to here. Committer only.
    pub(crate) fn publish_durable(&self, durable: Sequence) {
        self.durable.store(durable.0, Ordering::Release);
        for listener in self.durable_listeners.read().iter() {
            listener(durable);
        }
        drop(self.maintenance.lock());
        self.durable_changed.notify_all();
    }

    /// Replay only: nobody listens yet, and what was read is synced before the first append.
    pub(crate) fn set_replayed(&self, sequence: Sequence) {
        self.durable.store(sequence.0, Ordering::Release);
    }

    pub(crate) fn on_durable(&self, listener: DurableListener) {
        self.durable_listeners.write().push(listener);
    }

    /// Calls at once if the store has failed already.
    pub(crate) fn on_failure(&self, listener: FailureListener) {
        let failed = self.failure.lock().clone();
        match failed {
            Some(error) => listener(&error),
            None => self.failure_listeners.lock().push(listener),
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Stops the store: it no longer knows what is on the disk, and a retry would lie. The first failure counts.
    pub(crate) fn fail(&self, error: StoreError) {
        tracing::error!(error = %WithCauses(&error), "store stopped");
        let error = Arc::new(error);
        self.failure
            .lock()
            .get_or_insert_with(|| Arc::clone(&error));
        self.stop();
        for listener in self.failure_listeners.lock().iter() {
            listener(&error);
        }
    }

    /// Refuses everything from now on and wakes all who wait.
    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
        drop(self.log.lock());
        self.work.notify_all();
        drop(self.maintenance.lock());
        self.maintenance_changed.notify_all();
        self.durable_changed.notify_all();
    }

    /// Does something under the append lock and wakes the committer if there is new work for it.
    pub(crate) fn push<T>(&self, change: impl FnOnce(&mut Log) -> T) -> T {
        let mut log = self.log.lock();
        let was_empty = log.pending.is_empty();
        let before = log.pending.bytes.len();
        let result = change(&mut log);
        let now = log.pending.bytes.len();
        let lazy = self.config.lazy_sync_bytes;
        let wake = (was_empty && now > 0) || (before < lazy && now >= lazy);
        self.pending_bytes
            .store(u64::try_from(now).unwrap_or(u64::MAX), Ordering::Relaxed);
        drop(log);
        if wake {
            self.work.notify_one();
        }
        result
    }

    /// Somebody waits for durability.
    pub(crate) fn request_sync(&self) {
        let mut log = self.log.lock();
        if !log.pending.is_empty() && !log.sync_wanted {
            log.sync_wanted = true;
            self.work.notify_one();
        }
    }

    /// Blocks until `sequence` is durable. False if the store stops before.
    pub(crate) fn wait_durable(&self, sequence: Sequence) -> bool {
        self.request_sync();
        let mut requests = self.maintenance.lock();
        while self.durable() < sequence {
            if self.is_stopped() {
                return false;
            }
            self.durable_changed.wait(&mut requests);
        }
        true
    }

    /// Makes the maintenance thread look for work.
    pub(crate) fn request_maintenance(&self) {
        self.maintenance.lock().look = true;
        self.maintenance_changed.notify_all();
    }

    /// The disk had no room: refuse appends, pause, let the maintenance thread free what it can.
    pub(crate) fn wait_for_room(&self) {
        self.disk_full.store(true, Ordering::Relaxed);
        self.request_maintenance();
        let mut log = self.log.lock();
        self.work.wait_for(&mut log, FULL_DISK_PAUSE);
    }

    /// Why appends are refused now, if they are.
    pub(crate) fn pressure(&self) -> Option<Pressure> {
        let config = &self.config;
        let pending =
            usize::try_from(self.pending_bytes.load(Ordering::Relaxed)).unwrap_or(usize::MAX);
        let sealed =
            usize::try_from(self.sealed_bytes.load(Ordering::Relaxed)).unwrap_or(usize::MAX);
        if self.disk_full.load(Ordering::Relaxed) {
            Some(Pressure::DiskFull)
        } else if pending > config.pending_bytes_max {
            Some(Pressure::PendingLog)
        } else if self.unsorted_parts.load(Ordering::Relaxed) > 1 {
            Some(Pressure::Memory)
        } else if sealed > config.sealed_bytes_max.saturating_mul(2)
            || self.wal_bytes.load(Ordering::Relaxed) > config.wal_bytes_limit()
        {
            Some(Pressure::Flush)
        } else {
            None
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("durable", &self.durable())
            .field("flushed", &self.flushed())
            .field("stopped", &self.is_stopped())
            .finish_non_exhaustive()
    }
}
