//! Where the bytes of a block are.

use std::io;
use std::sync::Arc;

use crate::disk::DiskFile;

/// Where the bytes of a block are.
#[derive(Clone, Debug)]
pub enum BlockSource {
    /// In memory: a sealed part.
    Memory(Arc<[u8]>),
    /// In a file. It stays open, so a block that somebody reads may be removed from its directory.
    File(Arc<dyn DiskFile>),
}

impl BlockSource {
    pub(super) fn bytes(&self) -> io::Result<u64> {
        match self {
            Self::Memory(bytes) => Ok(bytes.len() as u64),
            Self::File(file) => file.len(),
        }
    }

    /// Fills `out` from `offset` on.
    pub(super) fn read_exact_at(&self, out: &mut [u8], offset: u64) -> io::Result<()> {
        match self {
            Self::Memory(bytes) => {
                let found = usize::try_from(offset)
                    .ok()
                    .and_then(|start| bytes.get(start..)?.get(..out.len()))
                    .ok_or(io::ErrorKind::UnexpectedEof)?;
                out.copy_from_slice(found);
                Ok(())
            }
            Self::File(file) => file.read_exact_at(out, offset),
        }
    }
}
