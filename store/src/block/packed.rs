//! Chunks that are found now and unpacked later.
//!
//! Who reads series in another order than a block has them collects their chunks in the order of the block, so that
//! each shared page is read once, and keeps the packed bytes: a sixteenth of the rows.

use super::chunks::{Opened, unpack};
use super::error::{BlockError, Damage};
use super::index::{Entry, Place};
use super::page::PageReader;
use super::reader::Block;
use crate::chunk::Decoder;
use crate::row::Row;

/// A chunk that was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PackedChunk {
    pub(super) entry: Entry,
    /// Where its bytes begin among those that were kept; they end with [`Place::Shared`]'s length.
    pub(super) start: usize,
}

/// Unpacks chunks; keep it, so that its buffers are allocated once.
#[derive(Debug, Default)]
pub(crate) struct Unpacker {
    pages: PageReader,
    decoder: Decoder,
    own: Vec<u8>,
}

impl PackedChunk {
    /// The times of its first and its last row, in milliseconds.
    pub(crate) const fn times(&self) -> (i64, i64) {
        (self.entry.first_time, self.entry.last_time)
    }
}

impl Unpacker {
    /// Appends the rows of a chunk of `block` that lie between two moments to `out`. `kept` are the bytes that were kept when it was found; a chunk
    /// with a page of its own is read only now.
    ///
    /// # Errors
    /// See [`BlockError`]; `out` is then as it was.
    pub(crate) fn unpack(
        &mut self,
        block: &Block,
        chunk: &PackedChunk,
        kept: &[u8],
        between: (i64, i64),
        out: &mut Vec<Row>,
    ) -> Result<(), BlockError> {
        let PackedChunk { entry, start } = chunk;
        let opened: &Opened = block.opened();
        let bytes = match entry.place {
            Place::Own => {
                self.pages.read(&opened.source, entry.page, &mut self.own)?;
                self.own.as_slice()
            }
            Place::Shared { bytes, .. } => usize::try_from(bytes)
                .ok()
                .and_then(|length| kept.get(*start..)?.get(..length))
                .ok_or_else(|| opened.source.damaged(entry.page.position, Damage::Length))?,
        };
        unpack(
            &mut self.decoder,
            &opened.source,
            entry,
            bytes,
            between,
            out,
        )
    }
}
