//! The ledger as a file, or as the folder that kubelet makes of its Secrets; and the keys that may have signed it.
//!
//! ```text
//!   /etc/penstock/ledger/ ..data ─▶ ..2026_11_25_12_25_00.123/  head  ledger | a0 a1 …   verify-keys  bearer
//!                         head ─▶ ..data/head
//! ```
//!
//! kubelet writes a new folder, swaps `..data` to it and removes the old one. So a reading begins by asking where
//! `..data` leads and stays in that folder; if the folder goes meanwhile, it begins again in the next.

use std::io;
use std::path::{Path, PathBuf};

use penstock_tenancy::VerifyingKey;
use penstock_tenancy::secrets::{HEAD_KEY, JoinError, PartName, WHOLE_KEY, join};

use super::LedgerRefusal;
use crate::watched_files::WatchedFiles;

/// Swaps in the midst of a reading that are put up with; a further one will be seen as a change anyway.
const READINGS_MAX: usize = 3;

/// Where signed ledgers and their keys are mounted.
#[derive(Debug)]
pub(super) struct MountedLedger {
    path: PathBuf,
    verify_keys_file: PathBuf,
    watched: WatchedFiles,
}

/// Why there is no document in the mount although something is there.
#[derive(Debug, thiserror::Error)]
pub enum MountError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The files of the folder make no document: damaged, or of different revisions.
    #[error("the files in {} make no ledger", path.display())]
    Join {
        /// The folder.
        path: PathBuf,
        /// What does not fit.
        #[source]
        source: JoinError<io::Error>,
    },
}

impl MountedLedger {
    pub(super) fn new(path: PathBuf, verify_keys_file: PathBuf) -> Self {
        let parts = PartName::all().map(|part| part.to_string());
        let names = [DATA_LINK, HEAD_KEY, WHOLE_KEY].map(str::to_owned);
        let inside = names.into_iter().chain(parts).map(|name| path.join(name));
        let watched = inside.chain([path.clone(), verify_keys_file.clone()]);
        Self {
            watched: WatchedFiles::new(watched.collect::<Vec<_>>()),
            path,
            verify_keys_file,
        }
    }

    /// Whether anything looks otherwise than at the last call; the first call says yes.
    pub(super) fn changed(&self) -> bool {
        self.watched.changed()
    }

    /// The document, or `None` as long as nobody has put one there.
    pub(super) fn read(&self) -> Result<Option<Vec<u8>>, MountError> {
        let mut readings = 0;
        loop {
            readings += 1;
            if !self.path.is_dir() {
                return read_if_there(&self.path);
            }
            let folder = self.folder();
            let read = read_folder(&folder);
            let swapped = self.folder() != folder;
            if !swapped || readings == READINGS_MAX {
                return read;
            }
        }
    }

    /// The folder that `..data` leads to now; the mount itself where there is no such link.
    fn folder(&self) -> PathBuf {
        match std::fs::read_link(self.path.join(DATA_LINK)) {
            Ok(target) => self.path.join(target),
            Err(_) => self.path.clone(),
        }
    }

    /// The keys, read anew each time: they are changed without a restart.
    pub(super) fn verify_keys(&self) -> Result<Vec<VerifyingKey>, LedgerRefusal> {
        let path = &self.verify_keys_file;
        let text = std::fs::read_to_string(path).map_err(|source| LedgerRefusal::Keys {
            path: path.clone(),
            source,
        })?;
        text.lines()
            .enumerate()
            .filter(|(_, line)| !line.trim().is_empty())
            .map(|(at, line)| {
                line.parse().map_err(|_| LedgerRefusal::Key {
                    path: path.clone(),
                    line: at + 1,
                })
            })
            .collect()
    }
}

/// The link that kubelet swaps.
const DATA_LINK: &str = "..data";

fn read_folder(folder: &Path) -> Result<Option<Vec<u8>>, MountError> {
    let Some(head) = read_if_there(&folder.join(HEAD_KEY))? else {
        return Ok(None);
    };
    let document = join(&head, |name| std::fs::read(folder.join(name)));
    document.map(Some).map_err(|source| MountError::Join {
        path: folder.to_owned(),
        source,
    })
}

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, MountError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(MountError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

#[cfg(test)]
mod tests;
