//! Segments: files that are filled once and then overwritten in place, again and again.
//!
//! ```text
//! sector 0   | magic 8 | version 4 | generation 8 | group 8 | first 8 | zeros | crc 4 |
//! sector 1   the first group of this use, and so on; behind the last group: what older uses left, or zeros
//! ```
//!
//! The head is written and synced before the first group of each use, so a group of a generation cannot be there
//! without the head that names it.

use std::io;
use std::sync::Arc;

use crate::codec::checksum::Checksum;
use crate::codec::input::Input;
use crate::disk::{Disk, DiskFile, FileNumber, file_names};
use crate::row::Sequence;

use super::WalError;

/// What a disk writes whole or may tear. Groups start at multiples of it.
pub(super) const SECTOR_BYTES: usize = 512;
/// Where the first group starts.
pub(super) const GROUPS_AT: u64 = 512;
const MAGIC: [u8; 8] = *b"PSTKWAL\0";
const VERSION: u32 = 1;
const CHECKSUM_AT: usize = SECTOR_BYTES - 4;
/// What one sync covers while a segment is filled.
const FILL_STEP_BYTES: u64 = 1 << 20;

/// What a use of a segment starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentHead {
    /// Counts the uses of all segments; a later one is higher.
    pub(super) generation: u64,
    /// The number of the first group.
    pub(super) group: u64,
    /// The first sequence of the first group.
    pub(super) first: Sequence,
}

/// What stands in a segment's first sector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeadSector {
    /// Never used.
    Blank,
    /// Used.
    Used(SegmentHead),
    /// Of another format.
    Version(u32),
    /// Torn or damaged.
    Unreadable,
}

/// A file of the log.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) number: FileNumber,
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) bytes: u64,
}

impl SegmentHead {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut sector = [
            MAGIC.as_slice(),
            &VERSION.to_le_bytes(),
            &self.generation.to_le_bytes(),
            &self.group.to_le_bytes(),
            &self.first.0.to_le_bytes(),
        ]
        .concat();
        sector.resize(CHECKSUM_AT, 0);
        let checksum = Checksum::of(&sector);
        sector.extend_from_slice(&checksum.to_bytes());
        sector
    }
}

impl HeadSector {
    pub(super) fn parse(sector: &[u8]) -> Self {
        if sector.iter().all(|byte| *byte == 0) {
            return Self::Blank;
        }
        Self::fields(sector).unwrap_or(Self::Unreadable)
    }

    fn fields(sector: &[u8]) -> Option<Self> {
        let (covered, checksum) = sector.split_at_checked(CHECKSUM_AT)?;
        let mut input = Input::new(covered);
        if Checksum::from_bytes(checksum.try_into().ok()?) != Checksum::of(covered)
            || input.array().ok()? != MAGIC
        {
            return None;
        }
        let version = input.u32().ok()?;
        if version != VERSION {
            return Some(Self::Version(version));
        }
        Some(Self::Used(SegmentHead {
            generation: input.u64().ok()?,
            group: input.u64().ok()?,
            first: Sequence(input.u64().ok()?),
        }))
    }
}

impl Segment {
    /// Makes a segment of zeros that are written, not only promised: writing into it then costs no journal
    /// commit. It has its name only when it is whole.
    pub(super) fn create(
        disk: &dyn Disk,
        number: FileNumber,
        bytes: u64,
    ) -> Result<Self, WalError> {
        let name = file_names::wal_segment(number);
        let temporary = file_names::temporary(&name);
        let made = fill(disk, &temporary, bytes).and_then(|file| {
            disk.rename(&temporary, &name)?;
            // The name stands already, and nobody knows whether it stays: that is never back-pressure.
            disk.sync_dir(file_names::WAL.as_ref())
                .map_err(io::Error::other)?;
            Ok(file)
        });
        match made {
            Ok(file) => Ok(Self {
                number,
                file,
                bytes,
            }),
            Err(error) if error.kind() == io::ErrorKind::StorageFull => {
                match disk.remove(&temporary) {
                    Err(source) if source.kind() != io::ErrorKind::NotFound => {
                        Err(io_error("remove unfinished", number)(source))
                    }
                    _ => Err(WalError::NoSpace(error)),
                }
            }
            Err(source) => Err(io_error("create", number)(source)),
        }
    }

    pub(super) fn open(disk: &dyn Disk, number: FileNumber) -> Result<Self, WalError> {
        let file = disk
            .open(&file_names::wal_segment(number))
            .map_err(io_error("open", number))?;
        let bytes = file.len().map_err(io_error("measure", number))?;
        Ok(Self {
            number,
            file,
            bytes,
        })
    }

    pub(super) fn head(&self) -> Result<HeadSector, WalError> {
        let mut sector = [0; SECTOR_BYTES];
        match self.file.read_exact_at(&mut sector, 0) {
            Ok(()) => Ok(HeadSector::parse(&sector)),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                Ok(HeadSector::Unreadable)
            }
            Err(source) => Err(io_error("read", self.number)(source)),
        }
    }

    /// Writes and syncs.
    pub(super) fn write(&self, bytes: &[u8], offset: u64) -> Result<(), WalError> {
        self.file
            .write_all_at(bytes, offset)
            .map_err(io_error("write", self.number))?;
        self.sync()
    }

    pub(super) fn sync(&self) -> Result<(), WalError> {
        self.file.sync_data().map_err(io_error("sync", self.number))
    }

    pub(super) fn remove(&self, disk: &dyn Disk) -> Result<(), WalError> {
        disk.remove(&file_names::wal_segment(self.number))
            .map_err(io_error("remove", self.number))
    }

    /// The error for bytes that are not what they should be.
    pub(super) fn corrupt(&self, offset: u64, what: &'static str) -> WalError {
        WalError::Corrupt {
            segment: self.number,
            offset,
            what,
        }
    }
}

fn fill(disk: &dyn Disk, path: &std::path::Path, bytes: u64) -> io::Result<Arc<dyn DiskFile>> {
    let file = disk.create(path)?;
    let zeros = vec![0; usize::try_from(bytes.min(FILL_STEP_BYTES)).unwrap_or(0)];
    let mut at = 0;
    while at < bytes {
        let left = usize::try_from(bytes - at).unwrap_or(usize::MAX);
        let step = zeros.get(..left).unwrap_or(&zeros);
        file.write_all_at(step, at)?;
        file.sync_data()?;
        at += FILL_STEP_BYTES;
    }
    Ok(file)
}

/// Puts the segment to what the disk said.
pub(super) fn io_error(
    action: &'static str,
    segment: FileNumber,
) -> impl FnOnce(io::Error) -> WalError {
    move |source| WalError::Io {
        action,
        segment,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_comes_back_and_every_flipped_bit_is_seen() {
        let head = SegmentHead {
            generation: 5,
            group: 77,
            first: Sequence(1_000),
        };
        let sector = head.encode();
        assert_eq!(sector.len(), SECTOR_BYTES);
        assert_eq!(HeadSector::parse(&sector), HeadSector::Used(head));
        assert_eq!(HeadSector::parse(&[0; SECTOR_BYTES]), HeadSector::Blank);
        for at in 0..sector.len() {
            let mut damaged = sector.clone();
            damaged[at] ^= 1 << (at % 8);
            assert_eq!(
                HeadSector::parse(&damaged),
                HeadSector::Unreadable,
                "byte {at}"
            );
        }
    }

    #[test]
    fn another_version_is_told_from_damage() {
        let mut sector = SegmentHead {
            generation: 1,
            group: 1,
            first: Sequence(1),
        }
        .encode();
        sector[8] = 2;
        let checksum = Checksum::of(&sector[..CHECKSUM_AT]).to_bytes();
        sector[CHECKSUM_AT..].copy_from_slice(&checksum);
        assert_eq!(HeadSector::parse(&sector), HeadSector::Version(2));
    }
}
