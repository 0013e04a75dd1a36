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
pub mod entry;
pub mod error;
mod file;
mod item;
pub mod orphans;
#[cfg(test)]
mod tests;
pub mod version;

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::disk::{Disk, DiskFile, FileNumber, FileSink, file_names};

use file::Content;

pub use edit::Edit;
pub use entry::{BlockEntry, DroppedTails, SeriesRun, Tombstone};
pub use error::{ManifestError, ManifestErrorKind};
pub use version::Version;

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
    disk: Arc<dyn Disk>,
    config: ManifestConfig,
    version: Arc<Version>,
    /// The newest file, 0 if there is none.
    number: FileNumber,
    /// That file, if this process has written it and nothing has failed since.
    file: Option<Appended>,
    report: ManifestReport,
    failed: bool,
}

/// A file that takes edits.
#[derive(Debug)]
struct Appended {
    file: Arc<dyn DiskFile>,
    end: u64,
    edits: u32,
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
        let newest = numbers(&*disk).map_err(failed("list"))?.last().copied();
        let content = match newest {
            Some(number) => read(&*disk, number)?,
            None => Content::default(),
        };
        let version = Arc::new(content.version);
        let manifest = Self {
            disk,
            config,
            version: Arc::clone(&version),
            number: newest.unwrap_or_default(),
            file: None,
            report: ManifestReport {
                is_new: newest.is_none(),
                edits: content.edits,
                dropped_bytes: content.dropped_bytes,
            },
            failed: false,
        };
        Ok((manifest, version))
    }

    /// Makes an edit durable and gives the version with it.
    ///
    /// # Errors
    /// [`ManifestErrorKind::NoSpace`]: the edit does not hold; try again when there is room.
    /// [`ManifestErrorKind::Misuse`]: the edit contradicts the version; nothing was written.
    /// [`ManifestErrorKind::Fatal`]: stop the process.
    pub fn publish(&mut self, edit: Edit) -> Result<Arc<Version>, ManifestError> {
        if self.failed {
            return Err(ManifestError::Failed);
        }
        let items = edit.into_items(&self.version);
        let mut next = Version::clone(&self.version);
        for item in &items {
            next.apply(item).map_err(ManifestError::Misuse)?;
        }
        let written = self.write(&items, &next);
        self.failed = matches!(&written, Err(error) if error.kind() == ManifestErrorKind::Fatal);
        written?;
        self.version = Arc::new(next);
        Ok(self.version())
    }

    /// What holds now.
    pub fn version(&self) -> Arc<Version> {
        Arc::clone(&self.version)
    }

    /// What [`Manifest::open`] found.
    pub fn report(&self) -> &ManifestReport {
        &self.report
    }

    /// Appends the edit, or writes a new file that has it.
    fn write(&mut self, items: &[item::Item], next: &Version) -> Result<(), ManifestError> {
        match self.file.take() {
            None => self.rewrite(next),
            Some(file) if file.edits < self.config.edits_max => self.append(file, items),
            Some(file) => match self.rewrite(next) {
                // An edit may be what makes room: a few bytes more in the old file are better than none.
                Err(ManifestError::NoSpace(_)) => self.append(file, items),
                written => written,
            },
        }
    }

    /// A file whose append has failed is not appended to again: it is not put back.
    fn append(&mut self, mut to: Appended, items: &[item::Item]) -> Result<(), ManifestError> {
        let frame = file::frame(u64::from(to.edits) + 1, items);
        to.file
            .write_all_at(&frame, to.end)
            .map_err(no_space_or("append to"))?;
        to.file.sync_data().map_err(failed("sync"))?;
        to.end += u64::try_from(frame.len()).unwrap_or(0);
        to.edits += 1;
        self.file = Some(to);
        Ok(())
    }

    /// Writes a new file with all that `next` says, then removes the older ones.
    fn rewrite(&mut self, next: &Version) -> Result<(), ManifestError> {
        let number = self.number.next();
        let name = file_names::manifest(number);
        let end = write_new(&self.disk, &name, next).map_err(no_space_or("write"))?;
        self.number = number;
        self.file = Some(Appended {
            file: self.disk.open(&name).map_err(failed("open"))?,
            end,
            edits: 0,
        });
        for older in numbers(&*self.disk).map_err(failed("list"))? {
            if older < number {
                let path = file_names::manifest(older);
                self.disk
                    .remove(&path)
                    .map_err(failed("remove an older file of"))?;
            }
        }
        Ok(())
    }
}

fn write_new(disk: &Arc<dyn Disk>, name: &Path, version: &Version) -> io::Result<u64> {
    let mut sink = FileSink::create(disk, name)?;
    sink.write_all(&file::header())?;
    sink.write_all(&file::frame(0, &version.items()))?;
    sink.publish()
}

/// The numbers of the manifests, in order. Their names are durable.
fn numbers(disk: &dyn Disk) -> io::Result<Vec<FileNumber>> {
    let directory = file_names::MANIFEST.as_ref();
    disk.create_dir(directory)?;
    disk.sync_dir(directory)?;
    let names = disk.list(directory)?;
    Ok(names
        .iter()
        .filter_map(|name| FileNumber::parse(name))
        .collect())
}

fn read(disk: &dyn Disk, number: FileNumber) -> Result<Content, ManifestError> {
    let bytes = read_durable(disk, &file_names::manifest(number)).map_err(failed("read"))?;
    Content::parse(&bytes, number)
}

/// The bytes of a file. After kill -9 its end may be only in the page cache, and WAL that it lets go must not
/// be overwritten before it is safe: so it is synced first.
fn read_durable(disk: &dyn Disk, path: &Path) -> io::Result<Vec<u8>> {
    let file = disk.open(path)?;
    file.sync_data()?;
    let length = usize::try_from(file.len()?).map_err(io::Error::other)?;
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

fn failed(action: &'static str) -> impl FnOnce(io::Error) -> ManifestError {
    move |source| ManifestError::Io { action, source }
}

fn no_space_or(action: &'static str) -> impl FnOnce(io::Error) -> ManifestError {
    move |source| match source.kind() {
        io::ErrorKind::StorageFull => ManifestError::NoSpace(source),
        _ => ManifestError::Io { action, source },
    }
}
