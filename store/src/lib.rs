//! The log-structured store: points in, durable, and out again in order. Synchronous, with its own few threads.
//!
//! ```text
//!   append ─▶ wal        a record in a group; durable when the group is synced. Segments are used again
//!          └▶ memtable   the same rows in pages, readable at once; full ones are sealed into blocks in memory
//!                │ flush
//!                ▼
//!             block      one UTC day, immutable: chunks of columns (chunk, codec), an index, checksums
//!             manifest   which blocks and runs count, and up to where the log is not needed any more
//!   series    names ─▶ id, for each tenant: in memory and in sorted runs, with postings
//!   tombstone what is deleted: hidden at once, left out by the next flush
//!   scan      a snapshot of all of it, row by row in order of series and time, in bounded memory
//!   recovery  manifest, then what the log has after it
//!   disk      every file goes through it: the real one, or a simulated one that tears and loses what was not synced
//! ```
//!
//! A row is there after a crash if, and only if, its [`Sequence`] is not above the durable one; what is behind it may be
//! there too. A failed write or sync ends the process: nobody knows what the disk has then. A full disk is back-pressure.
//!
//! Not here: sockets, async, credentials, what a query means. A tenant is a number that keeps names apart.

pub mod block;
pub mod chunk;
pub mod codec;
pub mod config;
pub mod disk;
pub mod error;
pub mod flush;
pub mod manifest;
pub mod memtable;
pub mod recovery;
pub mod row;
pub mod scan;
pub mod series;
pub mod stats;
pub mod store;
pub mod tombstone;
pub mod usage;
pub mod wal;

pub use row::{MetricId, Row, Sequence, SeriesId, ValueKind};
