//! What exists: an immutable value.

use std::sync::Arc;

use penstock_model::{Day, TenantId};
use roaring::RoaringBitmap;

use crate::disk::FileNumber;
use crate::row::Sequence;

/// All that the store consists of beside the log. Readers hold a version; an edit makes a new one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Version {
    /// The blocks, by day and then by first sequence.
    pub blocks: Vec<BlockEntry>,
    /// The runs of the series index, oldest first.
    pub series_runs: Vec<SeriesRun>,
    /// Deletes that some block may not have seen yet, by sequence.
    pub tombstones: Vec<Arc<Tombstone>>,
    /// Every record up to this one is in blocks, runs and tombstones.
    pub flushed: Sequence,
    /// No series has this number or a higher one, the log apart.
    pub next_series: u32,
    /// No metric has this number or a higher one, the log apart.
    pub next_metric: u32,
    /// No block or run has this number or a higher one.
    pub next_file: u64,
    /// Torn ends of the log that were left out, over the life of the store.
    pub dropped: DroppedTails,
}

/// A block file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockEntry {
    /// The UTC day of all its samples.
    pub day: Day,
    /// Its name, and its only one: no run has this number either.
    pub file: FileNumber,
    /// The first sequence whose samples it may hold.
    pub first: Sequence,
    /// The last sequence whose samples it may hold.
    pub last: Sequence,
    /// Its length.
    pub bytes: u64,
}

/// A file of series definitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeriesRun {
    /// Its name.
    pub file: FileNumber,
    /// How many series it defines.
    pub series: u64,
}

/// A delete of samples older than its sequence.
#[derive(Clone, Debug, PartialEq)]
pub struct Tombstone {
    /// Its place in the order of records.
    pub sequence: Sequence,
    /// Whose samples.
    pub tenant: TenantId,
    /// Of which series.
    pub series: RoaringBitmap,
    /// The first millisecond.
    pub from: i64,
    /// The last millisecond.
    pub to: i64,
}

/// Torn ends of the log that were left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DroppedTails {
    /// How many.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The group number of the latest.
    pub last_group: u64,
}
