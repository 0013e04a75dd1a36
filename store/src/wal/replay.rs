//! From segments to the records that blocks do not have.

use crate::disk::FileNumber;
use crate::row::Sequence;

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
    /// The last sequence of the log.
    pub last: Sequence,
    /// The torn group at the end, if there was one.
    pub dropped_tail: Option<DroppedTail>,
    /// What was left out to salvage the rest.
    pub lost: Vec<Lost>,
    /// Segments whose head cannot be read and which hold nothing that is needed.
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

/// Groups in the middle of the log that a salvage left out.
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
