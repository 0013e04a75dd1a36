//! What changes from one version to the next.

use std::sync::Arc;

use crate::disk::FileNumber;
use crate::row::Sequence;
use crate::wal::DroppedTail;

use super::entry::{BlockEntry, SeriesRun, Tombstone};
use super::item::Item;
use super::version::Version;

/// A step from one version to the next. It happens whole or not at all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Edit {
    /// Blocks that exist from now on.
    pub add_blocks: Vec<BlockEntry>,
    /// Blocks that do not.
    pub remove_blocks: Vec<FileNumber>,
    /// Series runs that exist from now on.
    pub add_runs: Vec<SeriesRun>,
    /// Series runs that do not.
    pub remove_runs: Vec<FileNumber>,
    /// Deletes that blocks have yet to see.
    pub add_tombstones: Vec<Tombstone>,
    /// Deletes that all have seen.
    pub remove_tombstones: Vec<Sequence>,
    /// How far the log is in blocks now. Never goes back.
    pub flushed: Option<Sequence>,
    /// The next series number. Never goes back.
    pub next_series: Option<u32>,
    /// The next metric number. Never goes back.
    pub next_metric: Option<u32>,
    /// The next file number. Never goes back.
    pub next_file: Option<u64>,
    /// A torn end that a replay left out. The same one again changes nothing.
    pub dropped_tail: Option<DroppedTail>,
}

impl Edit {
    /// What it changes in `version`. What is added comes first, so that nothing is missing in between.
    pub(super) fn into_items(self, version: &Version) -> Vec<Item> {
        let mut items = Vec::new();
        items.extend(self.add_blocks.into_iter().map(Item::AddBlock));
        items.extend(self.add_runs.into_iter().map(Item::AddRun));
        items.extend(
            self.add_tombstones
                .into_iter()
                .map(|t| Item::AddTombstone(Arc::new(t))),
        );
        items.extend(self.remove_blocks.into_iter().map(Item::RemoveBlock));
        items.extend(self.remove_runs.into_iter().map(Item::RemoveRun));
        items.extend(
            self.remove_tombstones
                .into_iter()
                .map(Item::RemoveTombstone),
        );
        items.extend(self.flushed.map(Item::Flushed));
        items.extend(self.next_series.map(Item::NextSeries));
        items.extend(self.next_metric.map(Item::NextMetric));
        items.extend(self.next_file.map(Item::NextFile));
        let dropped = self.dropped_tail.map(|tail| version.dropped.with(&tail));
        items.extend(dropped.map(Item::Dropped));
        items
    }
}
