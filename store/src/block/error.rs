//! Why a block cannot be read.

use std::path::Path;
use std::sync::Arc;
use std::{fmt, io};

use crate::chunk::ChunkError;
use crate::codec::input::InputError;

/// A block that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BlockError {
    /// The disk did not answer. Reading again may help.
    #[error("cannot read block {block} at byte {offset}")]
    Read {
        /// Which block.
        block: BlockName,
        /// Where in the block.
        offset: u64,
        /// What the disk said.
        #[source]
        source: io::Error,
    },
    /// The bytes are not those that were written. Reading again does not help.
    #[error("block {block} is damaged at byte {offset}")]
    Damaged {
        /// Which block.
        block: BlockName,
        /// Where in the block.
        offset: u64,
        /// What is wrong there.
        #[source]
        damage: Damage,
    },
}

/// What a block is called where somebody reads of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockName(pub(super) Option<Arc<Path>>);

impl fmt::Display for BlockName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(path) => path.display().fmt(f),
            None => f.write_str("in memory"),
        }
    }
}

/// What is wrong with the bytes of a block.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// Too short to be a block, or one of its lengths leads outside it.
    #[error("a length leads outside the block")]
    Length,
    /// It does not begin or end as a block of this version does.
    #[error("not a block, or of another version")]
    Magic,
    /// The checksum of a page or of the footer does not match.
    #[error("checksum mismatch")]
    Checksum,
    /// A page is packed in a way that does not exist.
    #[error("unknown page codec {0}")]
    PageCodec(u8),
    /// zstd refuses a page.
    #[error("a page cannot be decompressed")]
    Decompress(#[source] io::Error),
    /// A number of the index or the footer is malformed.
    #[error("malformed number")]
    Number(#[from] InputError),
    /// An entry of the index has flags that do not exist or names a page that it has not stated.
    #[error("malformed index entry")]
    IndexEntry,
    /// Index entries do not ascend, or do not begin as the footer says.
    #[error("index entries do not ascend")]
    Order,
    /// The set of series in the footer is malformed.
    #[error("malformed set of series")]
    Series(#[source] io::Error),
    /// A chunk is malformed.
    #[error("malformed chunk")]
    Chunk(#[from] ChunkError),
    /// A chunk's times are not those that the index states.
    #[error("the times of a chunk are not those of its index entry")]
    ChunkTimes,
    /// Bytes are left over.
    #[error("bytes are left over")]
    Trailing,
}
