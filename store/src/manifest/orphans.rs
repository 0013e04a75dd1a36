//! Files that no version names.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use crate::disk::{Disk, FileNumber, file_names};

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
    let blocks = version
        .blocks
        .iter()
        .map(|block| file_names::block(block.day, block.file));
    let runs = version
        .series_runs
        .iter()
        .map(|run| file_names::series_run(run.file));
    let named: BTreeSet<PathBuf> = blocks.chain(runs).collect();
    let found = files(disk)?
        .into_iter()
        .filter(|path| !is_unfinished(path) && !named.contains(path));
    Ok(found.map(Orphan::at).collect())
}

/// Removes the unfinished files that a crash left beneath `blocks/` and `series/`; gives their names.
///
/// # Errors
/// What the disk says.
pub fn remove_unfinished(disk: &dyn Disk) -> io::Result<Vec<PathBuf>> {
    let mut found = files(disk)?;
    found.retain(|path| is_unfinished(path));
    for path in &found {
        disk.remove(path)?;
    }
    Ok(found)
}

impl Orphan {
    fn at(path: PathBuf) -> Self {
        let name = path.file_name().and_then(OsStr::to_str);
        match name.and_then(FileNumber::parse) {
            Some(file) if path.starts_with(file_names::BLOCKS) => Self::Block { path, file },
            Some(file) => Self::SeriesRun { path, file },
            None => Self::Unknown { path },
        }
    }
}

/// Every file beneath `blocks/DAY/` and `series/`.
fn files(disk: &dyn Disk) -> io::Result<Vec<PathBuf>> {
    let mut directories = vec![PathBuf::from(file_names::SERIES)];
    let blocks = Path::new(file_names::BLOCKS);
    directories.extend(list(disk, blocks)?.iter().map(|day| blocks.join(day)));
    let mut files = Vec::new();
    for directory in directories {
        files.extend(
            list(disk, &directory)?
                .iter()
                .map(|name| directory.join(name)),
        );
    }
    Ok(files)
}

/// The names in a directory; none if there is no directory, or a file in its place.
fn list(disk: &dyn Disk, directory: &Path) -> io::Result<Vec<String>> {
    match disk.list(directory) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(Vec::new())
        }
        listed => listed,
    }
}

fn is_unfinished(path: &Path) -> bool {
    path.to_string_lossy().ends_with(file_names::TEMPORARY)
}
