//! What a store counts, for metrics and for people.

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
