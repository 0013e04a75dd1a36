//! Readers that serve one window after another.
//!
//! A reader has a decompressor, buffers and the page of an index that it read last: for a query of a few points making
//! these costs as much as reading the points. They stay with the layers that they have read, so that no block is held
//! open longer than its layers.

use parking_lot::Mutex;

use crate::block::{ChunkReader, Unpacker};

/// Readers that wait at most; about half a megabyte each.
const WAITING_MAX: usize = 4;

/// Readers that wait for their next window.
#[derive(Debug, Default)]
pub(crate) struct ReaderPool(Mutex<Vec<Readers>>);

/// What one window reads with.
#[derive(Debug, Default)]
pub(crate) struct Readers {
    /// Finds chunks; none before the first block.
    pub(super) chunks: Option<ChunkReader>,
    pub(super) unpacker: Unpacker,
}

impl ReaderPool {
    /// Readers that waited, or new ones.
    pub(super) fn take(&self) -> Readers {
        self.0.lock().pop().unwrap_or_default()
    }

    /// Lets them wait for the next window.
    pub(super) fn give_back(&self, readers: Readers) {
        let mut waiting = self.0.lock();
        if waiting.len() < WAITING_MAX {
            waiting.push(readers);
        }
    }
}

/// Other layers have other blocks.
impl Clone for ReaderPool {
    fn clone(&self) -> Self {
        Self::default()
    }
}
