//! What can go wrong with the log, and what to do about it.

use std::io;

use crate::disk::FileNumber;
use crate::row::Sequence;

/// What a caller can do about a [`WalError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WalErrorKind {
    /// No room for another segment. Nothing was written: try again when there is room.
    NoSpace,
    /// Bytes of the log are damaged or missing. Refuse to start; a person decides whether to salvage.
    Corrupt,
    /// The caller asked for what cannot be.
    Misuse,
    /// A write or a sync failed. Nobody knows what is on the disk: stop the process.
    Fatal,
}

/// A failure of the log.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WalError {
    /// The disk is full.
    #[error("no room for another WAL segment")]
    NoSpace(#[source] io::Error),
    /// A file operation failed.
    #[error("cannot {action} WAL segment {segment}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file of `wal/`.
        segment: FileNumber,
        /// What the disk said.
        #[source]
        source: io::Error,
    },
    /// An operation on the directory failed.
    #[error("cannot {action} the WAL directory")]
    Directory {
        /// What was tried.
        action: &'static str,
        /// What the disk said.
        #[source]
        source: io::Error,
    },
    /// Bytes that are not what was written, and not the torn end of the log.
    #[error("WAL segment {segment} is damaged at offset {offset}: {what}")]
    Corrupt {
        /// Which file of `wal/`.
        segment: FileNumber,
        /// Where in it.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// Records between what is in blocks and what the log still has are missing.
    #[error(
        "the WAL lacks records: {expected} should come next, segment {segment} goes on with {found}"
    )]
    Gap {
        /// The file of `wal/` in which the log goes on.
        segment: FileNumber,
        /// The first sequence that is missing.
        expected: Sequence,
        /// The first one that is there.
        found: Sequence,
    },
    /// A segment of a format that this program does not know.
    #[error("WAL segment {segment} has format version {version}; this program reads 1")]
    Version {
        /// Which file of `wal/`.
        segment: FileNumber,
        /// The version it names.
        version: u32,
    },
    /// A group that does not fit, or whose sequences do not follow the last one's.
    #[error("not a WAL group that can be written: {0}")]
    Misuse(&'static str),
    /// An earlier write failed.
    #[error("the WAL has failed before")]
    Failed,
}

impl WalError {
    /// What to do about it.
    pub fn kind(&self) -> WalErrorKind {
        match self {
            Self::NoSpace(_) => WalErrorKind::NoSpace,
            Self::Corrupt { .. } | Self::Gap { .. } | Self::Version { .. } => WalErrorKind::Corrupt,
            Self::Misuse(_) => WalErrorKind::Misuse,
            Self::Io { .. } | Self::Directory { .. } | Self::Failed => WalErrorKind::Fatal,
        }
    }
}
