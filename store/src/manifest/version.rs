//! What exists: an immutable value.

use std::sync::Arc;

use penstock_model::{Day, TenantId};
use roaring::RoaringBitmap;

use crate::disk::FileNumber;
use crate::row::Sequence;
use crate::wal::DroppedTail;

use super::item::Item;

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

impl Version {
    /// Changes one thing. What contradicts the version is refused; it may then be changed in part.
    pub(super) fn apply(&mut self, item: &Item) -> Result<(), &'static str> {
        match item {
            Item::AddBlock(block) => self.add_block(*block),
            Item::RemoveBlock(file) => {
                let at = self.blocks.iter().position(|block| block.file == *file);
                self.blocks
                    .remove(at.ok_or("a block to remove is not there")?);
                Ok(())
            }
            Item::AddRun(run) if self.names(run.file) => Err("a file to add is there already"),
            Item::AddRun(run) => {
                self.series_runs.push(*run);
                Ok(())
            }
            Item::RemoveRun(file) => {
                let at = self.series_runs.iter().position(|run| run.file == *file);
                self.series_runs
                    .remove(at.ok_or("a run to remove is not there")?);
                Ok(())
            }
            Item::AddTombstone(tombstone) => self.add_tombstone(tombstone),
            Item::RemoveTombstone(sequence) => {
                let at = self.tombstone_at(*sequence);
                self.tombstones
                    .remove(at.map_err(|_| "a tombstone to remove is not there")?);
                Ok(())
            }
            Item::Flushed(sequence) => advance(&mut self.flushed, *sequence),
            Item::NextSeries(number) => advance(&mut self.next_series, *number),
            Item::NextMetric(number) => advance(&mut self.next_metric, *number),
            Item::NextFile(number) => advance(&mut self.next_file, *number),
            Item::Dropped(dropped) => {
                advance(&mut self.dropped.count, dropped.count).map(|()| self.dropped = *dropped)
            }
        }
    }

    fn add_block(&mut self, block: BlockEntry) -> Result<(), &'static str> {
        if self.names(block.file) {
            return Err("a file to add is there already");
        }
        let place = (block.day, block.first);
        let at = self
            .blocks
            .partition_point(|have| (have.day, have.first) <= place);
        self.blocks.insert(at, block);
        Ok(())
    }

    fn add_tombstone(&mut self, tombstone: &Arc<Tombstone>) -> Result<(), &'static str> {
        match self.tombstone_at(tombstone.sequence) {
            Ok(_) => Err("a tombstone to add is there already"),
            Err(at) => {
                self.tombstones.insert(at, Arc::clone(tombstone));
                Ok(())
            }
        }
    }

    fn tombstone_at(&self, sequence: Sequence) -> Result<usize, usize> {
        self.tombstones
            .binary_search_by_key(&sequence, |have| have.sequence)
    }

    /// Whether a block or a run has this number.
    pub fn names(&self, file: FileNumber) -> bool {
        self.blocks.iter().any(|block| block.file == file)
            || self.series_runs.iter().any(|run| run.file == file)
    }
}

fn advance<T: PartialOrd>(value: &mut T, to: T) -> Result<(), &'static str> {
    if to < *value {
        return Err("a number goes back");
    }
    *value = to;
    Ok(())
}
