//! The write-ahead log: what is acknowledged before it is in blocks.
//!
//! ```text
//!   rows, definitions, tombstones
//!        | record::encode_*                 a record = one append, its sequence set under the append lock
//!        v
//!   pending records  (the store's buffer)
//!        | Wal::write_group                 a group = what one sync covers; at 512-byte borders
//!        v
//!   wal/7 [head|group 41|group 42|..stale..]    a segment: filled once, then overwritten again and again
//!        | Wal::release(flushed)            once blocks and manifest have it
//!        v
//!   SegmentPool                             free segments, one of them made ahead
//! ```
//!
//! One thread owns the [`Wal`]. The bytes are drawn in `docs/formats/wal.md`.
//!
//! What is not here: the pending buffer, the order of appends, waking those who wait (`store`); what records
//! mean (`recovery`).

pub mod error;
pub mod pool;
pub mod record;
pub mod replay;

use std::sync::Arc;

use penstock_model::Timestamp;

use crate::disk::Disk;
use crate::row::Sequence;

pub use error::{WalError, WalErrorKind};
pub use pool::SegmentPool;
pub use record::{Record, Records};
pub use replay::{DroppedTail, OnCorruption, ReplayReport};

/// Sizes of the log.
#[derive(Clone, Copy, Debug)]
pub struct WalConfig {
    /// Length of a segment. Default 64 MiB; at least two groups must fit.
    pub segment_bytes: u64,
    /// Records of one group at most. Default 1 MiB: one sync must not cover more.
    pub group_bytes_max: usize,
    /// Free segments kept for use again; more are deleted. Default 2, at least 1.
    pub spare_segments: usize,
}

impl Default for WalConfig {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            group_bytes_max: 1 << 20,
            spare_segments: 2,
        }
    }
}

/// The log, open for writing.
#[derive(Debug)]
pub struct Wal {
    pool: Arc<SegmentPool>,
}

impl Wal {
    /// Opens the log and replays what is not yet in blocks: each record above `flushed` is shown to `visit`, in
    /// order, with the time at which its group was received. Everything shown is durable.
    ///
    /// A torn group at the end is left out and told in the report; the store names it in the manifest before it
    /// writes anything.
    ///
    /// # Errors
    /// [`WalErrorKind::Corrupt`] if the log is damaged elsewhere or lacks records and `on_corruption` is
    /// [`OnCorruption::Refuse`]; [`WalErrorKind::Fatal`] if the disk fails; whatever `visit` answers.
    pub fn open<E: From<WalError>>(
        disk: Arc<dyn Disk>,
        config: WalConfig,
        flushed: Sequence,
        on_corruption: OnCorruption,
        visit: &mut dyn FnMut(Sequence, Timestamp, Record<'_>) -> Result<(), E>,
    ) -> Result<(Self, ReplayReport), E> {
        let _ = (disk, config, flushed, on_corruption, visit);
        todo!()
    }

    /// Writes one group and makes it durable: one write, one sync. `first` must follow the last group's `last`.
    /// `received` is the wall clock's time.
    ///
    /// # Errors
    /// [`WalErrorKind::NoSpace`]: nothing was written, the same group may be tried again.
    /// [`WalErrorKind::Fatal`]: stop the process; the log takes no more.
    pub fn write_group(
        &mut self,
        records: &[u8],
        first: Sequence,
        last: Sequence,
        received: Timestamp,
    ) -> Result<(), WalError> {
        let _ = (records, first, last, received);
        todo!()
    }

    /// Frees the segments whose records are all in blocks. The manifest that says `flushed` must be durable.
    ///
    /// # Errors
    /// [`WalErrorKind::Fatal`] if a file cannot be removed.
    pub fn release(&mut self, flushed: Sequence) -> Result<(), WalError> {
        let _ = flushed;
        todo!()
    }

    /// Bytes of groups that are not yet released: what a replay now would read.
    pub fn bytes_in_use(&self) -> u64 {
        todo!()
    }

    /// The last sequence in the log or, if it is later, in blocks.
    pub fn last(&self) -> Sequence {
        todo!()
    }

    /// The free segments. Another thread calls [`SegmentPool::prepare`] so that the committer never waits for a
    /// new one.
    pub fn pool(&self) -> Arc<SegmentPool> {
        Arc::clone(&self.pool)
    }
}
