//! A compressed run of samples of one series.
//!
//! ```text
//!   ┌─────────────┬──────┬───────────┬───────┬───────┬─────────┐
//!   │ rows varint │ form │ exponent? │ times │ bits  │ classes?│
//!   └─────────────┴──────┴───────────┴───────┴───────┴─────────┘
//!     1 ..= 8192    u8     signed v.   column  column  column
//! ```
//!
//! A column is a codec byte and what the codec wrote, see `chunk/column.rs`; the form says what kinds of values the
//! chunk has and how they became the numbers of `bits`, see `chunk/form.rs`. Decimals of one chunk share one exponent
//! wherever their mantissas then still fit 64 bits: `12.5, 12.25, 13` become `1250, 1225, 1300` and stay
//! smooth.
//!
//! A chunk says nothing of its series and has no checksum: the page of a [`block`](crate::block) that holds it
//! has both. Decoding wrong bytes answers with an error or with other samples, and never panics or allocates
//! more than [`ROWS_MAX`] rows.

mod column;
mod decoder;
mod encoder;
mod form;

pub use decoder::Decoder;
pub use encoder::Encoder;

use crate::codec::input::InputError;

/// The most rows of a chunk.
pub const ROWS_MAX: usize = 8_192;

/// From how many rows on a chunk on disk is packed with pco: below, the pages that bit-packed chunks share are
/// smaller and ten times faster (store design, §5).
pub const PCO_ROWS_MIN: usize = 512;

/// How hard to press.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packing {
    /// For sealed parts: bit-packing only, as fast as the rows come in.
    Memory,
    /// For files: bit-packing and zstd for short chunks, pco for long ones.
    Disk,
}

impl Packing {
    /// Whether a chunk of so many rows is packed with pco.
    pub(crate) const fn is_dense(self, rows: usize) -> bool {
        match self {
            Self::Memory => false,
            Self::Disk => rows >= PCO_ROWS_MIN,
        }
    }
}

/// Why bytes are no chunk.
#[derive(Debug, thiserror::Error)]
pub enum ChunkError {
    /// They end in mid-number, or a number is out of range.
    #[error("malformed number in a chunk")]
    Number(#[from] InputError),
    /// More rows than a chunk can have, or none.
    #[error("a chunk of {0} rows")]
    RowCount(usize),
    /// No form has this number.
    #[error("unknown chunk form {0}")]
    UnknownForm(u8),
    /// No codec has this number.
    #[error("unknown column codec {0}")]
    UnknownCodec(u8),
    /// A run of numbers of more than 64 bits.
    #[error("packed numbers of {0} bits")]
    Width(u32),
    /// The column that pco wrote cannot be read.
    #[error("damaged pco column")]
    Pco(#[source] pco::errors::PcoError),
    /// A pco column has more or fewer numbers than the chunk has rows.
    #[error("a column of the wrong length")]
    ColumnLength,
    /// Times do not ascend.
    #[error("times do not ascend")]
    Order,
    /// A value's kind or exponent is none that exists.
    #[error("unknown class of value {0}")]
    Class(i64),
    /// Bytes are left over.
    #[error("{0} bytes after the end of a chunk")]
    Trailing(usize),
}

#[cfg(test)]
mod tests;
