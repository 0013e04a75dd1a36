//! An immutable sorted run of chunks of one UTC day; the same bytes in memory (sealed parts) and on disk.
//!
//! ```text
//!   ┌────────┬──────┬──────┬───────┬──────┬─ ─ ─┬───────┬────────┬─────────┐
//!   │ header │ page │ page │ index │ page │     │ index │ footer │ trailer │
//!   │  8 B   │      │      │ page  │      │     │ page  │        │  16 B   │
//!   └────────┴──────┴──────┴───────┴──────┴─ ─ ─┴───────┴────────┴─────────┘
//!
//!   footer ──> index pages, by their first (metric, series)
//!   index page ──> chunks, ascending by (metric, series, time): page, place in it, first and last time
//!   page ──> many short chunks that share it, or one long chunk that has it for itself
//! ```
//!
//! Opening a block reads its footer alone; a read of one series reads an index page and the pages of those
//! chunks that overlap the time asked for; a cursor reads each page once. Every page, index page and footer has
//! its own checksum, verified on each read from memory and disk alike: damaged bytes are an error that
//! says where, never a wrong value.
//!
//! A block knows nothing of keys, tags or tenants beyond the counts that it was given, and its path for the sake of
//! errors alone: where it belongs, the manifest says. `docs/formats/block.md` has every field with its width.

mod builder;
mod chunks;
mod cursor;
mod error;
mod footer;
mod index;
mod meta;
mod packed;
mod page;
mod reader;
mod source;

pub use builder::{BlockBuilder, BlockSink, BuildError};
pub use cursor::{BlockCursor, ChunkReader};
pub use error::{BlockError, BlockName, Damage};
pub use meta::{BlockMeta, BlockSummary, MetricCount, TenantCount};
pub(crate) use packed::{PackedChunk, Unpacker};
pub use reader::Block;
pub use source::BlockSource;

/// The first bytes of every block: a name and the version of the format.
const HEADER: [u8; 8] = *b"PSTKBLK\x01";

/// The last bytes of every block.
const END: [u8; 8] = *b"PSTKEND\x01";

#[cfg(test)]
mod tests;
