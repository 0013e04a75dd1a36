//! The copy of the last good ledger on the data volume.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

/// One file, replaced as a whole: written beside, synced, renamed over, the folder synced.
#[derive(Debug)]
pub(super) struct KeptLedger {
    directory: PathBuf,
    /// Two writers would share the temporary file.
    writing: Mutex<()>,
}

impl KeptLedger {
    pub(super) fn new(data_directory: &Path) -> Self {
        Self {
            directory: data_directory.join("ledger"),
            writing: Mutex::new(()),
        }
    }

    pub(super) fn read(&self) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.path()) {
            Ok(document) => Ok(Some(document)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(super) fn write(&self, document: &[u8]) -> io::Result<()> {
        let _one_writer = self.writing.lock();
        fs::create_dir_all(&self.directory)?;
        let beside = self.directory.join("ledger.tmp");
        let mut file = File::create(&beside)?;
        file.write_all(document)?;
        file.sync_data()?;
        drop(file);
        fs::rename(&beside, self.path())?;
        File::open(&self.directory)?.sync_all()
    }

    fn path(&self) -> PathBuf {
        self.directory.join("ledger")
    }
}
