//! Mounts as kubelet makes them, on a real file system.

use std::os::unix::fs::symlink;

use penstock_tenancy::secrets::{LedgerHead, PART_BYTES_MAX, split};

use super::*;

struct Mount {
    directory: tempfile::TempDir,
    swaps: std::cell::Cell<u32>,
}

impl Mount {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            swaps: std::cell::Cell::new(0),
        }
    }

    fn ledger(&self) -> MountedLedger {
        let path = self.directory.path();
        MountedLedger::new(path.to_owned(), path.join("verify-keys"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Swaps the folder for one with these files; the old folder goes.
    fn swap(&self, files: &[(String, Vec<u8>)]) {
        let number = self.swaps.get() + 1;
        self.swaps.set(number);
        let folder = self.path(&format!("..{number}"));
        std::fs::create_dir(&folder).unwrap();
        for (name, bytes) in files {
            std::fs::write(folder.join(name), bytes).unwrap();
            // Never removed by kubelet before the swap; a link to nothing is no file.
            let link = self.path(name);
            if std::fs::symlink_metadata(&link).is_err() {
                symlink(format!("..data/{name}"), link).unwrap();
            }
        }
        symlink(format!("..{number}"), self.path("..data_tmp")).unwrap();
        std::fs::rename(self.path("..data_tmp"), self.path("..data")).unwrap();
        drop(std::fs::remove_dir_all(
            self.path(&format!("..{}", number - 1)),
        ));
    }
}

fn document(bytes: usize, filler: u8) -> Vec<u8> {
    let mut document = b"penstock-ledger/1 key checksum AAAA\n".to_vec();
    document.resize(document.len() + bytes, filler);
    document
}

/// The files of a document, and its head.
fn files(document: &[u8], before: Option<&LedgerHead>) -> (Vec<(String, Vec<u8>)>, LedgerHead) {
    let split = split(document, 1, before).unwrap();
    let mut files = vec![("head".to_owned(), split.head.to_string().into_bytes())];
    files.extend(
        split
            .whole
            .map(|whole| ("ledger".to_owned(), whole.to_vec())),
    );
    files.extend(
        split
            .parts
            .iter()
            .map(|(name, bytes)| (name.to_string(), bytes.to_vec())),
    );
    (files, split.head)
}

#[test]
fn a_folder_is_followed_from_swap_to_swap() {
    let mount = Mount::new();
    let ledger = mount.ledger();
    assert!(ledger.changed());
    assert_eq!(ledger.read().unwrap(), None, "not there yet");
    mount.swap(&[("bearer".to_owned(), b"secret".to_vec())]);
    assert!(ledger.changed());
    assert_eq!(ledger.read().unwrap(), None, "no head yet");

    let (mut old, mut before) = (Vec::new(), None);
    for (bytes, filler) in [
        (10, 1),
        (PART_BYTES_MAX, 2),
        (3 * PART_BYTES_MAX, 3),
        (9, 4),
    ] {
        let document = document(bytes, filler);
        let (new, head) = files(&document, before.as_ref());
        // The other set's parts are still there.
        old.retain(|(name, _): &(String, Vec<u8>)| new.iter().all(|(have, _)| have != name));
        mount.swap(&[old, new.clone()].concat());
        assert!(ledger.changed());
        assert_eq!(ledger.read().unwrap(), Some(document), "{bytes}");
        assert!(!ledger.changed());
        (old, before) = (new, Some(head));
    }
}

#[test]
fn a_torn_folder_is_an_error_that_says_what_is_missing() {
    let mount = Mount::new();
    let ledger = mount.ledger();
    let (mut torn, _) = files(&document(2 * PART_BYTES_MAX, 1), None);
    let removed = torn.remove(2);
    mount.swap(&torn);
    let refusal = LedgerRefusal::from(ledger.read().unwrap_err()).explain();
    assert!(
        refusal.contains("a1 of the ledger cannot be read"),
        "{refusal}"
    );
    torn.insert(2, (removed.0, vec![9; removed.1.len()]));
    mount.swap(&torn);
    let refusal = LedgerRefusal::from(ledger.read().unwrap_err()).explain();
    assert!(refusal.ends_with("do not belong together"), "{refusal}");
}

/// Reads while a writer swaps as fast as it can: what is read was written.
#[test]
fn a_swap_in_the_midst_of_a_reading_is_survived() {
    let mount = Mount::new();
    let (first, head) = files(&document(PART_BYTES_MAX, 0), None);
    let (second, _) = files(&document(PART_BYTES_MAX, 1), Some(&head));
    mount.swap(&first);
    let ledger = mount.ledger();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Acquire) {
                // A reader that meets three swaps in a row may find nothing: it sees the change later.
                if let Ok(Some(document)) = ledger.read() {
                    let filler = *document.last().unwrap();
                    let header = document.iter().position(|byte| *byte == b'\n').unwrap();
                    assert!(document[header + 1..].iter().all(|byte| *byte == filler));
                }
            }
        });
        for _ in 0..100 {
            mount.swap(&[first.clone(), second[1..].to_vec()].concat());
            mount.swap(&[first[1..].to_vec(), second.clone()].concat());
        }
        done.store(true, std::sync::atomic::Ordering::Release);
        reading.join().unwrap();
    });
    let last = ledger.read().unwrap().unwrap();
    assert_eq!(last.last(), Some(&1));
}

#[test]
fn a_single_file_is_a_document_too() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ledger.signed");
    let ledger = MountedLedger::new(path.clone(), directory.path().join("verify-keys"));
    assert_eq!(ledger.read().unwrap(), None);
    std::fs::write(&path, "a document").unwrap();
    assert!(ledger.changed());
    assert_eq!(ledger.read().unwrap().unwrap(), b"a document");
}
