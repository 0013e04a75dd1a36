//! Group commit: one thread swaps the pending records out, writes and syncs them, and tells everybody.
//!
//! While one sync runs the next group gathers. Where several writers wait it is held back for a moment, until those
//! have come who came together before (`gathering`). Records for which nobody waits (telnet) may gather for a
//! few milliseconds, so that a stream of small reads does not cost a sync each.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use penstock_model::WithCauses;

use super::gathering::HOLD_STEP;
use super::log::PendingRecords;
use super::shared::Shared;
use crate::error::{ErrorKind, StoreError};
use crate::row::Sequence;
use crate::wal::{SegmentPool, Wal, WalErrorKind};

/// Owns the write-ahead log.
#[derive(Debug)]
pub(crate) struct Committer {
    wal: Wal,
    segments: Arc<SegmentPool>,
    shared: Arc<Shared>,
    /// The other of two buffers: filled ones and written ones change places.
    taken: PendingRecords,
    /// The log has been let go of up to here.
    released: Sequence,
    /// The maintenance thread knows that the next segment has to be made.
    segment_asked_for: bool,
}

impl Committer {
    pub(crate) fn new(wal: Wal, shared: Arc<Shared>) -> Self {
        shared
            .wal_bytes
            .store(wal.bytes_in_use(), Ordering::Relaxed);
        Self {
            segments: wal.pool(),
            wal,
            shared,
            taken: PendingRecords::default(),
            released: Sequence::ZERO,
            segment_asked_for: false,
        }
    }

    /// The thread: until the store is closed and everything is written, or a write has failed.
    pub(crate) fn run(mut self) {
        while self.wait_for_work() {
            match self.commit() {
                Ok(()) => {}
                Err(error) if error.kind() != ErrorKind::Retry => return self.shared.fail(error),
                // Nobody was told that these records are durable, and nobody can wait for them any more.
                Err(error) if self.shared.log.lock().closing => {
                    tracing::error!(
                        error = %WithCauses(&error),
                        "closed before everything was written"
                    );
                    return self.shared.stop();
                }
                Err(_) => self.shared.pause_for_room(),
            }
        }
    }

    /// Waits until there is something to do. False when the store is closed and nothing is left.
    fn wait_for_work(&self) -> bool {
        let config = &self.shared.config;
        let mut log = self.shared.log.lock();
        let mut held = Duration::ZERO;
        loop {
            if self.shared.is_stopped() {
                return false;
            }
            if !self.taken.is_empty() || self.released < self.shared.flushed() {
                return true;
            }
            if log.pending.is_empty() {
                if log.maintenance_ended {
                    return false;
                }
                if held.is_zero() {
                    // Under load the next record comes within a step, and its writer need not wake anybody.
                    if self.shared.work.wait_for(&mut log, HOLD_STEP).timed_out() {
                        held = HOLD_STEP;
                    }
                } else {
                    log.committer_sleeps = true;
                    self.shared.work.wait(&mut log);
                    log.committer_sleeps = false;
                    held = Duration::ZERO;
                }
                continue;
            }
            let hold_max = if log.gathering.is_awaited() {
                log.gathering.hold_max()
            } else {
                config.lazy_sync
            };
            let enough = log.pending.bytes.len() >= config.lazy_sync_bytes;
            if log.gathering.is_complete() || log.closing || enough || held >= hold_max {
                return true;
            }
            if self.shared.work.wait_for(&mut log, HOLD_STEP).timed_out() {
                held = held.saturating_add(HOLD_STEP);
            }
        }
    }

    /// Writes and syncs everything that is pending now, and frees segments whose rows are all in blocks.
    ///
    /// # Errors
    /// Of the kind [`ErrorKind::Retry`] if the disk is full: what is left comes first the next time.
    pub(crate) fn commit(&mut self) -> Result<(), StoreError> {
        self.release_flushed()?;
        self.write_taken()?;
        {
            let mut log = self.shared.log.lock();
            log.gathering.take();
            std::mem::swap(&mut log.pending, &mut self.taken);
            self.shared.measure(&log);
        }
        self.write_taken()
    }

    fn write_taken(&mut self) -> Result<(), StoreError> {
        let shared = Arc::clone(&self.shared);
        let received = shared.clock.now();
        while let Some(group) = self.taken.next_group(shared.config.group_bytes_max) {
            let (count, last) = (group.count, group.last);
            let bytes = u64::try_from(group.records.len()).unwrap_or(u64::MAX);
            let written = self
                .wal
                .write_group(group.records, group.first, last, received);
            if let Err(error) = written {
                if error.kind() == WalErrorKind::NoSpace {
                    shared.set_log_lacks_room(true);
                }
                return Err(error.into());
            }
            self.taken.advance(count);
            shared.set_log_lacks_room(false);
            shared.groups_synced.fetch_add(1, Ordering::Relaxed);
            shared.wal_bytes_written.fetch_add(bytes, Ordering::Relaxed);
            shared.publish_durable(last);
            self.ask_for_help();
        }
        self.taken.clear();
        Ok(())
    }

    /// Wakes the maintenance thread once when the log has grown so far that it is to be flushed, and once when the
    /// next segment has to be made.
    fn ask_for_help(&mut self) {
        let shared = &self.shared;
        let bytes = self.wal.bytes_in_use();
        let before = shared.wal_bytes.swap(bytes, Ordering::Relaxed);
        let flush_at = shared.config.wal_bytes_max;
        let is_due = before < flush_at && bytes >= flush_at;
        let is_last_segment = self.segments.is_empty();
        if is_due || (is_last_segment && !self.segment_asked_for) {
            shared.request_maintenance();
        }
        self.segment_asked_for = is_last_segment;
    }

    fn release_flushed(&mut self) -> Result<(), StoreError> {
        let flushed = self.shared.flushed();
        if flushed > self.released {
            self.wal.release(flushed)?;
            self.released = flushed;
            // So that a log which is still too large is seen to grow that far.
            self.shared.wal_bytes.store(0, Ordering::Relaxed);
            self.ask_for_help();
        }
        Ok(())
    }
}
