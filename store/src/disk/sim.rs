//! Simulated files that crash, tear and fail on demand.
//!
//! ```text
//!              write            sync_data
//!   caller ------------> volatile ------------> durable
//!                          |                       |
//!                          +---- image(seed) ------+--> what a restart would find
//! ```
//!
//! Every file and every directory has two states: what the running process sees, and what the disk is sure
//! to have. Between them lie the writes since the last sync, sector by sector, and the renames, creations and
//! removals since the directory's last sync. [`SimDisk::image`] is the disk after the power went: a seed
//! decides for each sector which of its writes arrived, whether one of them is torn inside the sector, and how
//! many of each directory's changes did, in their order. Sectors and directories do not wait for each other.
//!
//! What it does not do: time, threads, bad reads other than [`SimDisk::corrupt`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use super::{Disk, DiskFile, DiskLock, FreeSpace, directory_of};
use directory::{Change, Directory};
use faults::Faults;
use handle::{SimFile, SimLock};
use inode::Inode;
use random::Random;

mod directory;
mod faults;
mod handle;
mod inode;
mod random;
#[cfg(test)]
mod tests;

/// What one write either does whole or may do in part.
const SECTOR_BYTES: usize = 512;

/// The room that a disk says it has.
const TOTAL_BYTES: u64 = 1 << 40;

/// An operation that changes something or makes it durable. Reads are not counted: a crash at one is a crash
/// at the next of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileOp {
    /// [`Disk::create_dir`] or [`Disk::create_dir_unsynced`] of a new directory.
    CreateDir,
    /// [`Disk::create`].
    Create,
    /// [`DiskFile::write_all_at`].
    Write,
    /// [`DiskFile::sync_data`].
    Sync,
    /// [`Disk::rename`].
    Rename,
    /// [`Disk::remove`].
    Remove,
    /// [`Disk::sync_dir`].
    SyncDir,
    /// [`Disk::sync_all`].
    SyncAll,
    /// [`Disk::hard_link`].
    HardLink,
}

/// A disk in memory. Clones are the same disk.
#[derive(Clone, Default)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    inodes: Vec<Inode>,
    directories: BTreeMap<PathBuf, Directory>,
    locked: BTreeSet<PathBuf>,
    operations: u64,
    crash_at: Option<u64>,
    crashed: bool,
    full: bool,
    full_from: Option<u64>,
    faults: Faults,
}

impl SimDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many operations ([`FileOp`]) there have been.
    pub fn operations(&self) -> u64 {
        self.state.lock().operations
    }

    /// Lets the operation of this number, counted from 0, and every one after it fail, reads too.
    pub fn crash_at(&self, operation: u64) {
        self.state.lock().crash_at = Some(operation);
    }

    /// Lets the next operation of this kind fail. A write that fails writes nothing; a sync that fails
    /// leaves what it should have kept visible, and never durable, as the kernel does.
    pub fn fail_next(&self, operation: FileOp, kind: io::ErrorKind) {
        self.state.lock().faults.order_next(operation, kind);
    }

    /// Lets the operation of this number, counted from 0, fail, and none after it.
    pub fn fail_at(&self, operation: u64, kind: io::ErrorKind) {
        self.state.lock().faults.order_at(operation, kind);
    }

    /// While the disk is full, no file is made and none grows ([`io::ErrorKind::StorageFull`]).
    pub fn set_full(&self, full: bool) {
        self.state.lock().full = full;
    }

    /// Fills the disk at the operation of this number, counted from 0.
    pub fn fill_at(&self, operation: u64) {
        self.state.lock().full_from = Some(operation);
    }

    /// Flips the bits of `mask` in one byte, on the disk and in what the process sees.
    ///
    /// # Errors
    /// [`io::ErrorKind::NotFound`] or [`io::ErrorKind::UnexpectedEof`] if there is no such byte.
    pub fn corrupt(&self, path: &Path, offset: u64, mask: u8) -> io::Result<()> {
        let mut state = self.state.lock();
        let inode = state.find(path)?;
        state.inode(inode)?.corrupt(place(offset)?, mask)
    }

    /// The disk as a restart after a power cut now would find it. Each seed is another outcome.
    #[must_use]
    pub fn image(&self, seed: u64) -> Self {
        let state = self.state.lock();
        let mut random = Random::new(seed);
        let inodes = state.inodes.iter().map(|i| i.image(&mut random)).collect();
        let mut directories: BTreeMap<PathBuf, Directory> = BTreeMap::new();
        for (path, directory) in &state.directories {
            // Those above come first.
            let above = directory_of(path);
            let is_there = above.as_os_str().is_empty() || directories.contains_key(above);
            if let Some(image) = directory.image(&mut random)
                && is_there
            {
                directories.insert(path.clone(), image);
            }
        }
        Self {
            state: Arc::new(Mutex::new(State {
                inodes,
                directories,
                ..State::default()
            })),
        }
    }

    /// The disk as a restart after `kill -9` now would find it: nothing lost, nothing more durable than before.
    #[must_use]
    pub fn killed(&self) -> Self {
        let state = self.state.lock();
        Self {
            state: Arc::new(Mutex::new(State {
                inodes: state.inodes.clone(),
                directories: state.directories.clone(),
                ..State::default()
            })),
        }
    }

    /// Locks the state for a read.
    fn read(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.state.lock();
        if state.crashed {
            return Err(crashed());
        }
        Ok(state)
    }

    /// Locks the state for an operation that is counted and may be told to fail.
    fn operate(&self, operation: FileOp) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.read()?;
        if state.crash_at.is_some_and(|at| at <= state.operations) {
            state.crashed = true;
            return Err(crashed());
        }
        let number = state.operations;
        state.full |= state.full_from.take_if(|from| *from == number).is_some();
        state.operations = number.saturating_add(1);
        if operation == FileOp::Create && state.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(state)
    }
}

impl fmt::Debug for SimDisk {
    /// Without the bytes, of which there may be many.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        f.debug_struct("SimDisk")
            .field("operations", &state.operations)
            .field("crashed", &state.crashed)
            .field("directories", &state.directories)
            .finish_non_exhaustive()
    }
}

impl State {
    /// The fault that was ordered for the operation that was just counted.
    fn take_fault(&mut self, operation: FileOp) -> io::Result<()> {
        let number = self.operations.saturating_sub(1);
        self.faults.take(operation, number)
    }

    fn directory(&mut self, path: &Path) -> io::Result<&mut Directory> {
        if path.as_os_str().is_empty() {
            return Ok(self
                .directories
                .entry(PathBuf::new())
                .or_insert_with(Directory::durable));
        }
        self.directories
            .get_mut(path)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn find(&mut self, path: &Path) -> io::Result<usize> {
        let name = name_of(path);
        self.directory(directory_of(path))?
            .get(&name)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn inode(&mut self, inode: usize) -> io::Result<&mut Inode> {
        self.inodes
            .get_mut(inode)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl Disk for SimDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        if path.as_os_str().is_empty() || self.read()?.directories.contains_key(path) {
            return Ok(());
        }
        self.create_dir(directory_of(path))?;
        let mut state = self.operate(FileOp::CreateDir)?;
        state.take_fault(FileOp::CreateDir)?;
        state
            .directories
            .insert(path.to_owned(), Directory::durable());
        Ok(())
    }

    fn create_dir_unsynced(&self, path: &Path) -> io::Result<()> {
        if self.read()?.directories.contains_key(path) {
            return Ok(());
        }
        let mut state = self.operate(FileOp::CreateDir)?;
        state.take_fault(FileOp::CreateDir)?;
        state.directory(directory_of(path))?;
        state
            .directories
            .insert(path.to_owned(), Directory::default());
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut state = self.read()?;
        let mut names = state.directory(path)?.names();
        let below = state.directories.keys().filter(|directory| {
            !directory.as_os_str().is_empty() && directory_of(directory) == path
        });
        names.extend(below.map(|directory| name_of(directory)));
        names.sort_unstable();
        Ok(names)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.operate(FileOp::Create)?;
        state.take_fault(FileOp::Create)?;
        if state.find(path).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = state.inodes.len();
        state
            .directory(directory_of(path))?
            .change(Change::Link(name_of(path), inode));
        state.inodes.push(Inode::default());
        Ok(self.handle(inode))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let inode = self.read()?.find(path)?;
        Ok(self.handle(inode))
    }

    fn open_seldom(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.open(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.operate(FileOp::Rename)?;
        state.take_fault(FileOp::Rename)?;
        state.find(from)?;
        if directory_of(from) != directory_of(to) {
            return Err(io::ErrorKind::CrossesDevices.into());
        }
        state
            .directory(directory_of(to))?
            .change(Change::Rename(name_of(from), name_of(to)));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.operate(FileOp::Remove)?;
        state.take_fault(FileOp::Remove)?;
        state.find(path)?;
        state
            .directory(directory_of(path))?
            .change(Change::Unlink(name_of(path)));
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.operate(FileOp::SyncDir)?;
        state.take_fault(FileOp::SyncDir)?;
        state.directory(path)?.sync();
        Ok(())
    }

    fn sync_all(&self) -> io::Result<()> {
        let mut state = self.operate(FileOp::SyncAll)?;
        let fault = state.take_fault(FileOp::SyncAll);
        for inode in &mut state.inodes {
            if fault.is_err() {
                inode.forget_unsynced();
            } else {
                inode.sync();
            }
        }
        if fault.is_ok() {
            for directory in state.directories.values_mut() {
                directory.sync_with_name();
            }
        }
        fault
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.operate(FileOp::HardLink)?;
        state.take_fault(FileOp::HardLink)?;
        let inode = state.find(from)?;
        if state.find(to).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state
            .directory(directory_of(to))?
            .change(Change::Link(name_of(to), inode));
        Ok(())
    }

    fn free_space(&self) -> io::Result<FreeSpace> {
        let full = self.read()?.full;
        Ok(FreeSpace {
            free: if full { 0 } else { TOTAL_BYTES },
            total: TOTAL_BYTES,
        })
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        if !self.read()?.locked.insert(path.to_owned()) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(SimLock {
            disk: self.clone(),
            path: path.to_owned(),
        }))
    }
}

impl SimDisk {
    fn handle(&self, inode: usize) -> Arc<dyn DiskFile> {
        Arc::new(SimFile {
            disk: self.clone(),
            inode,
        })
    }
}

fn crashed() -> io::Error {
    io::Error::other("crashed")
}

fn place(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(io::Error::other)
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
