//! Which segments there are, and which of them a replay has to read.

use std::io;
use std::path::Path;

use crate::disk::{Disk, FileNumber, file_names};
use crate::row::Sequence;

use super::reader::GroupReader;
use super::segment::{HeadSector, Segment, SegmentHead};
use super::{OnCorruption, WalError};

/// The segments on the disk.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// In the order of their generations, from the first one that may hold records that are not in blocks.
    pub(super) live: Vec<(SegmentHead, Segment)>,
    /// Everything in them is in blocks, or nothing was ever in them.
    pub(super) free: Vec<Segment>,
    /// Those of the free and live ones whose head cannot be read.
    pub(super) unreadable: Vec<FileNumber>,
    /// The highest generation there is.
    pub(super) generation: u64,
    /// No segment has this number or a higher one.
    pub(super) next_number: FileNumber,
}

/// Looks at every file of the log; unfinished segments are passed over.
pub(super) fn survey(
    disk: &dyn Disk,
    flushed: Sequence,
    on_corruption: OnCorruption,
) -> Result<Survey, WalError> {
    let mut survey = Survey::default();
    let mut used = Vec::new();
    for number in segment_numbers(disk)? {
        survey.next_number = survey.next_number.max(number);
        let segment = Segment::open(disk, number)?;
        match segment.head()? {
            HeadSector::Used(head) => used.push((head, segment)),
            HeadSector::Version(version) => {
                return Err(WalError::Version {
                    segment: number,
                    version,
                });
            }
            HeadSector::Blank if is_blank_behind(&segment)? => survey.free.push(segment),
            HeadSector::Blank | HeadSector::Unreadable => {
                survey.unreadable.push(number);
                let content = Content::of(&segment, flushed)?;
                survey.generation = survey.generation.max(content.generation);
                match content.needed {
                    None => survey.free.push(segment),
                    Some(head) if on_corruption == OnCorruption::Salvage => {
                        used.push((head, segment));
                    }
                    Some(_) => {
                        return Err(
                            segment.corrupt(0, "its head cannot be read, its records are needed")
                        );
                    }
                }
            }
        }
    }
    survey.next_number = survey.next_number.next();
    survey.order(used, flushed)?;
    Ok(survey)
}

impl Survey {
    /// Sorts the used segments and sets apart those at the start that are wholly in blocks.
    fn order(
        &mut self,
        mut used: Vec<(SegmentHead, Segment)>,
        flushed: Sequence,
    ) -> Result<(), WalError> {
        used.sort_by_key(|(head, _)| head.generation);
        let followed = used.iter().zip(used.iter().skip(1));
        for ((head, _), (next, segment)) in followed.clone() {
            if head.generation == next.generation {
                return Err(segment.corrupt(0, "two segments of one generation"));
            }
        }
        let in_blocks = followed
            .take_while(|(_, (next, _))| next.first <= flushed.next())
            .count();
        if let Some((head, _)) = used.last() {
            self.generation = self.generation.max(head.generation);
        }
        self.live = used.split_off(in_blocks);
        self.free
            .extend(used.into_iter().map(|(_, segment)| segment));
        Ok(())
    }
}

fn segment_numbers(disk: &dyn Disk) -> Result<Vec<FileNumber>, WalError> {
    let mut numbers = Vec::new();
    for name in names(disk)? {
        if let Some(number) = FileNumber::parse(&name) {
            numbers.push(number);
        } else if !name.ends_with(file_names::TEMPORARY) {
            tracing::warn!(name, "a file in the WAL directory is none of ours");
        }
    }
    Ok(numbers)
}

/// Removes the segments that a crash left unfinished.
pub(super) fn remove_unfinished(disk: &dyn Disk) -> Result<(), WalError> {
    for name in names(disk)? {
        if name.ends_with(file_names::TEMPORARY) {
            disk.remove(&Path::new(file_names::WAL).join(name))
                .map_err(failed("remove an unfinished file of"))?;
        }
    }
    Ok(())
}

fn names(disk: &dyn Disk) -> Result<Vec<String>, WalError> {
    let directory = file_names::WAL.as_ref();
    disk.create_dir(directory).map_err(failed("make"))?;
    // A segment that a killed process had just made may have its name only in memory.
    disk.sync_dir(directory).map_err(failed("sync"))?;
    disk.list(directory).map_err(failed("list"))
}

fn failed(action: &'static str) -> impl FnOnce(io::Error) -> WalError {
    move |source| WalError::Directory { action, source }
}

/// Whether a segment without a head has no group either.
fn is_blank_behind(segment: &Segment) -> Result<bool, WalError> {
    let found = GroupReader::new(segment).starts_with_group()?;
    Ok(!found)
}

/// What the groups of a segment tell when its head does not.
struct Content {
    /// The highest generation among them.
    generation: u64,
    /// The head that they must have had, if some of that generation are not in blocks.
    needed: Option<SegmentHead>,
}

impl Content {
    fn of(segment: &Segment, flushed: Sequence) -> Result<Self, WalError> {
        let mut reader = GroupReader::new(segment);
        let mut newest: Option<SegmentHead> = None;
        let mut is_needed = false;
        while let Some((at, group)) = reader.find(|_| true)? {
            reader.seek(at.saturating_add(u64::try_from(group.bytes()).unwrap_or(u64::MAX)));
            if newest.is_none_or(|head| head.generation < group.generation) {
                newest = Some(SegmentHead {
                    generation: group.generation,
                    group: group.number,
                    first: group.first,
                });
                is_needed = false;
            }
            if newest.is_some_and(|head| head.generation == group.generation) {
                is_needed |= group.last > flushed;
            }
        }
        Ok(Self {
            generation: newest.map_or(0, |head| head.generation),
            needed: newest.filter(|_| is_needed),
        })
    }
}
