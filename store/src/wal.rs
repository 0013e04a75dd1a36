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
mod group;
pub mod pool;
mod reader;
pub mod record;
pub mod replay;
mod segment;
mod survey;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

use penstock_model::Timestamp;

use crate::disk::Disk;
use crate::row::Sequence;

use group::GroupName;
use replay::Replay;
use segment::{GROUPS_AT, Segment, SegmentHead};
use survey::survey;

pub use error::{WalError, WalErrorKind};
pub use pool::SegmentPool;
pub use record::{Record, Records};
pub use replay::{DroppedTail, OnCorruption, ReplayReport};

/// Sizes of the log.
#[derive(Clone, Copy, Debug)]
pub struct WalConfig {
    /// Length of a segment. Default 16 MiB; at least two groups must fit.
    pub segment_bytes: u64,
    /// Records of one group at most. Default 1 MiB: one sync must not cover more.
    pub group_bytes_max: usize,
    /// Free segments kept for use again; more are deleted. Default 8, at least 1.
    pub spare_segments: usize,
}

impl Default for WalConfig {
    fn default() -> Self {
        Self {
            segment_bytes: 16 << 20,
            group_bytes_max: 1 << 20,
            spare_segments: 8,
        }
    }
}

impl WalConfig {
    fn check(&self) -> Result<(), WalError> {
        let group = group::bytes_of(self.group_bytes_max);
        if self.segment_bytes.is_multiple_of(GROUPS_AT) && self.segment_bytes / 2 >= group {
            Ok(())
        } else {
            Err(WalError::Misuse(
                "two groups must fit a segment of whole sectors",
            ))
        }
    }
}

/// The log, open for writing.
#[derive(Debug)]
pub struct Wal {
    config: WalConfig,
    pool: Arc<SegmentPool>,
    /// Segments with records that are not yet in blocks, oldest first. The last one is written to while
    /// `position` is set.
    in_use: VecDeque<InUse>,
    /// Where the next group goes.
    position: Option<u64>,
    /// Of the newest segment.
    generation: u64,
    /// Of the next group.
    group: u64,
    last: Sequence,
    /// How many bytes lie up to which sequence, oldest first, in steps of about [`MARK_BYTES`].
    marks: VecDeque<Mark>,
    /// The sum of the marks.
    bytes_in_use: u64,
    /// The group that is being written.
    buffer: Vec<u8>,
    failed: bool,
}

/// How finely the bytes in use are known.
const MARK_BYTES: u64 = 64 << 10;

#[derive(Debug)]
struct InUse {
    segment: Segment,
    last: Sequence,
}

#[derive(Debug)]
struct Mark {
    last: Sequence,
    bytes: u64,
}

/// The last sequence that [`Wal::open`] would find in the log or, if it is later, in blocks. Reads the whole log,
/// finds all damage that an open would find, and changes nothing.
///
/// # Errors
/// As [`Wal::open`].
pub fn last_sequence(
    disk: &dyn Disk,
    flushed: Sequence,
    on_corruption: OnCorruption,
) -> Result<Sequence, WalError> {
    let survey = survey(disk, flushed, on_corruption)?;
    let visit = &mut |_: Sequence, _: Timestamp, _: Record<'_>| Ok::<(), WalError>(());
    let mut replay = Replay::new(flushed, on_corruption, visit);
    replay.walk(&survey.live)?;
    Ok(replay.end(survey.unreadable).report.last)
}

impl Wal {
    /// Opens the log and replays what is not yet in blocks: each record above `flushed` is shown to `visit`, in
    /// order, with the time at which its group was received. Everything shown is durable.
    ///
    /// A torn group at the end is left out and told in the report; the store names it in the manifest before it
    /// writes anything. What is written from now on goes to a segment of a new generation.
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
        config.check()?;
        let survey = survey(&*disk, flushed, on_corruption)?;
        let mut replay = Replay::new(flushed, on_corruption, visit);
        let unflushed = replay.walk(&survey.live)?;
        let end = replay.end(survey.unreadable);
        survey::remove_unfinished(&*disk)?;
        let mut wal = Self {
            pool: Arc::new(SegmentPool::new(disk, &config, survey.next_number)),
            config,
            in_use: VecDeque::new(),
            position: None,
            generation: survey.generation,
            group: end.group,
            last: end.report.last,
            marks: VecDeque::new(),
            bytes_in_use: 0,
            buffer: Vec::new(),
            failed: false,
        };
        for segment in survey.free {
            wal.pool.give(segment)?;
        }
        for ((_, segment), held) in survey.live.into_iter().zip(unflushed) {
            if let Some(last) = held.last {
                wal.in_use.push_back(InUse { segment, last });
                wal.mark(last, held.bytes);
            } else {
                wal.pool.give(segment)?;
            }
        }
        Ok((wal, end.report))
    }

    /// Writes one group and makes it durable: one write, one sync. `first` must follow the last group's `last`.
    /// `received` is the wall clock's time.
    ///
    /// When a segment is full the next free one is taken, which costs a second write and sync.
    ///
    /// # Errors
    /// [`WalErrorKind::NoSpace`]: nothing was written, the same group may be tried again.
    /// [`WalErrorKind::Misuse`]: nothing was written. [`WalErrorKind::Fatal`]: stop the process; the log takes no
    /// more.
    pub fn write_group(
        &mut self,
        records: &[u8],
        first: Sequence,
        last: Sequence,
        received: Timestamp,
    ) -> Result<(), WalError> {
        self.check(records, first, last)?;
        let written = self.write(records, first, last, received);
        self.failed = matches!(&written, Err(error) if error.kind() == WalErrorKind::Fatal);
        written
    }

    fn check(&self, records: &[u8], first: Sequence, last: Sequence) -> Result<(), WalError> {
        if self.failed {
            Err(WalError::Failed)
        } else if records.is_empty() || records.len() > self.config.group_bytes_max {
            Err(WalError::Misuse(
                "no records, or more than a group may have",
            ))
        } else if first != self.last.next() || last < first {
            Err(WalError::Misuse("its sequences do not follow"))
        } else {
            Ok(())
        }
    }

    fn write(
        &mut self,
        records: &[u8],
        first: Sequence,
        last: Sequence,
        received: Timestamp,
    ) -> Result<(), WalError> {
        let bytes = group::bytes_of(records.len());
        let at = match self.position {
            Some(at) if self.has_room(at, bytes) => at,
            _ => self.next_segment(first)?,
        };
        let Some(active) = self.in_use.back_mut() else {
            return Err(WalError::Failed);
        };
        let name = GroupName {
            generation: self.generation,
            number: self.group,
            first,
            last,
            received,
        };
        group::encode(&name, records, &mut self.buffer);
        active.segment.write(&self.buffer, at)?;
        active.last = last;
        self.position = Some(at + bytes);
        self.group += 1;
        self.last = last;
        self.mark(last, bytes);
        Ok(())
    }

    fn has_room(&self, at: u64, bytes: u64) -> bool {
        self.in_use
            .back()
            .is_some_and(|active| at + bytes <= active.segment.bytes)
    }

    /// Starts the next use of a free segment; gives the place of its first group.
    fn next_segment(&mut self, first: Sequence) -> Result<u64, WalError> {
        let segment = self.pool.take()?;
        let head = SegmentHead {
            generation: self.generation + 1,
            group: self.group,
            first,
        };
        segment.write(&head.encode(), 0)?;
        self.generation = head.generation;
        self.in_use.push_back(InUse {
            segment,
            last: self.last,
        });
        self.position = Some(GROUPS_AT);
        Ok(GROUPS_AT)
    }

    fn mark(&mut self, last: Sequence, bytes: u64) {
        self.bytes_in_use += bytes;
        match self.marks.back_mut() {
            Some(mark) if mark.bytes < MARK_BYTES => {
                mark.last = last;
                mark.bytes += bytes;
            }
            _ => self.marks.push_back(Mark { last, bytes }),
        }
    }

    /// Frees the segments whose records are all in blocks. The manifest that says `flushed` must be durable.
    ///
    /// # Errors
    /// [`WalErrorKind::Fatal`] if a file cannot be removed.
    pub fn release(&mut self, flushed: Sequence) -> Result<(), WalError> {
        while let Some(mark) = self.marks.pop_front_if(|mark| mark.last <= flushed) {
            self.bytes_in_use -= mark.bytes;
        }
        let written_to = usize::from(self.position.is_some());
        while self.in_use.len() > written_to
            && let Some(done) = self.in_use.pop_front_if(|used| used.last <= flushed)
        {
            self.pool.give(done.segment)?;
        }
        Ok(())
    }

    /// Bytes of groups that are not yet released: what a replay now would read.
    pub fn bytes_in_use(&self) -> u64 {
        self.bytes_in_use
    }

    /// The last sequence in the log or, if it is later, in blocks.
    pub fn last(&self) -> Sequence {
        self.last
    }

    /// The free segments. Another thread calls [`SegmentPool::prepare`] so that the committer never waits for a
    /// new one.
    pub fn pool(&self) -> Arc<SegmentPool> {
        Arc::clone(&self.pool)
    }
}
