//! The last good manifests, kept for the next start.
//!
//! ```text
//!   DATA/manifests.json   {"manifests":[{"file":…,"number":0,"manifest":{…}}],"checksum":"…"}      0600
//! ```
//!
//! A file that is broken keeps its last good content; without this page it would do so only until the next start,
//! and a reboot would cut off devices because of a mistake that was reported days ago. The checksum is the SHA-256 of
//! the `manifests` array. What is damaged is forgotten, with a warning: the manifests themselves are elsewhere.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use penstock_api::{Admission, FieldPath, Kind, ObjectName};
use penstock_tenancy::KeyHash;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::desired::{Desired, Entry};
use super::durable::{self, Readers};
use super::manifests::Document;

#[derive(Serialize, Deserialize)]
struct File {
    manifests: Vec<Remembered>,
    checksum: String,
}

#[derive(Serialize, Deserialize)]
struct Remembered {
    file: PathBuf,
    number: usize,
    manifest: Value,
}

/// Reads what was good at the end of the last run.
///
/// # Errors
/// The file is there and cannot be read, or is damaged.
pub(crate) fn read(path: &Path, admission: &Admission) -> io::Result<Desired> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Desired::default()),
        Err(error) => return Err(error),
    };
    let file: File = serde_json::from_slice(&bytes)?;
    if checksum(&file.manifests)? != file.checksum {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the checksum is wrong",
        ));
    }
    let mut desired = Desired::default();
    for remembered in file.manifests {
        insert(&mut desired, remembered, admission);
    }
    Ok(desired)
}

/// What an older version took and this one does not is forgotten.
fn insert(desired: &mut Desired, remembered: Remembered, admission: &Admission) {
    let Ok(Some(kind)) = Kind::of(&remembered.manifest) else {
        return;
    };
    let Ok(object) = ObjectName::of(kind, &remembered.manifest) else {
        return;
    };
    if let Ok(manifest) = admission.admit(&remembered.manifest, None) {
        let document = Document {
            manifest: remembered.manifest,
            number: remembered.number,
            root: FieldPath::root(),
        };
        let file = remembered.file;
        desired.insert(
            object,
            Entry {
                file,
                document,
                manifest,
            },
        );
    }
}

/// Keeps what is good now.
///
/// # Errors
/// The file cannot be written.
pub(crate) fn write(path: &Path, desired: &Desired) -> io::Result<()> {
    let manifests: Vec<_> = desired
        .entries()
        .map(|(_, entry)| Remembered {
            file: entry.file.clone(),
            number: entry.document.number,
            manifest: entry.document.manifest.clone(),
        })
        .collect();
    let checksum = checksum(&manifests)?;
    let text = serde_json::to_vec(&File {
        manifests,
        checksum,
    })?;
    durable::write(path, &text, Readers::Owner)
}

fn checksum(manifests: &[Remembered]) -> io::Result<String> {
    Ok(KeyHash::of(&serde_json::to_vec(manifests)?).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn manifests_survive_a_restart_and_damage_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("manifests.json");
        let admission = Admission::new();
        assert_eq!(read(&path, &admission).unwrap(), Desired::default());
        let mut desired = Desired::default();
        for (name, version) in [
            ("mill", "penstock.dev/v1alpha1"),
            ("later", "penstock.dev/v9"),
        ] {
            let manifest = json!({
                "apiVersion": version, "kind": "MetricsApplication",
                "metadata": {"name": name}, "spec": {}
            });
            let file = PathBuf::from("a.yaml");
            insert(
                &mut desired,
                Remembered {
                    file,
                    number: 0,
                    manifest,
                },
                &admission,
            );
        }
        assert_eq!(desired.entries().count(), 1);
        write(&path, &desired).unwrap();
        assert_eq!(read(&path, &admission).unwrap(), desired);

        let damaged = fs::read_to_string(&path).unwrap().replace("mill", "mild");
        fs::write(&path, damaged).unwrap();
        assert!(read(&path, &admission).is_err());
    }
}
