//! What can go wrong in a store, and what the caller is to do about it.

use std::path::PathBuf;

use crate::block::{BlockError, BuildError};
use crate::manifest::{ManifestError, ManifestErrorKind};
use crate::row::Sequence;
use crate::series::{RunError, SeriesConflict, UnknownSeries};
use crate::wal::record::RecordError;
use crate::wal::{WalError, WalErrorKind};

/// What the caller can do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Nothing is lost; try again later. A full disk is this.
    Retry,
    /// Files are damaged or missing: a person has to look. Nothing was changed.
    Repair,
    /// The store has stopped, since it no longer knows what is on the disk. End the process and start again.
    GiveUp,
}

/// Why the store cannot do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process, or another store of this one, has the data directory open.
    #[error("another process has the data directory open")]
    Locked,
    /// A file operation failed.
    #[error("cannot {operation} {path}")]
    Disk {
        /// What was tried, an infinitive.
        operation: &'static str,
        /// The file or folder, relative to the data directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The write-ahead log cannot be read or written.
    #[error("the write-ahead log failed")]
    Wal(#[from] WalError),
    /// The manifest cannot be read or written.
    #[error("the manifest failed")]
    Manifest(#[from] ManifestError),
    /// A block is damaged or cannot be read.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// A block could not be written.
    #[error("a block cannot be written")]
    BuildBlock(#[from] BuildError),
    /// A run of the series index is damaged or cannot be read or written.
    #[error("series run {path} failed")]
    SeriesRun {
        /// The run, relative to the data directory.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: RunError,
    },
    /// Rows name a series that nothing defines: series runs or log are not those that belong to the blocks.
    #[error("rows name a series without a definition")]
    UnknownSeries(#[from] UnknownSeries),
    /// A record of the log means nothing although its checksum is right.
    #[error("a record of the write-ahead log cannot be read")]
    Record(#[from] RecordError),
    /// Two definitions of series contradict each other.
    #[error("the series index contradicts itself")]
    SeriesConflict(#[from] SeriesConflict),
    /// A block or run that no manifest names holds what is nowhere else: the manifest has lost an edit.
    #[error(
        "{path} holds sequences up to {last}, the manifest and the log end at {known}: the manifest has \
         lost an edit; restore it, or move the file away to give up what is in it"
    )]
    LostEdit {
        /// The file, relative to the data directory.
        path: PathBuf,
        /// Its last sequence.
        last: Sequence,
        /// The last sequence that manifest and log know.
        known: Sequence,
    },
    /// Readers hold as many copies of rows as they may. Later some will be done.
    #[error(
        "readers hold as many rows that are not on the disk yet as they may, {bytes_max} bytes"
    )]
    CopiesFull {
        /// [`StoreConfig::copied_bytes_max`](crate::config::StoreConfig::copied_bytes_max).
        bytes_max: usize,
    },
    /// A thread of the store panicked: a fault of the store itself.
    #[error("a thread of the store panicked")]
    Panicked,
    /// The store has stopped after a failure, or it was closed.
    #[error("the store has stopped")]
    Stopped,
}

impl StoreError {
    /// What the caller can do.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Disk { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                ErrorKind::Retry
            }
            Self::Disk { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                ErrorKind::Repair
            }
            Self::BuildBlock(BuildError::Write(source))
                if source.kind() == std::io::ErrorKind::StorageFull =>
            {
                ErrorKind::Retry
            }
            Self::CopiesFull { .. } | Self::Locked => ErrorKind::Retry,
            Self::Wal(error) if error.kind() == WalErrorKind::NoSpace => ErrorKind::Retry,
            Self::Manifest(error) if error.kind() == ManifestErrorKind::NoSpace => ErrorKind::Retry,
            Self::Wal(error) if error.kind() == WalErrorKind::Corrupt => ErrorKind::Repair,
            Self::Manifest(error) if error.kind() == ManifestErrorKind::Corrupt => {
                ErrorKind::Repair
            }
            Self::Disk { .. }
            | Self::BuildBlock(_)
            | Self::Wal(_)
            | Self::Manifest(_)
            | Self::Panicked
            | Self::Stopped => ErrorKind::GiveUp,
            Self::Block(_)
            | Self::Record(_)
            | Self::SeriesRun { .. }
            | Self::UnknownSeries(_)
            | Self::SeriesConflict(_)
            | Self::LostEdit { .. } => ErrorKind::Repair,
        }
    }
}

/// Why appends are refused for now. It passes by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Pressure {
    /// More bytes wait for the disk than `StoreConfig::pending_bytes_max`.
    #[error("the disk does not keep up with the write-ahead log")]
    PendingLog,
    /// Sealed rows are not encoded as fast as new ones come.
    #[error("the memory for rows is full")]
    Memory,
    /// Sealed parts are not flushed as fast as new ones come, or the disk has no room for them.
    #[error("flushing does not keep up")]
    Flush,
    /// Less of the volume is free than `StoreConfig::free_space_percent_min`, or a file could not grow.
    #[error("the disk is full")]
    DiskFull,
}

/// Why rows were not appended. None of them were.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// Try again later.
    #[error("overloaded: {0}")]
    Busy(Pressure),
    /// The store has stopped after a failure, or it was closed.
    #[error("the store has stopped")]
    Stopped,
}

/// Why a series has no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResolveError<R> {
    /// It is new, and there is no room for its definition. Try again later.
    #[error("overloaded: {0}")]
    Busy(Pressure),
    /// The budget says no.
    #[error("refused")]
    Refused(R),
}
