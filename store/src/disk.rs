//! The only place that touches files. Everything durable goes through [`Disk`], so that tests can crash it.
//!
//! ```text
//!   wal   manifest   block writer   series runs
//!    |        |            |             |
//!    |        |            +-- FileSink -+      publish.rs: whole files, durable or not there at all
//!    +--------+------------+
//!             v
//!         Disk, DiskFile                        this file: what the store asks of a file system
//!          |         |
//!        OsDisk    SimDisk                      real files; files that crash, tear and fail on demand
//! ```
//!
//! Paths are relative to the data directory. What is durable when: the bytes of a file after
//! [`DiskFile::sync_data`], the name of a file after [`Disk::sync_dir`] of its directory, a directory as soon
//! as [`Disk::create_dir`] returns, and everything after [`Disk::sync_all`]. Nothing else is promised, in no order.
//!
//! What is not here: formats. This module moves bytes and names.

use std::fmt::Debug;
use std::io;
use std::path::Path;
use std::sync::Arc;

pub mod file_names;
pub mod os;
pub mod publish;
pub mod sim;

pub use file_names::FileNumber;
pub use os::OsDisk;
pub use publish::{FileSink, Syncs};
pub use sim::SimDisk;

/// A directory tree that can be made durable.
///
/// # Errors
/// Every method answers with what the file system said. A full disk is [`io::ErrorKind::StorageFull`]. After
/// any other failure of a write or a sync nobody may go on as if the bytes were there: the kernel marks such
/// pages clean, and a second sync would lie.
#[expect(
    clippy::missing_errors_doc,
    reason = "they are those of the trait, told once"
)]
pub trait Disk: Debug + Send + Sync {
    /// Makes a directory and those above it. It is durable when this returns; one that exists is left alone.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// Makes a directory in one that exists. It is durable after [`Disk::sync_all`]; one that exists is left alone.
    fn create_dir_unsynced(&self, path: &Path) -> io::Result<()>;

    /// The names in a directory, sorted by their bytes.
    fn list(&self, path: &Path) -> io::Result<Vec<String>>;

    /// Makes an empty file for reading and writing. One that exists is an error.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens a file for reading and writing.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Opens a file that is read now and then. It may be closed between two reads, so it must keep its name as long as
    /// somebody may read it.
    fn open_seldom(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;

    /// Gives a file another name in the same directory, in one step; a file of that name is replaced.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Takes a file's name away. Open handles still work.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Makes everything durable that has been done until now: bytes, names and directories. For many small files, each of
    /// which would need several syncs of its own; it covers whatever else has been written to the file system, too.
    fn sync_all(&self) -> io::Result<()>;

    /// Gives a file a second name.
    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// How much room there is.
    fn free_space(&self) -> io::Result<FreeSpace>;

    /// Locks the file at `path`, which is made if need be, against every other process and store until the
    /// lock is dropped. Held by somebody else: [`io::ErrorKind::WouldBlock`].
    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>>;
}

/// An open file. Reads and writes name their place; there is no cursor.
///
/// # Errors
/// As for [`Disk`].
#[expect(
    clippy::missing_errors_doc,
    reason = "they are those of the trait, told once"
)]
pub trait DiskFile: Debug + Send + Sync {
    /// Fills `bytes` from `offset` on; [`io::ErrorKind::UnexpectedEof`] if the file ends before.
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes all of `bytes` from `offset` on. The file grows if need be.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Makes the bytes and the length durable.
    fn sync_data(&self) -> io::Result<()>;

    /// The length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Whether there is no byte in it.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
}

/// Held as long as it lives.
pub trait DiskLock: Debug + Send + Sync {}

/// The room on the file system that holds the data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FreeSpace {
    /// Bytes that may still be written.
    pub free: u64,
    /// Bytes in all.
    pub total: u64,
}

/// The directory that holds `path`; the data directory itself for a bare name.
pub(crate) fn directory_of(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}
