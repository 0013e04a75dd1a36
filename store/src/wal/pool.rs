//! Free segments, and making new ones ahead of need.

use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::disk::{Disk, FileNumber};

use super::segment::Segment;
use super::{WalConfig, WalError};

/// The free segments of a log. Shared between the committer and whoever prepares.
#[derive(Debug)]
pub struct SegmentPool {
    disk: Arc<dyn Disk>,
    segment_bytes: u64,
    spare_segments: usize,
    state: Mutex<State>,
    /// Held while a segment is made, so that nobody makes a second one meanwhile. Taken before `state`.
    making: Mutex<()>,
}

#[derive(Debug)]
struct State {
    /// Taken from the front.
    free: VecDeque<Segment>,
    next_number: FileNumber,
}

impl SegmentPool {
    pub(super) fn new(disk: Arc<dyn Disk>, config: &WalConfig, next_number: FileNumber) -> Self {
        Self {
            disk,
            segment_bytes: config.segment_bytes,
            spare_segments: config.spare_segments.max(1),
            state: Mutex::new(State {
                free: VecDeque::new(),
                next_number,
            }),
            making: Mutex::new(()),
        }
    }

    /// Makes a segment if none is free; tells whether it did. It writes the whole segment, so call it from a
    /// thread that may wait: after the open, and whenever [`SegmentPool::is_empty`].
    ///
    /// # Errors
    /// [`super::WalErrorKind::NoSpace`]: there is no room now. [`super::WalErrorKind::Fatal`]: stop the process.
    pub fn prepare(&self) -> Result<bool, WalError> {
        let _making = self.making.lock();
        if !self.is_empty() {
            return Ok(false);
        }
        let segment = self.create()?;
        self.state.lock().free.push_back(segment);
        Ok(true)
    }

    /// Whether the next segment would have to be made first.
    pub fn is_empty(&self) -> bool {
        self.state.lock().free.is_empty()
    }

    /// A free segment. If there is none, waits for the one that is being made, or makes one, which takes a while.
    pub(super) fn take(&self) -> Result<Segment, WalError> {
        if let Some(segment) = self.take_free() {
            return Ok(segment);
        }
        let _making = self.making.lock();
        match self.take_free() {
            Some(segment) => Ok(segment),
            None => self.create(),
        }
    }

    fn take_free(&self) -> Option<Segment> {
        self.state.lock().free.pop_front()
    }

    /// Keeps a segment for use again, or removes it if there are enough or if it has another length.
    pub(super) fn give(&self, segment: Segment) -> Result<(), WalError> {
        let mut state = self.state.lock();
        if segment.bytes == self.segment_bytes && state.free.len() < self.spare_segments {
            state.free.push_back(segment);
            return Ok(());
        }
        drop(state);
        segment.remove(&*self.disk)
    }

    fn create(&self) -> Result<Segment, WalError> {
        let mut state = self.state.lock();
        let number = state.next_number;
        state.next_number = number.next();
        drop(state);
        Segment::create(&*self.disk, number, self.segment_bytes)
    }
}
