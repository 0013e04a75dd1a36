//! The things that a version lists.

use penstock_model::{Day, TenantId};
use roaring::RoaringBitmap;

use crate::disk::FileNumber;
use crate::row::Sequence;
use crate::wal::DroppedTail;

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

impl DroppedTails {
    /// One more; the one that was counted last changes nothing.
    pub(super) fn with(&self, tail: &DroppedTail) -> Self {
        if self.count > 0 && self.last_group == tail.group {
            return *self;
        }
        Self {
            count: self.count.saturating_add(1),
            bytes: self.bytes.saturating_add(tail.bytes),
            last_group: tail.group,
        }
    }
}
