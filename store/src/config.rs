//! Sizes and limits of a store. Every one is configuration, so that tests can crash it at every corner with tiny files.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use crate::wal::OnCorruption;

const KIB: u64 = 1_024;
const MIB: u64 = 1_024 * KIB;

/// How large, how late, how full..
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// Bytes of one WAL segment file. Default 16 MiB: a new one is filled with zeros before its first use, and a quiet
    /// server should not pay for more than it needs. Freed ones are used again.
    pub wal_segment_bytes: u64,
    /// The most bytes that one sync covers, at least one record. Default 1 MiB: a larger sync stalls the disk for
    /// tens of milliseconds.
    pub group_bytes_max: usize,
    /// WAL bytes that wait for the disk before appends are refused. Default 8 MiB.
    pub pending_bytes_max: usize,
    /// How long a record may wait for company when nobody waits for it. Default 5 ms.
    pub lazy_sync: Duration,
    /// Pending bytes at which a group is written although nobody waits. Default 256 KiB.
    pub lazy_sync_bytes: usize,
    /// Rows (24 bytes each) at which the active rows are sealed. Default 524,288.
    pub sealed_rows: usize,
    /// Bytes of sealed parts at which all of them are flushed to disk. Default 32 MiB.
    pub sealed_bytes_max: usize,
    /// Bytes of rows that readers may have copied out of memory, all together; over it they are told to come back. Default
    /// 128 MiB, two and a half times what one reader of everything takes.
    pub copied_bytes_max: usize,
    /// Bytes of WAL at which all sealed parts are flushed: this is what a start has to replay. Default 96 MiB.
    pub wal_bytes_max: u64,
    /// How long rows may stay in memory alone. Default 10 minutes.
    pub flush_age: Duration,
    /// Free disk space, in percent of the volume, below which appends are refused. Default 5.
    pub free_space_percent_min: u8,
    /// Seeds the hash tables of the series index. Clients choose the keys, so it must be unpredictable; the default
    /// is. Simulations set it.
    pub hash_seed: u64,
    /// What to do about a damaged WAL group that is not the torn tail. Default: refuse to start.
    pub on_corruption: OnCorruption,
}

impl Default for StoreConfig {
    fn default() -> Self {
        Self {
            wal_segment_bytes: 16 * MIB,
            group_bytes_max: 1 << 20,
            pending_bytes_max: 8 << 20,
            lazy_sync: Duration::from_millis(5),
            lazy_sync_bytes: 256 << 10,
            sealed_rows: 512 << 10,
            sealed_bytes_max: 32 << 20,
            copied_bytes_max: 128 << 20,
            wal_bytes_max: 96 * MIB,
            flush_age: Duration::from_mins(10),
            free_space_percent_min: 5,
            hash_seed: RandomState::new().hash_one(0u8),
            on_corruption: OnCorruption::Refuse,
        }
    }
}

impl StoreConfig {
    /// Limits for a store that may use about `bytes` of memory beside its series index: the defaults from
    /// 256 MiB on, in proportion below, and never less than a sixteenth of them.
    #[must_use]
    pub fn for_memory(bytes: u64) -> Self {
        let default = Self::default();
        let sixteenths = usize::try_from((bytes / (16 * MIB)).clamp(1, 16)).unwrap_or(16);
        let scaled = |value: usize| value / 16 * sixteenths;
        Self {
            pending_bytes_max: scaled(default.pending_bytes_max),
            sealed_rows: scaled(default.sealed_rows),
            sealed_bytes_max: scaled(default.sealed_bytes_max),
            copied_bytes_max: scaled(default.copied_bytes_max),
            ..default
        }
    }

    /// WAL bytes at which appends are refused because flushing does not keep up: twice
    /// [`StoreConfig::wal_bytes_max`].
    pub const fn wal_bytes_limit(&self) -> u64 {
        self.wal_bytes_max.saturating_mul(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_memory_means_smaller_limits_down_to_a_sixteenth() {
        let default = StoreConfig::default();
        assert_eq!(
            StoreConfig::for_memory(1 << 40).sealed_rows,
            default.sealed_rows
        );
        assert_eq!(
            StoreConfig::for_memory(128 << 20).sealed_rows,
            default.sealed_rows / 2
        );
        assert_eq!(
            StoreConfig::for_memory(0).sealed_bytes_max,
            default.sealed_bytes_max / 16
        );
    }
}
