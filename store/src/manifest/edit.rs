//! What changes from one version to the next.

use crate::disk::FileNumber;
use crate::row::Sequence;
use crate::wal::DroppedTail;

use super::version::{BlockEntry, SeriesRun, Tombstone};

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
