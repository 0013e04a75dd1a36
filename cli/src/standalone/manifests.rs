//! The files of the manifests folder: reading, taking apart, finding a line again.
//!
//! As `kubectl apply -f DIR` does it: files that end in `.yaml`, `.yml` or `.json`, in the order of their names, folders
//! beneath are passed over; a file may hold several documents and `List`s. Hidden files are editors' business.

pub(crate) mod locate;
mod spot;

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use penstock_api::FieldPath;
use serde::Deserialize as _;
use serde_json::Value;

use self::spot::{Fault, Place, spot};

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
pub(crate) type Text = Result<String, Broken>;

/// A file that cannot be read, or is no YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    /// The line that is wrong, from 1; `None` if the file cannot be read at all.
    pub(crate) line: Option<usize>,
    /// The field that is wrong, or in which something is; the root if there is none.
    pub(crate) field: FieldPath,
    /// What is wrong.
    pub(crate) message: String,
}

impl Broken {
    fn at(text: &str, fault: Fault, message: String) -> Self {
        let (line, field) = spot(text, fault);
        Self {
            line: Some(line),
            field,
            message,
        }
    }
}

impl From<io::Error> for Broken {
    fn from(error: io::Error) -> Self {
        Self {
            line: None,
            field: FieldPath::root(),
            message: error.to_string(),
        }
    }
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
                bytes => {
                    let text = bytes.map_err(Broken::from).and_then(text_of);
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

fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let length = fs::metadata(path)?.len();
    if length > FILE_BYTES_MAX {
        let message = format!("{length} bytes, at most {FILE_BYTES_MAX} are read");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    fs::read(path)
}

fn text_of(bytes: Vec<u8>) -> Text {
    String::from_utf8(bytes).map_err(|error| {
        let text = String::from_utf8_lossy(error.as_bytes());
        let good = text.get(..error.utf8_error().valid_up_to());
        let place = Place::behind(good.unwrap_or_default());
        let message = format!(
            "is not UTF-8 at line {} column {}",
            place.line, place.column
        );
        Broken::at(&text, Fault::At(place), message)
    })
}

/// Takes a file's text apart. Empty documents are passed over.
///
/// # Errors
/// [`Broken`] if any of it is no YAML.
pub(crate) fn parse(text: &str) -> Result<Vec<Document>, Broken> {
    let mut documents = Vec::new();
    for (number, document) in serde_yaml::Deserializer::from_str(text).enumerate() {
        let yaml = serde_yaml::Value::deserialize(document)
            .map_err(|error| Broken::at(text, fault_of(&error, text), error.to_string()))?;
        let manifest = serde_json::to_value(yaml)
            .map_err(|error| Broken::at(text, Fault::NoPlainKey, error.to_string()))?;
        unfold(manifest, number, &FieldPath::root(), &mut documents);
    }
    Ok(documents)
}

/// The parser tells of a key that stands twice where its mapping begins, and of a character that must not be no line.
fn fault_of(error: &serde_yaml::Error, text: &str) -> Fault {
    let is_forbidden = |c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r' | '\u{85}');
    if let Some(before) = text.find(is_forbidden).and_then(|at| text.get(..at)) {
        return Fault::At(Place::behind(before));
    }
    if error.to_string().contains("duplicate entry") {
        return Fault::KeyTwice;
    }
    let place = error.location().map(|location| Place {
        line: location.line(),
        column: location.column(),
    });
    Fault::At(place.unwrap_or(Place::behind(text)))
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
