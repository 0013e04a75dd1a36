//! What one event loop keeps for writing: its table of known series, its rows, and who waits for the disk.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use penstock_model::{Clock, TenantId};
use penstock_store::error::{AppendError, Pressure};
use penstock_store::store::Store;
use penstock_store::{Row, Sequence};

use super::durable::{Durable, StoreStopped};
use super::refusal::RefusalKind;
use super::series_cache::SeriesCache;

/// How long rows are held while the store pushes back, before their sender is told to come again.
const HOLD_MAX: Duration = Duration::from_secs(2);
/// How often held rows are tried again.
const HOLD_STEP: Duration = Duration::from_millis(10);

/// The writing side of one event loop. Connections and requests of the loop share it; nobody else locks it.
pub struct EventLoop {
    store: Store,
    clock: Arc<dyn Clock>,
    hot: Mutex<Hot>,
    durable: Arc<Durable>,
    counts: WriteCounts,
}

/// What a [`Batch`](super::batch::Batch) works on.
#[derive(Debug)]
pub(super) struct Hot {
    pub(super) cache: SeriesCache,
    pub(super) rows: Vec<Row>,
}

/// What one loop has counted since it started.
#[derive(Debug, Default)]
pub struct WriteCounts {
    /// Points appended to the store.
    pub points_stored: AtomicU64,
    /// Points refused for what they are.
    pub points_refused_data: AtomicU64,
    /// Points refused by a limit.
    pub points_refused_quota: AtomicU64,
    /// Points given up because the store pushed back for too long, or has no room for a new series.
    pub points_given_up: AtomicU64,
    /// Last lines of connections that came without a line feed and were not stored.
    pub lines_unfinished: AtomicU64,
}

/// Rows that the store did not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAppended {
    /// It pushed back for two seconds, or has no room for a new series.
    #[error("the server is overloaded: {0}")]
    Overloaded(Pressure),
    /// It takes nothing any more.
    #[error("the server is stopping")]
    Stopped,
}

impl EventLoop {
    /// Starts with an empty table of at most `cache_bytes_max`. `secret` must not be guessable from outside.
    pub fn new(store: Store, clock: Arc<dyn Clock>, cache_bytes_max: usize, secret: u64) -> Self {
        let durable = Arc::new(Durable::default());
        let (on_durable, on_failure) = (Arc::clone(&durable), Arc::clone(&durable));
        store.on_durable(Box::new(move |sequence| on_durable.advance(sequence)));
        store.on_failure(Box::new(move |_| on_failure.fail()));
        durable.advance(store.durable());
        let cache = SeriesCache::new(cache_bytes_max, secret);
        let hot = Mutex::new(Hot {
            cache,
            rows: Vec::new(),
        });
        Self {
            store,
            clock,
            hot,
            durable,
            counts: WriteCounts::default(),
        }
    }

    /// Passes word of synced groups on to whoever waits on this loop. Run it on the loop as long as the loop
    /// runs.
    pub fn deliver(self: &Arc<Self>) -> impl Future<Output = ()> + Send + 'static {
        let durable = Arc::clone(&self.durable);
        async move { durable.deliver().await }
    }

    /// What has been counted.
    pub fn counts(&self) -> &WriteCounts {
        &self.counts
    }

    /// Counts a point that is not stored.
    pub(crate) fn count_refused(&self, kind: RefusalKind) {
        let counts = &self.counts;
        match kind {
            RefusalKind::Data => &counts.points_refused_data,
            RefusalKind::Quota => &counts.points_refused_quota,
            RefusalKind::Overload => &counts.points_given_up,
        }
        .fetch_add(1, Ordering::Relaxed);
    }

    /// How many of a tenant's series have a point today.
    pub fn active_series(&self, tenant: TenantId) -> u64 {
        self.store.active_series(tenant)
    }

    /// The clock that points are measured by.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// Locks the loop's table. Never held while awaiting.
    pub(super) fn hot(&self) -> MutexGuard<'_, Hot> {
        self.hot.lock()
    }

    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Appends at once, or says why not.
    pub(super) fn try_append(&self, rows: &[Row]) -> Result<Sequence, AppendError> {
        let appended = self.store.append(rows)?;
        self.counts
            .points_stored
            .fetch_add(count(rows), Ordering::Relaxed);
        Ok(appended)
    }

    /// Appends, holding the rows while the store pushes back. All of them are appended or none.
    ///
    /// # Errors
    /// [`NotAppended`] says what to tell their sender.
    pub async fn append(&self, rows: &[Row]) -> Result<Sequence, NotAppended> {
        let mut held = Duration::ZERO;
        loop {
            match self.try_append(rows) {
                Ok(sequence) => return Ok(sequence),
                Err(AppendError::Busy(_)) if held < HOLD_MAX => {
                    tokio::time::sleep(HOLD_STEP).await;
                    held += HOLD_STEP;
                }
                Err(error) => {
                    self.counts
                        .points_given_up
                        .fetch_add(count(rows), Ordering::Relaxed);
                    return Err(match error {
                        AppendError::Busy(pressure) => NotAppended::Overloaded(pressure),
                        AppendError::Stopped => NotAppended::Stopped,
                    });
                }
            }
        }
    }

    /// Waits until everything up to `sequence` is on stable storage: only then may it be acknowledged.
    ///
    /// # Errors
    /// [`StoreStopped`]: it never will be.
    pub async fn durable(&self, sequence: Sequence) -> Result<(), StoreStopped> {
        if self.store.durable() < sequence {
            self.store.request_sync();
        }
        self.durable.wait(sequence).await
    }
}

fn count(rows: &[Row]) -> u64 {
    u64::try_from(rows.len()).unwrap_or(u64::MAX)
}

impl fmt::Debug for EventLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLoop")
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}
