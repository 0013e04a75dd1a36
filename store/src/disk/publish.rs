//! Whole files: durable under their name, or not there at all.
//!
//! ```text
//! create     NAME.tmp is made (what an earlier try left behind is removed first)
//! write_all  gathered; every 1 MiB is written and synced
//! publish    the rest is written and synced, NAME.tmp becomes NAME, the directory is synced
//! drop       without publish: NAME.tmp goes
//! ```
//!
//! A sync never covers more than [`STEP_BYTES`]: one that covers 4 MiB holds up the log's syncs for 22 ms.
//! Naming the file in the manifest is the caller's next step.
//!
//! Of many small files each would cost three syncs, of its bytes, its name and its directory. Those of [`Syncs::Together`]
//! are durable only after [`Disk::sync_all`], one for many.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::{Disk, DiskFile, directory_of, file_names};

/// What one sync covers at most.
pub const STEP_BYTES: usize = 1 << 20;

/// When the files that are written become durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syncs {
    /// Each by itself, when it is published.
    Each,
    /// All that are published, at the next [`Disk::sync_all`]. A long file is synced step by step all the same.
    Together,
}

/// Writes one file from front to back.
#[derive(Debug)]
pub struct FileSink {
    disk: Arc<dyn Disk>,
    file: Arc<dyn DiskFile>,
    name: PathBuf,
    temporary: PathBuf,
    /// Written, and synced but for what is synced together.
    written: u64,
    /// Not yet written; at most [`STEP_BYTES`].
    pending: Vec<u8>,
    syncs: Syncs,
    published: bool,
}

impl FileSink {
    /// Starts a file that will be called `name`. Its directory is made if need be.
    ///
    /// # Errors
    /// What the disk says. [`io::ErrorKind::StorageFull`] here and in every later step means: nothing is lost,
    /// drop the sink and try again when there is room. Any other failed write or sync stops the process.
    pub fn create(disk: &Arc<dyn Disk>, name: &Path) -> io::Result<Self> {
        Self::create_with(disk, name, Syncs::Each)
    }

    /// The same, with a choice of when the file is durable. [`Syncs::Together`] needs the directory above that of the
    /// file.
    ///
    /// # Errors
    /// As [`FileSink::create`].
    pub fn create_with(disk: &Arc<dyn Disk>, name: &Path, syncs: Syncs) -> io::Result<Self> {
        match syncs {
            Syncs::Each => disk.create_dir(directory_of(name))?,
            Syncs::Together => disk.create_dir_unsynced(directory_of(name))?,
        }
        let temporary = file_names::temporary(name);
        match disk.remove(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        Ok(Self {
            file: disk.create(&temporary)?,
            disk: Arc::clone(disk),
            name: name.to_owned(),
            temporary,
            written: 0,
            pending: Vec::new(),
            syncs,
            published: false,
        })
    }

    /// Adds bytes to the end.
    ///
    /// # Errors
    /// As [`FileSink::create`].
    pub fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let room = STEP_BYTES.saturating_sub(self.pending.len());
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.pending.extend_from_slice(now);
            bytes = later;
            if self.pending.len() >= STEP_BYTES {
                self.write_pending()?;
                self.file.sync_data()?;
            }
        }
        Ok(())
    }

    /// Where the next byte will stand.
    pub fn position(&self) -> u64 {
        self.written.saturating_add(length(&self.pending))
    }

    /// Gives the file its name and makes it durable, unless that is to be done for many together; gives its length.
    ///
    /// # Errors
    /// As [`FileSink::create`]. After an error the file may or may not have its name.
    pub fn publish(mut self) -> io::Result<u64> {
        self.write_pending()?;
        if self.syncs == Syncs::Each {
            self.file.sync_data()?;
        }
        self.disk.rename(&self.temporary, &self.name)?;
        self.published = true;
        if self.syncs == Syncs::Each {
            // The name stands already, and nobody knows whether it stays: that is never back-pressure.
            self.disk
                .sync_dir(directory_of(&self.name))
                .map_err(io::Error::other)?;
        }
        Ok(self.written)
    }

    fn write_pending(&mut self) -> io::Result<()> {
        self.file.write_all_at(&self.pending, self.written)?;
        self.written = self.position();
        self.pending.clear();
        Ok(())
    }
}

impl Drop for FileSink {
    fn drop(&mut self) {
        if !self.published
            && let Err(error) = self.disk.remove(&self.temporary)
        {
            // The next start removes it.
            tracing::warn!(%error, path = %self.temporary.display(), "unfinished file left behind");
        }
    }
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::SimDisk;
    use super::super::sim::FileOp;
    use super::*;

    fn disk() -> (SimDisk, Arc<dyn Disk>) {
        let disk = SimDisk::new();
        (disk.clone(), Arc::new(disk))
    }

    #[test]
    fn a_file_is_whole_or_absent_whenever_the_power_goes() {
        let bytes: Vec<u8> = (0..=255).cycle().take(STEP_BYTES * 2 + 77).collect();
        for crash in 0.. {
            let (sim, disk) = disk();
            sim.crash_at(crash);
            let written = FileSink::create(&disk, Path::new("d/f")).and_then(|mut sink| {
                sink.write_all(&bytes[..10])?;
                sink.write_all(&bytes[10..])?;
                sink.publish()
            });
            let found = sim.image(crash).open(Path::new("d/f"));
            if let Ok(found) = &found {
                let mut back = vec![0; bytes.len()];
                found.read_exact_at(&mut back, 0).unwrap();
                assert!(back == bytes && found.len().unwrap() == length(&bytes));
            }
            if let Ok(length_told) = written {
                assert!(found.is_ok() && length_told == length(&bytes));
                break;
            }
        }
    }

    #[test]
    fn what_is_not_published_goes() {
        let (sim, disk) = disk();
        let mut sink = FileSink::create(&disk, Path::new("d/f")).unwrap();
        sink.write_all(b"half").unwrap();
        assert_eq!(sink.position(), 4);
        drop(sink);
        assert!(sim.list(Path::new("d")).unwrap().is_empty());
    }

    #[test]
    fn a_full_disk_is_told_apart_from_a_broken_one() {
        let (sim, disk) = disk();
        sim.set_full(true);
        let full = FileSink::create(&disk, Path::new("d/f")).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
        sim.set_full(false);
        let mut sink = FileSink::create(&disk, Path::new("d/f")).unwrap();
        sink.write_all(b"x").unwrap();
        sim.fail_next(FileOp::Sync, io::ErrorKind::Other);
        assert_eq!(sink.publish().unwrap_err().kind(), io::ErrorKind::Other);
    }
}
