//! What is in memory and not yet in a disk block: the active rows, and the sealed parts before them.
//!
//! ```text
//!             older ------------------------------------------------> newer
//!   sealed part (encoded)   sealed part (rows)     active rows
//!   [first .. last]         [first .. last]        pages of 8,192 rows | tail
//! ```
//!
//! A sealed part is one unbroken range of sequences: rows are swapped out under the append lock. It is
//! sorted and encoded into in-memory blocks, one a day, as soon as its last sequence is durable, so nothing that
//! the log might still lose ever reaches a block. Flush turns all encoded parts into disk blocks.

mod active;
mod order;
mod page;
pub(crate) mod sealed;
mod view;

pub(crate) use active::ActiveRows;
pub(crate) use order::sort_last_wins;
pub(crate) use sealed::{EncodedPart, UnsortedPart};
pub(crate) use view::{RowsView, Span};
