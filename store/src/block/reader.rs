//! An open block: what its footer says. The ways through it begin in [`cursor`](super::cursor).

use std::sync::Arc;

use penstock_model::Timestamp;
use roaring::RoaringBitmap;

use super::chunks::Opened;
use super::error::BlockError;
use super::footer::Footer;
use super::meta::{BlockMeta, TenantCount};
use super::source::BlockSource;

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
}
