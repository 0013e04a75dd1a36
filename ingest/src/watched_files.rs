//! Files that somebody else replaces: has any of them changed?
//!
//! Asked by name and looked at through symbolic links, so that it works for files written in place, for files
//! renamed over, and for Kubernetes volumes, which swap a link to a whole folder. Polled, since notification does not
//! reach through all mounts; a look costs one system call a file.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

/// A set of files and how each looked last time.
#[derive(Debug)]
pub(crate) struct WatchedFiles {
    paths: Vec<PathBuf>,
    seen: Mutex<Option<Vec<Option<Mark>>>>,
}

/// What tells two contents of a file apart without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    inode: u64,
    bytes: u64,
    changed_s: i64,
    changed_ns: i64,
}

impl WatchedFiles {
    pub(crate) fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        Self {
            paths: paths.into_iter().collect(),
            seen: Mutex::new(None),
        }
    }

    /// Whether any file looks otherwise than at the last call. The first call says yes. A file that appears or
    /// vanishes has changed.
    pub(crate) fn changed(&self) -> bool {
        let now: Vec<_> = self.paths.iter().map(|path| Mark::of(path)).collect();
        let mut seen = self.seen.lock();
        let changed = seen.as_ref() != Some(&now);
        *seen = Some(now);
        changed
    }
}

impl Mark {
    fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self {
            inode: metadata.ino(),
            bytes: metadata.size(),
            changed_s: metadata.ctime(),
            changed_ns: metadata.ctime_nsec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_change_is_seen_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        let files = WatchedFiles::new([path.clone()]);
        assert!(files.changed(), "the first look");
        assert!(!files.changed());
        std::fs::write(&path, "1").unwrap();
        assert!(files.changed(), "appeared");
        assert!(!files.changed());
        std::fs::write(&path, "22").unwrap();
        assert!(files.changed(), "written in place");
        let other = directory.path().join("b");
        std::fs::write(&other, "33").unwrap();
        std::fs::rename(&other, &path).unwrap();
        assert!(files.changed(), "renamed over");
        std::fs::remove_file(&path).unwrap();
        assert!(files.changed(), "vanished");
        assert!(!files.changed());
    }

    #[test]
    fn a_swapped_link_to_the_folder_is_seen() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        for (folder, content) in [("1", "a"), ("2", "b")] {
            std::fs::create_dir(at(folder)).unwrap();
            std::fs::write(at(folder).join("file"), content).unwrap();
        }
        std::os::unix::fs::symlink(at("1"), at("data")).unwrap();
        let files = WatchedFiles::new([at("data").join("file")]);
        files.changed();
        std::os::unix::fs::symlink(at("2"), at("next")).unwrap();
        std::fs::rename(at("next"), at("data")).unwrap();
        assert!(files.changed());
    }
}
