//! The durable list of what exists: blocks, series runs, tombstones, and how far the log is in them.
//!
//! ```text
//!   flush, compaction, retention, recovery
//!        | Edit                     what changes, in one step
//!        v
//!   Manifest::publish               appended and synced, then valid
//!        |
//!        v
//!   Arc<Version>                    what exists now; readers keep theirs as long as they like
//! ```
//!
//! The bytes are drawn in `docs/formats/manifest.md`.
//!
//! What is not here: the files themselves, and removing those that no version names any more.

pub mod edit;
pub mod error;
pub mod orphans;
pub mod version;

use std::sync::Arc;

use crate::disk::Disk;

pub use edit::Edit;
pub use error::{ManifestError, ManifestErrorKind};
pub use version::{BlockEntry, DroppedTails, SeriesRun, Tombstone, Version};

/// Sizes of the manifest.
#[derive(Clone, Copy, Debug)]
pub struct ManifestConfig {
    /// Edits in one file before it is written anew. Default 4,096.
    pub edits_max: u32,
}

impl Default for ManifestConfig {
    fn default() -> Self {
        Self { edits_max: 4_096 }
    }
}

/// What opening the manifest found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ManifestReport {
    /// There was none: the store is new, or its manifest has been taken away.
    pub is_new: bool,
    /// Edits read.
    pub edits: u64,
    /// Bytes of an edit at the end that is not whole: it was never published, or its bytes have changed since.
    pub dropped_bytes: u64,
}

/// The manifest, open for edits. One thread at a time publishes.
#[derive(Debug)]
pub struct Manifest {
    report: ManifestReport,
}

impl Manifest {
    /// Reads the newest manifest; what it says is durable when this returns. Nothing is written before the first
    /// [`Manifest::publish`], so that a start that is refused changes nothing.
    ///
    /// # Errors
    /// [`ManifestErrorKind::Corrupt`]: refuse to start. [`ManifestErrorKind::Fatal`]: the disk fails.
    pub fn open(
        disk: Arc<dyn Disk>,
        config: ManifestConfig,
    ) -> Result<(Self, Arc<Version>), ManifestError> {
        let _ = (disk, config);
        todo!()
    }

    /// Makes an edit durable and gives the version with it.
    ///
    /// # Errors
    /// [`ManifestErrorKind::NoSpace`]: the edit does not hold; try again when there is room.
    /// [`ManifestErrorKind::Misuse`]: the edit contradicts the version; nothing was written.
    /// [`ManifestErrorKind::Fatal`]: stop the process.
    pub fn publish(&mut self, edit: Edit) -> Result<Arc<Version>, ManifestError> {
        let _ = edit;
        todo!()
    }

    /// What holds now.
    pub fn version(&self) -> Arc<Version> {
        todo!()
    }

    /// What [`Manifest::open`] found.
    pub fn report(&self) -> &ManifestReport {
        &self.report
    }
}
