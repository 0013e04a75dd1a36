//! An open block.

use std::sync::Arc;

use penstock_model::Timestamp;
use roaring::RoaringBitmap;

use super::chunks::{Chunks, Opened};
use super::cursor::{BlockCursor, ChunkReader};
use super::error::BlockError;
use super::footer::Footer;
use super::meta::{BlockMeta, TenantCount};
use super::source::BlockSource;
use crate::row::{MetricId, SeriesId};

/// An open block: its footer, and where its bytes are. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Block {
    opened: Arc<Opened>,
}

impl Block {
    /// Opens a block: reads its footer and nothing else.
    ///
    /// # Errors
    /// See [`BlockError`].
    pub fn open(source: BlockSource) -> Result<Self, BlockError> {
        let bytes = source.bytes()?;
        let footer = Footer::read(&source, bytes)?;
        Ok(Self {
            opened: Arc::new(Opened {
                source,
                bytes,
                footer,
            }),
        })
    }

    pub(super) fn opened(&self) -> &Arc<Opened> {
        &self.opened
    }

    /// What its maker said of it.
    pub fn meta(&self) -> &BlockMeta {
        &self.opened.footer.meta
    }

    /// How many samples it has.
    pub fn rows(&self) -> u64 {
        self.opened.footer.rows
    }

    /// How many chunks it has.
    pub fn chunks(&self) -> u64 {
        self.opened.footer.chunks
    }

    /// The earliest and the latest sample; `None` if it has none.
    pub fn times(&self) -> Option<(Timestamp, Timestamp)> {
        let (first, last) = self.opened.footer.times;
        (self.rows() > 0).then(|| (Timestamp::from_millis(first), Timestamp::from_millis(last)))
    }

    /// Every series that has a sample in it.
    pub fn series(&self) -> &RoaringBitmap {
        &self.opened.footer.series
    }

    /// What belongs to whom, as its maker counted.
    pub fn tenants(&self) -> &[TenantCount] {
        &self.opened.footer.tenants
    }

    /// Its size.
    pub fn bytes(&self) -> u64 {
        self.opened.bytes
    }

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
        let mut reader = ChunkReader::new(Chunks::new(Arc::clone(&self.opened)));
        reader.seek(metric, series, from, to)?;
        Ok(reader)
    }

    /// A reader that stands nowhere until [`ChunkReader::seek`].
    pub fn reader(&self) -> ChunkReader {
        ChunkReader::new(Chunks::new(Arc::clone(&self.opened)))
    }

    /// A cursor over everything, in order.
    pub fn cursor(&self) -> BlockCursor {
        BlockCursor::new(Chunks::new(Arc::clone(&self.opened)))
    }
}
