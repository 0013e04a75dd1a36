//! The files of the manifests folder: reading, taking apart, finding a line again.
//!
//! As `kubectl apply -f DIR` does it: files that end in `.yaml`, `.yml` or `.json`, in the order of their names, folders
//! beneath are passed over; a file may hold several documents and `List`s. Hidden files are editors' business.

pub(crate) mod locate;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use penstock_api::FieldPath;
use serde::Deserialize as _;
use serde_json::Value;

/// The largest file that is read: a manifest that is larger is a mistake.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// One object as a file holds it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Document {
    /// The manifest.
    pub(crate) manifest: Value,
    /// Which document of the file it stands in, from 0.
    pub(crate) number: usize,
    /// Where in that document it stands: an item of a `List`, else the root.
    pub(crate) root: FieldPath,
}

/// A file's text, or why there is none.
pub(crate) type Text = Result<String, io::Error>;

/// A file that is no YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unparsable {
    /// The line that the parser stopped at, from 1.
    pub(crate) line: Option<usize>,
    /// What it says.
    pub(crate) message: String,
}

/// Reads every manifest file of the folder.
///
/// # Errors
/// The folder itself cannot be listed. A single file's trouble is in its place.
pub(crate) fn read_folder(folder: &Path) -> io::Result<BTreeMap<PathBuf, Text>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if is_manifest(&path) {
            match read_file(&path) {
                // Gone since it was listed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                text => {
                    files.insert(path, text);
                }
            }
        }
    }
    Ok(files)
}

fn is_manifest(path: &Path) -> bool {
    let is_hidden = path
        .file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let extension = path.extension().and_then(|extension| extension.to_str());
    !is_hidden && matches!(extension, Some("yaml" | "yml" | "json")) && !path.is_dir()
}

fn read_file(path: &Path) -> Text {
    let length = fs::metadata(path)?.len();
    if length > FILE_BYTES_MAX {
        let message = format!("{length} bytes, at most {FILE_BYTES_MAX} are read");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    fs::read_to_string(path)
}

/// Takes a file's text apart. Empty documents are passed over.
///
/// # Errors
/// [`Unparsable`] if any of it is no YAML.
pub(crate) fn parse(text: &str) -> Result<Vec<Document>, Unparsable> {
    let mut documents = Vec::new();
    for (number, document) in serde_yaml::Deserializer::from_str(text).enumerate() {
        let yaml = serde_yaml::Value::deserialize(document).map_err(|error| Unparsable {
            line: error.location().map(|location| location.line()),
            message: error.to_string(),
        })?;
        let manifest = serde_json::to_value(yaml).map_err(|error| Unparsable {
            line: None,
            message: error.to_string(),
        })?;
        unfold(manifest, number, &FieldPath::root(), &mut documents);
    }
    Ok(documents)
}

/// A `List` is its items, however deep.
fn unfold(mut manifest: Value, number: usize, root: &FieldPath, documents: &mut Vec<Document>) {
    let is_list = manifest
        .get("apiVersion")
        .is_some_and(|version| version == "v1")
        && manifest.get("kind").is_some_and(|kind| kind == "List");
    match manifest.get_mut("items").map(Value::take) {
        Some(Value::Array(items)) if is_list => {
            for (index, item) in items.into_iter().enumerate() {
                unfold(item, number, &root.key("items").index(index), documents);
            }
        }
        items => {
            if let (Some(items), Some(place)) = (items, manifest.get_mut("items")) {
                *place = items;
            }
            if !manifest.is_null() {
                documents.push(Document {
                    manifest,
                    number,
                    root: root.clone(),
                });
            }
        }
    }
}

#[cfg(test)]
mod tests;
