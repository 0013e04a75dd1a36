//! Files that no version names.

use std::io;
use std::path::PathBuf;

use crate::disk::{Disk, FileNumber};

use super::version::Version;

/// A whole file that the version does not name: left by a flush that did not get to its edit, by a compaction
/// whose inputs were not yet removed, or named by an edit that the manifest has lost. Its footer tells which.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Orphan {
    /// A block.
    Block {
        /// Where it lies.
        path: PathBuf,
        /// Its number.
        file: FileNumber,
    },
    /// A series run.
    SeriesRun {
        /// Where it lies.
        path: PathBuf,
        /// Its number.
        file: FileNumber,
    },
    /// A file whose name is none of ours. Leave it and say so.
    Unknown {
        /// Where it lies.
        path: PathBuf,
    },
}

/// Lists the files beneath `blocks/` and `series/` that `version` does not name, unfinished ones left out.
///
/// # Errors
/// What the disk says.
pub fn orphans(disk: &dyn Disk, version: &Version) -> io::Result<Vec<Orphan>> {
    let _ = (disk, version);
    todo!()
}

/// Removes the unfinished files that a crash left beneath `blocks/` and `series/`; gives their names.
///
/// # Errors
/// What the disk says.
pub fn remove_unfinished(disk: &dyn Disk) -> io::Result<Vec<PathBuf>> {
    let _ = disk;
    todo!()
}
