//! Ways through a block: one series between two moments, or everything in order.

use std::sync::Arc;

use super::chunks::Chunks;
use super::error::BlockError;
use super::index::{Entry, Key};
use super::packed::PackedChunk;
use super::reader::Block;
use crate::row::{MetricId, Row, SeriesId};

impl Block {
    /// A reader of the samples of one series from `from` to `to`, both inclusive, in milliseconds.
    ///
    /// For many series of one block keep the reader and [`ChunkReader::seek`].
    ///
    /// # Errors
    /// See [`BlockError`].
    pub fn read(
        &self,
        metric: MetricId,
        series: SeriesId,
        from: i64,
        to: i64,
    ) -> Result<ChunkReader, BlockError> {
        let mut reader = ChunkReader::new(Chunks::new(Arc::clone(self.opened())));
        reader.seek(metric, series, from, to)?;
        Ok(reader)
    }

    /// A reader that stands nowhere until [`ChunkReader::seek`].
    pub fn reader(&self) -> ChunkReader {
        ChunkReader::new(Chunks::new(Arc::clone(self.opened())))
    }

    /// A cursor over everything, in order.
    pub fn cursor(&self) -> BlockCursor {
        BlockCursor::new(Chunks::new(Arc::clone(self.opened())))
    }
}

/// Reads the samples of one series after another, one chunk in memory at a time.
///
/// It keeps the index page and the page that it read last: series that lie near each other in the block cost
/// little after the first.
#[derive(Debug)]
pub struct ChunkReader {
    chunks: Chunks,
    /// The series that it stands in; none before the first seek.
    key: Option<Key>,
    from: i64,
    to: i64,
}

impl ChunkReader {
    pub(super) const fn new(chunks: Chunks) -> Self {
        Self {
            chunks,
            key: None,
            from: i64::MIN,
            to: i64::MAX,
        }
    }

    /// Goes to the samples of a series from `from` to `to`, both inclusive, in milliseconds. The series need
    /// not be in the block: there is then no chunk.
    ///
    /// # Errors
    /// See [`BlockError`].
    pub fn seek(
        &mut self,
        metric: MetricId,
        series: SeriesId,
        from: i64,
        to: i64,
    ) -> Result<(), BlockError> {
        let key = Key::new(metric, series);
        self.key = None;
        self.chunks.seek(key)?;
        self.key = Some(key);
        self.from = from;
        self.to = to;
        Ok(())
    }

    /// Appends to `out` the samples of the next chunk that lie between the two moments, at least one; `false` if
    /// there is none left. Times ascend from chunk to chunk.
    ///
    /// # Errors
    /// See [`BlockError`]; `out` is then as it was, and the reader goes on behind the chunk.
    pub fn next_chunk(&mut self, out: &mut Vec<Row>) -> Result<bool, BlockError> {
        while let Some(entry) = self.next_entry()? {
            let before = out.len();
            self.chunks.decode(&entry, (self.from, self.to), out)?;
            if out.len() > before {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Goes on in another block; it stands nowhere until [`ChunkReader::seek`].
    pub(crate) fn move_to(&mut self, block: &Block) {
        self.chunks.move_to(block.opened());
        self.key = None;
    }

    /// Finds the next chunk that overlaps the two moments and appends its packed bytes to `kept`.
    ///
    /// # Errors
    /// See [`BlockError`].
    pub(crate) fn next_packed(
        &mut self,
        kept: &mut Vec<u8>,
    ) -> Result<Option<PackedChunk>, BlockError> {
        let Some(entry) = self.next_entry()? else {
            return Ok(None);
        };
        let start = kept.len();
        self.chunks.copy(&entry, kept)?;
        Ok(Some(PackedChunk { entry, start }))
    }

    /// The next chunk of the series that overlaps the two moments.
    fn next_entry(&mut self) -> Result<Option<Entry>, BlockError> {
        let Some(key) = self.key else {
            return Ok(None);
        };
        while let Some(entry) = self.chunks.peek()?
            && entry.key == key
            && entry.first_time <= self.to
        {
            self.chunks.advance();
            if entry.last_time >= self.from {
                return Ok(Some(entry));
            }
        }
        self.key = None;
        Ok(None)
    }
}

/// Goes over everything in a block, ascending by (metric, series, time), and reads each page once.
#[derive(Debug)]
pub struct BlockCursor {
    chunks: Chunks,
    current: Option<Key>,
}

impl BlockCursor {
    pub(super) const fn new(chunks: Chunks) -> Self {
        Self {
            chunks,
            current: None,
        }
    }

    /// Goes to the next series; what is left of the one before is passed over.
    ///
    /// # Errors
    /// See [`BlockError`].
    pub fn next_series(&mut self) -> Result<Option<(MetricId, SeriesId)>, BlockError> {
        while let Some(entry) = self.chunks.peek()? {
            if self.current != Some(entry.key) {
                self.current = Some(entry.key);
                return Ok(Some((entry.key.metric, entry.key.series)));
            }
            self.chunks.advance();
        }
        Ok(None)
    }

    /// Appends the rows of the next chunk of this series to `out`; `false` if there is none left.
    ///
    /// # Errors
    /// See [`BlockError`]; `out` is then as it was.
    pub fn next_chunk(&mut self, out: &mut Vec<Row>) -> Result<bool, BlockError> {
        match self.chunks.peek()? {
            Some(entry) if self.current == Some(entry.key) => {
                self.chunks.advance();
                self.chunks.decode(&entry, (i64::MIN, i64::MAX), out)?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }
}
