//! An open file and a held lock.

use std::io;
use std::path::PathBuf;

use super::{FileOp, SimDisk, place};
use crate::disk::{DiskFile, DiskLock};

#[derive(Debug)]
pub(super) struct SimFile {
    pub(super) disk: SimDisk,
    pub(super) inode: usize,
}

impl DiskFile for SimFile {
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.read()?;
        state.inode(self.inode)?.read(bytes, place(offset)?)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.operate(FileOp::Write)?;
        state.take_fault(FileOp::Write)?;
        let full = state.full;
        let inode = state.inode(self.inode)?;
        let offset = place(offset)?;
        if full && offset.saturating_add(bytes.len()) > inode.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        inode.write(bytes, offset);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.disk.operate(FileOp::Sync)?;
        let fault = state.take_fault(FileOp::Sync);
        let inode = state.inode(self.inode)?;
        if fault.is_err() {
            inode.forget_unsynced();
        } else {
            inode.sync();
        }
        fault
    }

    fn len(&self) -> io::Result<u64> {
        let length = self.disk.read()?.inode(self.inode)?.len();
        u64::try_from(length).map_err(io::Error::other)
    }
}

#[derive(Debug)]
pub(super) struct SimLock {
    pub(super) disk: SimDisk,
    pub(super) path: PathBuf,
}

impl DiskLock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.disk.state.lock().locked.remove(&self.path);
    }
}
