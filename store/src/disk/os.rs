//! Real files beneath a data directory.

mod open_files;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::process::{Resource, getrlimit, setrlimit};

use self::open_files::OpenFiles;
use super::{Disk, DiskFile, DiskLock, FreeSpace, directory_of};

/// Files that are read now and then, of which so many stay open: sockets need the rest of what the system allows.
const SELDOM_OPEN_MAX: u64 = 1_024;

/// The file system of the machine.
#[derive(Debug)]
pub struct OsDisk {
    root: PathBuf,
    seldom: Arc<OpenFiles>,
}

impl OsDisk {
    /// Takes the data directory, which is made if need be.
    ///
    /// # Errors
    /// What the file system says when it cannot be made.
    pub fn new(root: impl Into<PathBuf>) -> io::Result<Self> {
        let root = root.into();
        fs::create_dir_all(&root)?;
        let allowed = raise_file_limit();
        let most = (allowed / 4).min(SELDOM_OPEN_MAX);
        Ok(Self {
            root,
            seldom: Arc::new(OpenFiles::new(usize::try_from(most).unwrap_or(usize::MAX))),
        })
    }

    fn at(&self, path: &Path) -> PathBuf {
        self.root.join(path)
    }
}

/// Blocks and connections are more than the 1,024 files that many systems allow a process at first. It may ask for as
/// many as its hard limit says. Answers how many files may be open then.
fn raise_file_limit() -> u64 {
    let found = getrlimit(Resource::Nofile);
    let mut limit = found;
    limit.current = limit.maximum;
    let allowed = match setrlimit(Resource::Nofile, limit) {
        Ok(()) => limit.current,
        Err(error) => {
            tracing::warn!(%error, "cannot raise the limit of open files");
            found.current
        }
    };
    allowed.unwrap_or(u64::MAX)
}

impl Disk for OsDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        if path.as_os_str().is_empty() || self.at(path).is_dir() {
            return Ok(());
        }
        self.create_dir(directory_of(path))?;
        match fs::create_dir(self.at(path)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => self.sync_dir(directory_of(path)),
        }
    }

    fn create_dir_unsynced(&self, path: &Path) -> io::Result<()> {
        match fs::create_dir(self.at(path)) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }

    fn list(&self, path: &Path) -> io::Result<Vec<String>> {
        let mut names = fs::read_dir(self.at(path))?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect::<io::Result<Vec<_>>>()?;
        names.sort_unstable();
        Ok(names)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(self.at(path))?;
        Ok(Arc::new(OsFile(file)))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open(self.at(path))?;
        Ok(Arc::new(OsFile(file)))
    }

    fn open_seldom(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.seldom.open(self.at(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(self.at(from), self.at(to))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(self.at(path))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        File::open(self.at(path))?.sync_all()
    }

    fn sync_all(&self) -> io::Result<()> {
        Ok(rustix::fs::syncfs(File::open(&self.root)?)?)
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::hard_link(self.at(from), self.at(to))
    }

    fn free_space(&self) -> io::Result<FreeSpace> {
        let found = rustix::fs::statvfs(&self.root)?;
        Ok(FreeSpace {
            free: found.f_bavail.saturating_mul(found.f_frsize),
            total: found.f_blocks.saturating_mul(found.f_frsize),
        })
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn DiskLock>> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(self.at(path))?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(OsLock { _file: file })),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

#[derive(Debug)]
struct OsFile(File);

impl DiskFile for OsFile {
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(bytes, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}

/// The kernel lets go of the lock when the file is closed, so a killed process holds nothing.
#[derive(Debug)]
struct OsLock {
    _file: File,
}

impl DiskLock for OsLock {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_made_read_renamed_and_listed_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let disk = OsDisk::new(folder.path().join("data")).unwrap();
        let place = Path::new("blocks/20261125");
        disk.create_dir(place).unwrap();
        disk.create_dir(place).unwrap();
        let file = disk.create(&place.join("b.tmp")).unwrap();
        file.write_all_at(b"hello", 3).unwrap();
        file.sync_data().unwrap();
        disk.rename(&place.join("b.tmp"), &place.join("b")).unwrap();
        disk.hard_link(&place.join("b"), &place.join("a")).unwrap();
        disk.create_dir_unsynced(Path::new("blocks/20261126"))
            .unwrap();
        disk.create_dir_unsynced(place).unwrap();
        disk.sync_all().unwrap();
        disk.sync_dir(place).unwrap();
        assert_eq!(disk.list(place).unwrap(), ["a", "b"]);
        let mut bytes = [9; 8];
        let file = disk.open(&place.join("a")).unwrap();
        file.read_exact_at(&mut bytes, 0).unwrap();
        assert_eq!(&bytes, b"\0\0\0hello");
        let past_the_end = file.read_exact_at(&mut bytes, 1).unwrap_err();
        assert_eq!(past_the_end.kind(), io::ErrorKind::UnexpectedEof);
        disk.remove(&place.join("a")).unwrap();
        assert_eq!(
            disk.create(&place.join("b")).unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        assert!(disk.free_space().unwrap().total > 0);
    }

    #[test]
    fn as_many_files_may_be_open_as_the_system_allows() {
        let folder = tempfile::tempdir().unwrap();
        OsDisk::new(folder.path()).unwrap();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }

    #[test]
    fn a_lock_keeps_others_out_until_it_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let disk = OsDisk::new(folder.path()).unwrap();
        let held = disk.lock(Path::new("LOCK")).unwrap();
        let refused = disk.lock(Path::new("LOCK")).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::WouldBlock);
        drop(held);
        disk.lock(Path::new("LOCK")).unwrap();
    }
}
