//! Groups: what one sync covers.
//!
//! ```text
//! | magic 4 | head crc 4 | generation 8 | number 8 | first 8 | last 8 | received 8 | length 4 | body crc 4 |
//! | records: length bytes | zeros up to a 512-byte border |
//! ```
//!
//! The head's checksum covers what follows it in the head, the body's the records and the zeros, so that no byte
//! of a written sector can change unseen.

use penstock_model::Timestamp;

use crate::codec::checksum::Checksum;
use crate::codec::input::{Input, InputError};
use crate::row::Sequence;

use super::segment::SECTOR_BYTES;

/// The bytes before a group's records.
pub(super) const HEAD_BYTES: usize = 56;
const MAGIC: [u8; 4] = *b"PSGR";
/// Where the part of the head starts that its checksum covers.
const COVERED_AT: usize = 8;

/// What stands before the records of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GroupHead {
    /// The use of the segment that it belongs to.
    pub(super) generation: u64,
    /// Groups are counted without a gap over all segments.
    pub(super) number: u64,
    pub(super) first: Sequence,
    pub(super) last: Sequence,
    pub(super) received: Timestamp,
    /// Bytes of records.
    length: u32,
    body: Checksum,
}

/// Who a group is: what its head is told by.
#[derive(Clone, Copy, Debug)]
pub(super) struct GroupName {
    pub(super) generation: u64,
    pub(super) number: u64,
    pub(super) first: Sequence,
    pub(super) last: Sequence,
    pub(super) received: Timestamp,
}

/// Makes `out` the bytes of a group.
pub(super) fn encode(name: &GroupName, records: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(&[0; HEAD_BYTES]);
    out.extend_from_slice(records);
    out.resize(padded(out.len()), 0);
    let length = u32::try_from(records.len()).unwrap_or(u32::MAX);
    let body = Checksum::of(out.get(HEAD_BYTES..).unwrap_or_default());
    let covered = covered(name, length, body);
    let head = Checksum::of(&covered);
    let parts: [&[u8]; 3] = [&MAGIC, &head.to_bytes(), &covered];
    for (place, byte) in out.iter_mut().zip(parts.iter().copied().flatten()) {
        *place = *byte;
    }
}

fn covered(name: &GroupName, length: u32, body: Checksum) -> Vec<u8> {
    [
        name.generation.to_le_bytes().as_slice(),
        &name.number.to_le_bytes(),
        &name.first.0.to_le_bytes(),
        &name.last.0.to_le_bytes(),
        &name.received.millis().to_le_bytes(),
        &length.to_le_bytes(),
        &body.to_bytes(),
    ]
    .concat()
}

impl GroupHead {
    /// Reads a head; none if these bytes are not a whole one.
    pub(super) fn parse(bytes: &[u8]) -> Option<Self> {
        let covered = bytes.get(COVERED_AT..HEAD_BYTES)?;
        let mut input = Input::new(bytes);
        if input.array().ok()? != MAGIC
            || Checksum::from_bytes(input.array().ok()?) != Checksum::of(covered)
        {
            return None;
        }
        Self::fields(input).ok()
    }

    fn fields(mut input: Input<'_>) -> Result<Self, InputError> {
        Ok(Self {
            generation: input.u64()?,
            number: input.u64()?,
            first: Sequence(input.u64()?),
            last: Sequence(input.u64()?),
            received: Timestamp::from_millis(i64::from_le_bytes(input.array()?)),
            length: input.u32()?,
            body: Checksum::from_bytes(input.array()?),
        })
    }

    /// Whether a sector may start a group: cheap, for looking through a whole segment.
    pub(super) fn may_start(sector: &[u8]) -> bool {
        sector.starts_with(&MAGIC)
    }

    /// Whether these bytes are what a damaged head of that group may look like. Two of magic, generation and
    /// number agree: what an older use of the segment left behind agrees in the magic alone.
    pub(super) fn resembles(bytes: &[u8], generation: u64, number: u64) -> bool {
        let mut input = Input::new(bytes);
        let agrees = [
            input.array() == Ok(MAGIC),
            input.u32().is_ok() && input.u64() == Ok(generation),
            input.u64() == Ok(number),
        ];
        agrees.into_iter().filter(|agree| *agree).count() >= 2
    }

    /// Head, records and padding.
    pub(super) fn bytes(&self) -> usize {
        let length = usize::try_from(self.length).unwrap_or(usize::MAX);
        padded(length.saturating_add(HEAD_BYTES))
    }

    /// Whether these bytes are the group that was written.
    pub(super) fn is_intact(&self, group: &[u8]) -> bool {
        let body = group.get(HEAD_BYTES..self.bytes());
        body.is_some_and(|body| Checksum::of(body) == self.body)
    }

    /// The records in the bytes of an intact group.
    pub(super) fn records<'a>(&self, group: &'a [u8]) -> &'a [u8] {
        let length = usize::try_from(self.length).unwrap_or(usize::MAX);
        let end = length.saturating_add(HEAD_BYTES);
        group.get(HEAD_BYTES..end).unwrap_or_default()
    }
}

/// The bytes of a group of so many bytes of records, head and padding included.
pub(super) fn bytes_of(records: usize) -> u64 {
    let bytes = padded(records.saturating_add(HEAD_BYTES));
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// The next 512-byte border.
fn padded(length: usize) -> usize {
    length
        .checked_next_multiple_of(SECTOR_BYTES)
        .unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group() -> Vec<u8> {
        let name = GroupName {
            generation: 3,
            number: 41,
            first: Sequence(7),
            last: Sequence(9),
            received: Timestamp::from_millis(1_700_000_000_000),
        };
        let mut bytes = Vec::new();
        encode(&name, &[0xab; 600], &mut bytes);
        bytes
    }

    #[test]
    fn a_group_comes_back_whole() {
        let bytes = group();
        assert_eq!(bytes.len(), 1_024);
        let head = GroupHead::parse(&bytes).unwrap();
        assert_eq!((head.generation, head.number), (3, 41));
        assert_eq!((head.first, head.last), (Sequence(7), Sequence(9)));
        assert_eq!(head.bytes(), bytes.len());
        assert!(head.is_intact(&bytes));
        assert_eq!(head.records(&bytes), &[0xab; 600]);
    }

    #[test]
    fn every_flipped_bit_is_seen_and_the_group_still_known() {
        let bytes = group();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1 << (at % 8);
            let head = GroupHead::parse(&damaged);
            assert!(
                !head.is_some_and(|head| head.is_intact(&damaged)),
                "byte {at}"
            );
            assert!(GroupHead::resembles(&damaged, 3, 41), "byte {at}");
        }
    }

    #[test]
    fn what_an_older_use_left_resembles_nothing_new() {
        assert!(!GroupHead::resembles(&group(), 4, 42));
        assert!(!GroupHead::resembles(&[0; 512], 4, 42));
        assert!(!GroupHead::resembles(&[], 4, 42));
    }
}
