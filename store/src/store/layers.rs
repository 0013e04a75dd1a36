//! What a scan reads besides the active rows: an immutable value, replaced as a whole under the append lock.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use penstock_model::Day;

use crate::block::Block;
use crate::disk::file_names;
use crate::manifest::BlockEntry;
use crate::memtable::{EncodedPart, UnsortedPart};
use crate::row::Sequence;
use crate::scan::window::ReaderPool;
use crate::tombstone::Tombstone;

/// Everything older than the active rows. Older first in every list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Layers {
    /// Blocks on disk, by day.
    pub(crate) disk: BTreeMap<Day, Vec<Arc<DiskBlock>>>,
    /// Sealed parts that are sorted, encoded and durable.
    pub(crate) encoded: Vec<Arc<EncodedPart>>,
    /// Sealed parts that still wait for that.
    pub(crate) unsorted: Vec<Arc<UnsortedPart>>,
    /// Deletes that may still hide something, durable or not.
    pub(crate) tombstones: Vec<Arc<Tombstone>>,
    /// What has read these blocks and may read them again.
    pub(crate) readers: ReaderPool,
}

/// A block on disk, opened.
#[derive(Debug)]
pub(crate) struct DiskBlock {
    pub(crate) entry: BlockEntry,
    pub(crate) block: Block,
}

impl DiskBlock {
    /// Where it lies.
    pub(crate) fn path(&self) -> PathBuf {
        file_names::block(self.entry.day, self.entry.file)
    }
}

impl Layers {
    /// Bytes of the encoded parts.
    pub(crate) fn encoded_bytes(&self) -> usize {
        self.encoded.iter().map(|part| part.bytes).sum()
    }

    /// Rows of the unsorted parts.
    pub(crate) fn unsorted_rows(&self) -> usize {
        self.unsorted.iter().map(|part| part.len()).sum()
    }

    /// Adds a block where its sequences belong.
    pub(crate) fn add_disk_block(&mut self, block: DiskBlock) {
        let blocks = self.disk.entry(block.entry.day).or_default();
        let at = blocks.partition_point(|have| have.entry.first < block.entry.first);
        blocks.insert(at, Arc::new(block));
    }

    /// Replaces the oldest unsorted part by its encoded form.
    pub(crate) fn encoded_oldest(&mut self, encoded: EncodedPart) {
        if !self.unsorted.is_empty() {
            self.unsorted.remove(0);
            self.encoded.push(Arc::new(encoded));
        }
    }

    /// Forgets encoded parts that are now on disk: all that end at or before `flushed`.
    pub(crate) fn forget_flushed(&mut self, flushed: Sequence) {
        self.encoded.retain(|part| part.span.last > flushed);
    }
}
