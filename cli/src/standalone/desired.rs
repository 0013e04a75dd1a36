//! What the manifests ask for, as far as it is good.
//!
//! ```text
//!   files ── parse ── admit against the last good manifest ──▶ entries
//!               │               │
//!               │               └ refused: the object's last good manifest stays, with a report
//!               └ empty, unreadable, no YAML, or an object without a name: all that the file
//!                 last held and that stands nowhere else stays, with a report
//! ```
//!
//! An object leaves only when its file is gone or, whole and readable, no longer holds it.

mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use penstock_api::{
    Admission, FieldFault, FieldPath, Kind, Manifest, MetricsApplication, ObjectName, SecretData,
    Token,
};

pub(crate) use report::Report;

use super::manifests::{self, Broken, Document, Text};

/// One object that is asked for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Entry {
    /// The file that it stands in.
    pub(crate) file: PathBuf,
    /// The manifest as it was written.
    pub(crate) document: Document,
    /// The same, admitted.
    pub(crate) manifest: Manifest,
}

/// Everything that is asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Desired {
    entries: BTreeMap<ObjectName, Entry>,
}

impl Desired {
    /// Reads files, with `good` to fall back on.
    pub(crate) fn read(
        files: &BTreeMap<PathBuf, Text>,
        good: &Self,
        admission: &Admission,
    ) -> (Self, Vec<Report>) {
        let mut reading = Reading {
            admission,
            good,
            desired: Self::default(),
            reports: Vec::new(),
            broken_files: BTreeSet::new(),
            broken_objects: BTreeSet::new(),
        };
        for (path, text) in files {
            reading.file(path, text);
        }
        reading.finish()
    }

    /// Takes what was good in an earlier run.
    pub(crate) fn insert(&mut self, object: ObjectName, entry: Entry) {
        self.entries.insert(object, entry);
    }

    /// The entry of an object.
    pub(crate) fn get(&self, object: &ObjectName) -> Option<&Entry> {
        self.entries.get(object)
    }

    /// All of it.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&ObjectName, &Entry)> {
        self.entries.iter()
    }

    /// Replaces an object that could not be used by its last good manifest. Answers whether that changed
    /// anything.
    pub(crate) fn take_back(&mut self, object: &ObjectName, good: &Self) -> bool {
        let Some(before) = good.entries.get(object) else {
            return false;
        };
        match self.entries.get_mut(object) {
            Some(entry) if entry.manifest != before.manifest => {
                *entry = before.clone();
                true
            }
            _ => false,
        }
    }

    /// Forgets an object.
    pub(crate) fn remove(&mut self, object: &ObjectName) {
        self.entries.remove(object);
    }

    /// The applications.
    pub(crate) fn applications(&self) -> impl Iterator<Item = &MetricsApplication> {
        self.entries
            .values()
            .filter_map(|entry| match &entry.manifest {
                Manifest::Application(application) => Some(application),
                _ => None,
            })
    }

    /// The tokens.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.entries
            .values()
            .filter_map(|entry| match &entry.manifest {
                Manifest::Token(token) => Some(token),
                _ => None,
            })
    }

    /// The Secrets that keys may come from.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &SecretData> {
        self.entries
            .values()
            .filter_map(|entry| match &entry.manifest {
                Manifest::Secret(secret) => Some(secret),
                _ => None,
            })
    }
}

/// One reading of all files.
struct Reading<'a> {
    admission: &'a Admission,
    good: &'a Desired,
    desired: Desired,
    reports: Vec<Report>,
    /// Files of which it cannot be told what they mean to hold.
    broken_files: BTreeSet<PathBuf>,
    /// Objects that are there and were refused.
    broken_objects: BTreeSet<ObjectName>,
}

impl Reading<'_> {
    fn file(&mut self, path: &Path, text: &Text) {
        let text = match text {
            Ok(text) => text,
            Err(broken) => return self.broken_file(path, broken.clone()),
        };
        match manifests::parse(text) {
            Err(broken) => self.broken_file(path, broken),
            Ok(documents) if documents.is_empty() => {
                let had_content = self.good.entries.values().any(|entry| entry.file == path);
                if had_content {
                    let empty = Broken {
                        line: Some(1),
                        field: FieldPath::root(),
                        message: "is empty: what it held stays".to_owned(),
                    };
                    self.broken_file(path, empty);
                }
            }
            Ok(documents) => {
                for document in documents {
                    self.document(path, text, document);
                }
            }
        }
    }

    fn broken_file(&mut self, path: &Path, broken: Broken) {
        self.broken_files.insert(path.to_owned());
        self.reports.push(Report::of_broken(path, broken));
    }

    fn document(&mut self, path: &Path, text: &str, document: Document) {
        let name = Kind::of(&document.manifest).and_then(|kind| {
            kind.map(|kind| ObjectName::of(kind, &document.manifest))
                .transpose()
        });
        let object = match name {
            Ok(Some(object)) => object,
            Ok(None) => return,
            Err(fault) => {
                self.broken_files.insert(path.to_owned());
                return self
                    .reports
                    .push(Report::of_fault(path, text, &document, None, fault));
            }
        };
        if let Some(first) = self.desired.get(&object) {
            let message = format!("stands in {} too, which counts", first.file.display());
            let fault = FieldFault {
                at: FieldPath::of(["metadata", "name"]),
                message,
            };
            return self
                .reports
                .push(Report::of_fault(path, text, &document, Some(object), fault));
        }
        let admitted = match self.good.get(&object) {
            // Most files hold what they held: no need to ask again.
            Some(old) if old.document.manifest == document.manifest => Ok(old.manifest.clone()),
            Some(old) => self
                .admission
                .admit(&document.manifest, Some(&old.document.manifest)),
            None => self.admission.admit(&document.manifest, None),
        };
        match admitted {
            Ok(manifest) => {
                let file = path.to_owned();
                self.desired.insert(
                    object,
                    Entry {
                        file,
                        document,
                        manifest,
                    },
                );
            }
            Err(faults) => {
                self.broken_objects.insert(object.clone());
                self.reports.extend(faults.into_iter().map(|fault| {
                    Report::of_fault(path, text, &document, Some(object.clone()), fault)
                }));
            }
        }
    }

    /// Fills the gaps with what was good.
    fn finish(mut self) -> (Desired, Vec<Report>) {
        for (object, entry) in &self.good.entries {
            let stays =
                self.broken_objects.contains(object) || self.broken_files.contains(&entry.file);
            if stays && self.desired.get(object).is_none() {
                self.desired.insert(object.clone(), entry.clone());
            }
        }
        (self.desired, self.reports)
    }
}

#[cfg(test)]
mod tests;
