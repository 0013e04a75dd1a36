//! What the store's threads and its callers share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex, RwLock};
use penstock_model::{Clock, WithCauses};

use super::log::Log;
use crate::config::StoreConfig;
use crate::disk::Disk;
use crate::error::{Pressure, StoreError};
use crate::row::Sequence;
use crate::scan::copies::CopyBudget;
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
    pending_bytes: AtomicU64,
    unsorted_rows: AtomicU64,
    sealed_bytes: AtomicU64,
    /// What readers have copied.
    pub(crate) copies: CopyBudget,
    /// The committer holds records for which no segment can be made.
    log_lacks_room: AtomicBool,
    /// The reserve is touched, or a flush has found no room.
    pub(crate) disk_is_full: AtomicBool,
    pub(crate) rows_appended: AtomicU64,
    pub(crate) groups_synced: AtomicU64,
    pub(crate) wal_bytes_written: AtomicU64,
    pub(crate) flushes: AtomicU64,
    stopped: AtomicBool,
    failure: Mutex<Failure>,
    durable_listeners: RwLock<Vec<DurableListener>>,
}

/// The first failure, and who wants to be told of it.
#[derive(Default)]
struct Failure {
    error: Option<Arc<StoreError>>,
    listeners: Vec<FailureListener>,
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
        let copies = CopyBudget::new(config.copied_bytes_max);
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
            unsorted_rows: AtomicU64::new(0),
            sealed_bytes: AtomicU64::new(0),
            copies,
            log_lacks_room: AtomicBool::new(false),
            disk_is_full: AtomicBool::new(false),
            rows_appended: AtomicU64::new(0),
            groups_synced: AtomicU64::new(0),
            wal_bytes_written: AtomicU64::new(0),
            flushes: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            failure: Mutex::new(Failure::default()),
            durable_listeners: RwLock::new(Vec::new()),
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

    /// Says so, and wakes the committer, which then lets go of the log up to there.
    pub(crate) fn publish_flushed(&self, flushed: Sequence) {
        self.flushed.store(flushed.0, Ordering::Release);
        drop(self.log.lock());
        self.work.notify_one();
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
        let mut failure = self.failure.lock();
        match failure.error.clone() {
            None => failure.listeners.push(listener),
            Some(error) => {
                drop(failure);
                listener(&error);
            }
        }
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Acquire)
    }

    /// Stops the store: it no longer knows what is on the disk, and a retry would lie. Only the first failure of a
    /// store that runs is told: what fails after it fails because the store has stopped.
    pub(crate) fn fail(&self, error: StoreError) {
        let mut failure = self.failure.lock();
        if failure.error.is_some() || self.is_stopped() {
            return;
        }
        tracing::error!(error = %WithCauses(&error), "store stopped");
        let error = Arc::new(error);
        failure.error = Some(Arc::clone(&error));
        let listeners = std::mem::take(&mut failure.listeners);
        drop(failure);
        self.stop();
        for listener in listeners {
            listener(&error);
        }
    }

    /// Whether a failure has stopped the store.
    pub(crate) fn has_failed(&self) -> bool {
        self.failure.lock().error.is_some()
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

    /// Does something under the append lock and wakes the committer if it would not notice in time.
    pub(crate) fn push<T>(&self, change: impl FnOnce(&mut Log) -> T) -> T {
        let mut log = self.log.lock();
        let before = log.pending.bytes.len();
        let result = change(&mut log);
        let now = log.pending.bytes.len();
        let lazy = self.config.lazy_sync_bytes;
        let sleeps = now > 0 && std::mem::take(&mut log.committer_sleeps);
        let wake = sleeps || (before < lazy && now >= lazy);
        self.measure(&log);
        drop(log);
        if wake {
            self.work.notify_one();
        }
        result
    }

    /// Takes down what [`Shared::pressure`] looks at. Whoever has changed the log calls it under the lock.
    pub(crate) fn measure(&self, log: &Log) {
        let put = |to: &AtomicU64, n: usize| {
            to.store(u64::try_from(n).unwrap_or(u64::MAX), Ordering::Relaxed);
        };
        put(&self.pending_bytes, log.pending.bytes.len());
        put(&self.unsorted_rows, log.layers.unsorted_rows());
        put(&self.sealed_bytes, log.layers.encoded_bytes());
    }

    /// Somebody waits for durability.
    pub(crate) fn request_sync(&self) {
        let mut log = self.log.lock();
        if !log.pending.is_empty() && log.gathering.add() {
            self.work.notify_one();
        }
    }

    /// Blocks until `sequence` is durable. False if the store stops before.
    pub(crate) fn wait_durable(&self, sequence: Sequence) -> bool {
        self.wait_durable_unless(sequence, || false)
    }

    /// Blocks until `sequence` is durable. False if the log has no room for it: only what is durable already can
    /// then be flushed, and has to be, since that is what makes room.
    ///
    /// # Errors
    /// [`StoreError::Stopped`].
    pub(crate) fn wait_durable_while_room(&self, sequence: Sequence) -> Result<bool, StoreError> {
        let is_durable = self.wait_durable_unless(sequence, || self.log_lacks_room());
        if is_durable || !self.is_stopped() {
            Ok(is_durable)
        } else {
            Err(StoreError::Stopped)
        }
    }

    fn wait_durable_unless(&self, sequence: Sequence, give_up: impl Fn() -> bool) -> bool {
        if self.durable() >= sequence {
            return true;
        }
        self.request_sync();
        let mut requests = self.maintenance.lock();
        while self.durable() < sequence {
            if self.is_stopped() || give_up() {
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

    /// Whether the committer holds records that the disk has no room for.
    pub(crate) fn log_lacks_room(&self) -> bool {
        self.log_lacks_room.load(Ordering::Relaxed)
    }

    /// Committer only. As long as the log lacks room, appends are refused and what is durable is flushed.
    pub(crate) fn set_log_lacks_room(&self, lacks_room: bool) {
        if self.log_lacks_room.swap(lacks_room, Ordering::Relaxed) != lacks_room {
            tracing::warn!(lacks_room, "room for the write-ahead log");
        }
        if lacks_room {
            self.request_maintenance();
            self.durable_changed.notify_all();
        }
    }

    /// Gives the maintenance thread time to make room, and the disk.
    pub(crate) fn pause_for_room(&self) {
        let mut log = self.log.lock();
        if !self.is_stopped() && !log.closing {
            self.work.wait_for(&mut log, FULL_DISK_PAUSE);
        }
    }

    /// Whether a file could not grow, or less is free than must be.
    pub(crate) fn is_disk_full(&self) -> bool {
        self.log_lacks_room() || self.disk_is_full.load(Ordering::Relaxed)
    }

    /// Why appends are refused now, if they are.
    pub(crate) fn pressure(&self) -> Option<Pressure> {
        let config = &self.config;
        let get =
            |of: &AtomicU64| usize::try_from(of.load(Ordering::Relaxed)).unwrap_or(usize::MAX);
        if self.is_disk_full() {
            Some(Pressure::DiskFull)
        } else if get(&self.pending_bytes) > config.pending_bytes_max {
            Some(Pressure::PendingLog)
        } else if get(&self.unsorted_rows) >= config.sealed_rows.saturating_mul(2) {
            Some(Pressure::Memory)
        } else if get(&self.sealed_bytes) > config.sealed_bytes_max.saturating_mul(2)
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
