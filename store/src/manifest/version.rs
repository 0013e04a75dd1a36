//! What exists: an immutable value.

use std::sync::Arc;

use crate::disk::FileNumber;
use crate::row::Sequence;

use super::entry::{BlockEntry, DroppedTails, SeriesRun, Tombstone};
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

impl Version {
    /// All that makes an empty version this one.
    pub(super) fn items(&self) -> Vec<Item> {
        let mut items = Vec::new();
        items.extend(self.blocks.iter().copied().map(Item::AddBlock));
        items.extend(self.series_runs.iter().copied().map(Item::AddRun));
        items.extend(
            self.tombstones
                .iter()
                .map(|t| Item::AddTombstone(Arc::clone(t))),
        );
        items.extend([
            Item::Flushed(self.flushed),
            Item::NextSeries(self.next_series),
            Item::NextMetric(self.next_metric),
            Item::NextFile(self.next_file),
            Item::Dropped(self.dropped),
        ]);
        items
    }

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
