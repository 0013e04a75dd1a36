//! Group commit: one thread swaps the pending records out, writes and syncs them, and tells everybody.
//!
//! While one sync runs the next group gathers. There is no timer when somebody waits; records for which nobody
//! waits (telnet) may gather for a few milliseconds, so that a stream of small reads does not cost a sync each.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::log::PendingRecords;
use super::shared::Shared;
use crate::error::StoreError;
use crate::row::Sequence;
use crate::wal::{Wal, WalErrorKind};

/// Owns the write-ahead log.
#[derive(Debug)]
pub(crate) struct Committer {
    wal: Wal,
    shared: Arc<Shared>,
    /// The other of two buffers: filled ones and written ones change places.
    taken: PendingRecords,
}

impl Committer {
    pub(crate) fn new(wal: Wal, shared: Arc<Shared>) -> Self {
        shared
            .wal_bytes
            .store(wal.bytes_in_use(), Ordering::Relaxed);
        Self {
            wal,
            shared,
            taken: PendingRecords::default(),
        }
    }

    /// The thread: until the store is closed and everything is written, or a write has failed.
    pub(crate) fn run(mut self) {
        while self.wait_for_work() {
            if let Err(error) = self.commit() {
                self.shared.fail(error);
                return;
            }
        }
    }

    /// Waits until there is something to write. False when the store is closed and nothing is left.
    fn wait_for_work(&self) -> bool {
        let config = &self.shared.config;
        let mut log = self.shared.log.lock();
        loop {
            if self.shared.is_stopped() {
                return false;
            }
            if log.pending.is_empty() {
                if log.closing {
                    return false;
                }
                self.shared.work.wait(&mut log);
                continue;
            }
            let enough = log.pending.bytes.len() >= config.lazy_sync_bytes;
            if log.sync_wanted || log.closing || enough {
                return true;
            }
            if self
                .shared
                .work
                .wait_for(&mut log, config.lazy_sync)
                .timed_out()
            {
                return true;
            }
        }
    }

    /// Writes and syncs everything that is pending now. A full disk is waited for: what is pending stays so, and
    /// appends are refused meanwhile.
    pub(crate) fn commit(&mut self) -> Result<(), StoreError> {
        {
            let mut log = self.shared.log.lock();
            log.sync_wanted = false;
            std::mem::swap(&mut log.pending, &mut self.taken);
            self.shared.pending_bytes.store(0, Ordering::Relaxed);
        }
        self.release_flushed()?;
        let received = self.shared.clock.now();
        for group in self.taken.groups(self.shared.config.group_bytes_max) {
            while let Err(error) =
                self.wal
                    .write_group(group.records, group.first, group.last, received)
            {
                if error.kind() != WalErrorKind::NoSpace || self.shared.is_stopped() {
                    return Err(error.into());
                }
                self.shared.wait_for_room();
                self.wal.release(self.shared.flushed())?;
            }
            self.shared.disk_full.store(false, Ordering::Relaxed);
            self.shared.groups_synced.fetch_add(1, Ordering::Relaxed);
            let bytes = u64::try_from(group.records.len()).unwrap_or(u64::MAX);
            self.shared
                .wal_bytes_written
                .fetch_add(bytes, Ordering::Relaxed);
            self.shared
                .wal_bytes
                .store(self.wal.bytes_in_use(), Ordering::Relaxed);
            self.shared.publish_durable(group.last);
        }
        self.taken.clear();
        Ok(())
    }

    /// Frees segments whose rows are all in blocks.
    fn release_flushed(&mut self) -> Result<(), StoreError> {
        let flushed = self.shared.flushed();
        if flushed > Sequence::ZERO {
            self.wal.release(flushed)?;
            self.shared
                .wal_bytes
                .store(self.wal.bytes_in_use(), Ordering::Relaxed);
        }
        Ok(())
    }
}
