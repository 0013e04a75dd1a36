//! From segments to the records that blocks do not have.
//!
//! Segment after segment, group after group: numbers and sequences run without a gap. Where no group stands that
//! should,
//!
//! - the next segment goes on with that number: an ordinary end. What may stand there instead was torn, and an
//!   earlier start has dropped it;
//! - something later is whole: damage. Refuse, or salvage;
//! - nothing later is whole: the end of the log. What may stand there instead is a torn tail.

use penstock_model::Timestamp;

use crate::disk::FileNumber;
use crate::row::Sequence;

use super::WalError;
use super::group::GroupHead;
use super::reader::{Found, GroupReader};
use super::record::{Record, Records};
use super::segment::{Segment, SegmentHead};

/// What to do when the log is damaged before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum OnCorruption {
    /// Refuse to open.
    #[default]
    Refuse,
    /// Leave out what is damaged, go on behind it, and report it.
    Salvage,
}

/// What a replay found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplayReport {
    /// Groups that held records not yet in blocks.
    pub groups: u64,
    /// Records shown.
    pub records: u64,
    /// Bytes of those groups.
    pub bytes: u64,
    /// The last sequence of the log or, if it is later, of the blocks.
    pub last: Sequence,
    /// The torn group at the end, if there was one.
    pub dropped_tail: Option<DroppedTail>,
    /// What was left out to salvage the rest.
    pub lost: Vec<Lost>,
    /// Segments whose head cannot be read. Unless the log was salvaged they hold nothing that is needed.
    pub unreadable: Vec<FileNumber>,
}

/// A group at the end of the log that is not whole. It was never acknowledged, or its bytes have changed since:
/// nobody can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DroppedTail {
    /// Its number: the same group is counted once, however often the log is opened before the next write.
    pub group: u64,
    /// Which file of `wal/`.
    pub segment: FileNumber,
    /// Where in it.
    pub offset: u64,
    /// Its length, as far as that can be told.
    pub bytes: u64,
}

/// Records in the middle of the log that a salvage left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Which file of `wal/`.
    pub segment: FileNumber,
    /// Where the damage starts.
    pub offset: u64,
    /// The first sequence that is missing.
    pub first: Sequence,
    /// The last sequence that is missing.
    pub last: Sequence,
}

/// Called with every record that is not yet in blocks.
pub(super) type Visit<'v, E> = dyn FnMut(Sequence, Timestamp, Record<'_>) -> Result<(), E> + 'v;

/// The walk through the log.
pub(super) struct Replay<'v, E> {
    flushed: Sequence,
    on_corruption: OnCorruption,
    visit: &'v mut Visit<'v, E>,
    /// The number that the next group must have.
    group: u64,
    /// The last sequence so far.
    last: Sequence,
    report: ReplayReport,
}

/// Where the log ends.
pub(super) struct End {
    /// The number of the next group.
    pub(super) group: u64,
    pub(super) report: ReplayReport,
}

/// What a segment that was walked through holds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Unflushed {
    /// The last sequence in it that is not in blocks.
    pub(super) last: Option<Sequence>,
    /// Bytes of its groups that are not wholly in blocks.
    pub(super) bytes: u64,
}

impl<'v, E: From<WalError>> Replay<'v, E> {
    pub(super) fn new(
        flushed: Sequence,
        on_corruption: OnCorruption,
        visit: &'v mut Visit<'v, E>,
    ) -> Self {
        Self {
            flushed,
            on_corruption,
            visit,
            group: 1,
            last: flushed,
            report: ReplayReport::default(),
        }
    }

    /// Walks through the segments, given in the order of their generations.
    pub(super) fn walk(&mut self, live: &[(SegmentHead, Segment)]) -> Result<Vec<Unflushed>, E> {
        if let Some((head, segment)) = live.first() {
            self.start(head, segment)?;
        }
        let next = live.iter().skip(1).map(Some).chain([None]);
        live.iter()
            .zip(next)
            .map(|((head, segment), next)| self.segment(head, segment, next))
            .collect()
    }

    pub(super) fn end(mut self, unreadable: Vec<FileNumber>) -> End {
        self.report.last = self.last.max(self.flushed);
        self.report.unreadable = unreadable;
        End {
            group: self.group,
            report: self.report,
        }
    }

    /// The first segment decides where the log starts; blocks must reach up to it.
    fn start(&mut self, head: &SegmentHead, segment: &Segment) -> Result<(), E> {
        let expected = self.flushed.next();
        if head.first > expected {
            self.lose(
                segment,
                0,
                head.first,
                WalError::Gap {
                    segment: segment.number,
                    expected,
                    found: head.first,
                },
            )?;
        }
        self.go_on(head.group, head.first);
        Ok(())
    }

    fn segment(
        &mut self,
        head: &SegmentHead,
        segment: &Segment,
        next: Option<&(SegmentHead, Segment)>,
    ) -> Result<Unflushed, E> {
        // After kill -9 the end of the log is only in the page cache. Nothing is shown that a power cut could
        // still take back.
        segment.sync()?;
        let mut unflushed = Unflushed::default();
        let mut reader = GroupReader::new(segment);
        loop {
            let offset = reader.position();
            match reader.next(head.generation, self.group)? {
                Found::Group(group, records) => {
                    self.show(segment, offset, &group, records)?;
                    if group.last > self.flushed {
                        unflushed.last = Some(group.last);
                        unflushed.bytes += u64::try_from(group.bytes()).unwrap_or(0);
                    }
                }
                Found::End { damaged_bytes } => {
                    if next.is_some_and(|(next, _)| next.group == self.group) {
                        break;
                    }
                    let generation = head.generation;
                    let later = reader.find(|group| {
                        group.generation == generation && group.number >= self.group
                    })?;
                    let Some((at, group)) = later else {
                        self.end_of_segment(segment, offset, damaged_bytes, next)?;
                        break;
                    };
                    self.lose(
                        segment,
                        offset,
                        group.first,
                        segment.corrupt(offset, "a group is missing"),
                    )?;
                    self.go_on(group.number, group.first);
                    reader.seek(at);
                }
            }
        }
        if let Some((next, segment)) = next {
            self.enter(next, segment)?;
        }
        Ok(unflushed)
    }

    /// No whole group stands at `offset` or behind it, and the next segment, if any, does not go on with the
    /// group that is missing.
    fn end_of_segment(
        &mut self,
        segment: &Segment,
        offset: u64,
        damaged_bytes: u64,
        next: Option<&(SegmentHead, Segment)>,
    ) -> Result<(), E> {
        if let Some((next, _)) = next {
            if next.group < self.group {
                return Err(segment
                    .corrupt(0, "its groups are also in the segment behind it")
                    .into());
            }
            self.lose(
                segment,
                offset,
                next.first,
                segment.corrupt(offset, "the last groups are missing"),
            )?;
            self.go_on(next.group, next.first);
        } else if damaged_bytes > 0 {
            self.report.dropped_tail = Some(DroppedTail {
                group: self.group,
                segment: segment.number,
                offset,
                bytes: damaged_bytes,
            });
        }
        Ok(())
    }

    /// Between two segments the sequences run on, unless blocks have what is missing.
    fn enter(&mut self, next: &SegmentHead, segment: &Segment) -> Result<(), E> {
        let expected = self.last.next();
        if next.first != expected && next.first > self.flushed.next() {
            return Err(E::from(WalError::Gap {
                segment: segment.number,
                expected,
                found: next.first,
            }));
        }
        self.go_on(next.group, next.first);
        Ok(())
    }

    fn show(
        &mut self,
        segment: &Segment,
        offset: u64,
        group: &GroupHead,
        records: &[u8],
    ) -> Result<(), E> {
        if group.first != self.last.next() || group.last < group.first {
            return Err(segment
                .corrupt(offset, "the sequences of a group do not follow")
                .into());
        }
        self.go_on(self.group + 1, group.last.next());
        if group.last <= self.flushed {
            return Ok(());
        }
        self.report.groups += 1;
        self.report.bytes += u64::try_from(group.bytes()).unwrap_or(0);
        for record in Records::new(records) {
            let (sequence, record) = record.map_err(|error| segment.corrupt(offset, error.0))?;
            if sequence > self.flushed {
                self.report.records += 1;
                (self.visit)(sequence, group.received, record)?;
            }
        }
        Ok(())
    }

    /// What comes next is the group of this number, from this sequence on.
    fn go_on(&mut self, group: u64, first: Sequence) {
        self.group = group;
        self.last = Sequence(first.0.saturating_sub(1));
    }

    /// Records up to `found` are missing: refuse, or write it down.
    fn lose(
        &mut self,
        segment: &Segment,
        offset: u64,
        found: Sequence,
        error: WalError,
    ) -> Result<(), E> {
        if self.on_corruption == OnCorruption::Refuse {
            return Err(error.into());
        }
        self.report.lost.push(Lost {
            segment: segment.number,
            offset,
            first: self.last.next(),
            last: Sequence(found.0.saturating_sub(1)),
        });
        Ok(())
    }
}
