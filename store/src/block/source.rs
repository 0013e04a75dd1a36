//! Where the bytes of a block are.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::error::{BlockError, BlockName, Damage};
use crate::disk::DiskFile;

/// Where the bytes of a block are.
#[derive(Clone, Debug)]
pub enum BlockSource {
    /// In memory: a sealed part.
    Memory(Arc<[u8]>),
    /// In a file.
    File {
        /// The file.
        file: Arc<dyn DiskFile>,
        /// Its path, relative to the data directory: errors name it.
        path: Arc<Path>,
    },
}

impl BlockSource {
    pub(super) fn bytes(&self) -> Result<u64, BlockError> {
        match self {
            Self::Memory(bytes) => Ok(bytes.len() as u64),
            Self::File { file, .. } => file.len().map_err(|error| self.unreadable(0, error)),
        }
    }

    /// Fills `out` from `offset` on.
    pub(super) fn read_exact_at(&self, out: &mut [u8], offset: u64) -> Result<(), BlockError> {
        let read = match self {
            Self::Memory(bytes) => {
                let found = usize::try_from(offset)
                    .ok()
                    .and_then(|start| bytes.get(start..)?.get(..out.len()));
                found
                    .map(|found| out.copy_from_slice(found))
                    .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
            }
            Self::File { file, .. } => file.read_exact_at(out, offset),
        };
        read.map_err(|error| self.unreadable(offset, error))
    }

    /// The error that these bytes are not those that were written.
    pub(super) fn damaged(&self, offset: u64, damage: impl Into<Damage>) -> BlockError {
        BlockError::Damaged {
            block: self.name(),
            offset,
            damage: damage.into(),
        }
    }

    fn unreadable(&self, offset: u64, source: io::Error) -> BlockError {
        BlockError::Read {
            block: self.name(),
            offset,
            source,
        }
    }

    fn name(&self) -> BlockName {
        match self {
            Self::Memory(_) => BlockName(None),
            Self::File { path, .. } => BlockName(Some(Arc::clone(path))),
        }
    }
}
