//! What can go wrong with the manifest, and what to do about it.

use std::io;

use crate::disk::FileNumber;

/// What a caller can do about a [`ManifestError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManifestErrorKind {
    /// No room. The edit does not hold: try again when there is room.
    NoSpace,
    /// The manifest is damaged: refuse to start.
    Corrupt,
    /// The edit contradicts what exists.
    Misuse,
    /// A write or a sync failed: stop the process.
    Fatal,
}

/// A failure of the manifest.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ManifestError {
    /// The disk is full.
    #[error("no room for a manifest edit")]
    NoSpace(#[source] io::Error),
    /// A file operation failed.
    #[error("cannot {action} the manifest")]
    Io {
        /// What was tried.
        action: &'static str,
        /// What the disk said.
        #[source]
        source: io::Error,
    },
    /// Bytes that are not what was written, and not the torn end.
    #[error("manifest {manifest} is damaged at offset {offset}: {what}")]
    Corrupt {
        /// Which file of `manifest/`.
        manifest: FileNumber,
        /// Where in it.
        offset: u64,
        /// What is wrong.
        what: &'static str,
    },
    /// A manifest of a format that this program does not know.
    #[error("manifest {manifest} has format version {version}; this program reads 1")]
    Version {
        /// Which file of `manifest/`.
        manifest: FileNumber,
        /// The version it names.
        version: u32,
    },
    /// The edit names what does not exist, adds what does, or goes back.
    #[error("the edit contradicts the manifest: {0}")]
    Misuse(&'static str),
    /// An earlier write failed.
    #[error("the manifest has failed before")]
    Failed,
}

impl ManifestError {
    /// What to do about it.
    pub fn kind(&self) -> ManifestErrorKind {
        match self {
            Self::NoSpace(_) => ManifestErrorKind::NoSpace,
            Self::Corrupt { .. } | Self::Version { .. } => ManifestErrorKind::Corrupt,
            Self::Misuse(_) => ManifestErrorKind::Misuse,
            Self::Io { .. } | Self::Failed => ManifestErrorKind::Fatal,
        }
    }
}
