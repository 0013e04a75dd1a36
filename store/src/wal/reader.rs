//! Groups out of one segment.

use super::WalError;
use super::group::{GroupHead, HEAD_BYTES};
use super::segment::{GROUPS_AT, Segment, io_error};

/// What is read at once.
const WINDOW_BYTES: u64 = 1 << 20;

/// Walks through a segment from its first group on.
#[derive(Debug)]
pub(super) struct GroupReader<'a> {
    segment: &'a Segment,
    /// Where the next group should start.
    at: u64,
    /// Bytes of the segment from `window_at` on.
    window: Vec<u8>,
    window_at: u64,
}

/// What stands where a group should.
#[derive(Debug)]
pub(super) enum Found<'a> {
    /// The group.
    Group(GroupHead, &'a [u8]),
    /// No whole group. `damaged_bytes` is more than 0 if something was written here and is not whole.
    End { damaged_bytes: u64 },
}

impl<'a> GroupReader<'a> {
    pub(super) fn new(segment: &'a Segment) -> Self {
        Self {
            segment,
            at: GROUPS_AT,
            window: Vec::new(),
            window_at: 0,
        }
    }

    /// Where the next group should start.
    pub(super) fn position(&self) -> u64 {
        self.at
    }

    pub(super) fn seek(&mut self, offset: u64) {
        self.at = offset;
    }

    /// Whether something that looks like a group stands here.
    pub(super) fn starts_with_group(&mut self) -> Result<bool, WalError> {
        Ok(GroupHead::may_start(self.bytes(self.at, HEAD_BYTES)?))
    }

    /// The group of this name, if it stands here; then goes behind it.
    pub(super) fn next(&mut self, generation: u64, number: u64) -> Result<Found<'_>, WalError> {
        let at = self.at;
        let start = self.bytes(at, HEAD_BYTES)?;
        let resembles = GroupHead::resembles(start, generation, number);
        let head = GroupHead::parse(start)
            .filter(|head| head.generation == generation && head.number == number);
        let Some(head) = head else {
            let damaged_bytes = if resembles { GROUPS_AT } else { 0 };
            return Ok(Found::End { damaged_bytes });
        };
        let bytes = u64::try_from(head.bytes()).unwrap_or(u64::MAX);
        if !head.is_intact(self.bytes(at, head.bytes())?) {
            return Ok(Found::End {
                damaged_bytes: bytes,
            });
        }
        self.at = at.saturating_add(bytes);
        let records = head.records(self.bytes(at, head.bytes())?);
        Ok(Found::Group(head, records))
    }

    /// The next whole group from the position on, of whatever name, that `wanted` accepts; and where it stands.
    /// The position stays.
    pub(super) fn find(
        &mut self,
        wanted: impl Fn(&GroupHead) -> bool,
    ) -> Result<Option<(u64, GroupHead)>, WalError> {
        let mut at = self.at;
        while at < self.segment.bytes {
            let head = match self.bytes(at, HEAD_BYTES)? {
                start if GroupHead::may_start(start) => GroupHead::parse(start),
                _ => None,
            };
            if let Some(head) = head.filter(&wanted)
                && head.is_intact(self.bytes(at, head.bytes())?)
            {
                return Ok(Some((at, head)));
            }
            at += GROUPS_AT;
        }
        Ok(None)
    }

    /// The bytes at `offset`, fewer at the end of the segment.
    fn bytes(&mut self, offset: u64, length: usize) -> Result<&[u8], WalError> {
        let end = offset.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
        let end = end.min(self.segment.bytes);
        let window_end = self.window_at + u64::try_from(self.window.len()).unwrap_or(0);
        if offset < self.window_at || end > window_end {
            self.fill(offset, end)?;
        }
        let start = usize::try_from(offset.saturating_sub(self.window_at)).unwrap_or(usize::MAX);
        let window = self.window.get(start..).unwrap_or_default();
        Ok(window.get(..length).unwrap_or(window))
    }

    fn fill(&mut self, offset: u64, end: u64) -> Result<(), WalError> {
        let end = end
            .max(offset.saturating_add(WINDOW_BYTES))
            .min(self.segment.bytes);
        let length = usize::try_from(end.saturating_sub(offset)).unwrap_or(0);
        self.window.clear();
        self.window.resize(length, 0);
        self.window_at = offset;
        self.segment
            .file
            .read_exact_at(&mut self.window, offset)
            .map_err(io_error("read", self.segment.number))
    }
}
