//! Files that are read now and then, of which there may be more than a process may have open.
//!
//! Blocks of twenty thousand days are as many files. The last few hundred that were read stay open; any other one is
//! opened again when somebody reads it.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::disk::DiskFile;

/// The files that are open.
#[derive(Debug)]
pub(super) struct OpenFiles {
    open: Mutex<Open>,
    max: usize,
}

#[derive(Debug, Default)]
struct Open {
    files: HashMap<u64, Used>,
    /// Counts uses, and files.
    clock: u64,
}

#[derive(Debug)]
struct Used {
    file: Arc<File>,
    last: u64,
}

/// A file that is open while it is among those that were read last.
#[derive(Debug)]
struct SeldomFile {
    path: PathBuf,
    number: u64,
    files: Arc<OpenFiles>,
}

impl OpenFiles {
    /// At most `max` are open, at least one.
    pub(super) fn new(max: usize) -> Self {
        Self {
            open: Mutex::default(),
            max: max.max(1),
        }
    }

    /// Takes a file in. It is opened once, so that a missing one is found here.
    pub(super) fn open(self: &Arc<Self>, path: PathBuf) -> io::Result<Arc<dyn DiskFile>> {
        let file = SeldomFile {
            path,
            number: self.open.lock().tick(),
            files: Arc::clone(self),
        };
        file.file()?;
        Ok(Arc::new(file))
    }
}

impl Open {
    fn tick(&mut self) -> u64 {
        self.clock = self.clock.saturating_add(1);
        self.clock
    }

    fn close_oldest(&mut self) {
        let oldest = self.files.iter().min_by_key(|(_, used)| used.last);
        if let Some(number) = oldest.map(|(number, _)| *number) {
            self.files.remove(&number);
        }
    }
}

impl SeldomFile {
    fn file(&self) -> io::Result<Arc<File>> {
        let mut open = self.files.open.lock();
        let now = open.tick();
        if let Some(used) = open.files.get_mut(&self.number) {
            used.last = now;
            return Ok(Arc::clone(&used.file));
        }
        // Not while others wait for files that are open.
        drop(open);
        let file = OpenOptions::new().read(true).write(true).open(&self.path)?;
        let file = Arc::new(file);
        let mut open = self.files.open.lock();
        if open.files.len() >= self.files.max {
            open.close_oldest();
        }
        let used = Used {
            file: Arc::clone(&file),
            last: now,
        };
        open.files.insert(self.number, used);
        Ok(file)
    }
}

impl Drop for SeldomFile {
    fn drop(&mut self) {
        self.files.open.lock().files.remove(&self.number);
    }
}

impl DiskFile for SeldomFile {
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.file()?.read_exact_at(bytes, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.file()?.write_all_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file()?.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file()?.metadata()?.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_files_can_be_read_than_are_open() {
        let folder = tempfile::tempdir().unwrap();
        let files = Arc::new(OpenFiles::new(3));
        let seldom: Vec<_> = (0u8..10)
            .map(|number| {
                let path = folder.path().join(number.to_string());
                std::fs::write(&path, [number]).unwrap();
                files.open(path).unwrap()
            })
            .collect();
        for round in 0..3 {
            for (number, file) in (0u8..).zip(&seldom) {
                let mut byte = [99];
                file.read_exact_at(&mut byte, 0).unwrap();
                assert_eq!(byte, [number], "round {round}");
                assert!(files.open.lock().files.len() <= 3);
            }
        }
        drop(seldom);
        assert!(files.open.lock().files.is_empty());
    }

    #[test]
    fn a_missing_file_is_missed_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let files = Arc::new(OpenFiles::new(3));
        let missing = files.open(folder.path().join("none")).unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }
}
