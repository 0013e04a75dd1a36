//! Free segments, and making new ones ahead of need.

use super::WalError;

/// The free segments of a log. Shared between the committer and whoever prepares.
#[derive(Debug)]
pub struct SegmentPool {}

impl SegmentPool {
    /// Makes a segment if none is free; tells whether it did. It writes the whole segment, so call it from a
    /// thread that may wait, after the open and after each [`super::Wal::write_group`] that took the last one
    /// ([`SegmentPool::is_empty`]).
    ///
    /// # Errors
    /// [`super::WalErrorKind::NoSpace`]: there is no room now. [`super::WalErrorKind::Fatal`]: stop the process.
    pub fn prepare(&self) -> Result<bool, WalError> {
        todo!()
    }

    /// Whether the next full segment would have to wait for a new one.
    pub fn is_empty(&self) -> bool {
        todo!()
    }
}
