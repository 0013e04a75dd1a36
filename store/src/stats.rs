//! What a store counts, for metrics and for people.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::store::shared::Shared;

/// A store's figures at one moment. Counters count from the start of the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreStats {
    /// Rows appended.
    pub rows_appended: u64,
    /// Groups written and synced.
    pub groups_synced: u64,
    /// Bytes of those groups, padding not counted.
    pub wal_bytes_written: u64,
    /// Bytes of WAL that a start would replay.
    pub wal_bytes_in_use: u64,
    /// Bytes that wait for the disk.
    pub wal_bytes_pending: u64,
    /// Rows in memory that are not encoded yet.
    pub rows_unencoded: u64,
    /// Bytes of encoded sealed parts.
    pub sealed_bytes: u64,
    /// Bytes of rows that readers have copied and hold.
    pub copied_bytes: u64,
    /// Flushes to disk.
    pub flushes: u64,
    /// Blocks on disk.
    pub blocks: u64,
    /// Bytes of those blocks.
    pub block_bytes: u64,
    /// Series known.
    pub series: u64,
    /// Tombstones that may still hide something.
    pub tombstones: u64,
    /// The newest sequence given out.
    pub sequence_last: u64,
    /// The newest sequence on stable storage.
    pub sequence_durable: u64,
}

impl StoreStats {
    pub(crate) fn of(shared: &Shared) -> Self {
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let log = shared.log.lock();
        let (layers, last, pending) = (Arc::clone(&log.layers), log.last, log.pending.bytes.len());
        let active = log.active.len();
        drop(log);
        let blocks = layers.disk.values().flatten();
        Self {
            rows_appended: shared.rows_appended.load(Ordering::Relaxed),
            groups_synced: shared.groups_synced.load(Ordering::Relaxed),
            wal_bytes_written: shared.wal_bytes_written.load(Ordering::Relaxed),
            wal_bytes_in_use: shared.wal_bytes.load(Ordering::Relaxed),
            wal_bytes_pending: count(pending),
            rows_unencoded: count(
                active.saturating_add(layers.unsorted.iter().map(|part| part.len()).sum()),
            ),
            sealed_bytes: count(layers.encoded_bytes()),
            copied_bytes: count(shared.copies.taken()),
            flushes: shared.flushes.load(Ordering::Relaxed),
            blocks: count(layers.disk.values().map(Vec::len).sum()),
            block_bytes: blocks.map(|block| block.entry.bytes).sum(),
            series: count(shared.registry.len()),
            tombstones: count(layers.tombstones.len()),
            sequence_last: last.0,
            sequence_durable: shared.durable().0,
        }
    }
}
