//! What is told about a manifest that was not taken.

use std::fmt;
use std::path::{Path, PathBuf};

use penstock_api::{FieldFault, FieldPath, ObjectName};

use crate::standalone::manifests::locate::line_of;
use crate::standalone::manifests::{Broken, Document};

/// One thing to mend: file, line and field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    /// The file.
    pub(crate) file: PathBuf,
    /// The line in it, from 1, if it can be told.
    pub(crate) line: Option<usize>,
    /// The object, if it can be told.
    pub(crate) object: Option<ObjectName>,
    /// The field; the root for the whole manifest.
    pub(crate) field: FieldPath,
    /// What to mend.
    pub(crate) message: String,
}

impl Report {
    /// The field for a log; `None` if it is the whole manifest or file.
    pub(crate) fn named_field(&self) -> Option<String> {
        Some(self.field.to_string()).filter(|field| !field.is_empty())
    }
}

impl Report {
    /// A fault of a document that stands in this text.
    pub(crate) fn of_fault(
        file: &Path,
        text: &str,
        document: &Document,
        object: Option<ObjectName>,
        fault: FieldFault,
    ) -> Self {
        let place = document.root.join(&fault.at);
        Self {
            file: file.to_owned(),
            line: line_of(text, document.number, &place),
            object,
            field: fault.at,
            message: fault.message,
        }
    }

    /// A file that cannot be taken apart.
    pub(crate) fn of_broken(file: &Path, broken: Broken) -> Self {
        Self {
            file: file.to_owned(),
            line: broken.line,
            object: None,
            field: broken.field,
            message: broken.message,
        }
    }

    /// A fault of a whole file.
    pub(crate) fn of_file(file: &Path, message: &str) -> Self {
        Self {
            file: file.to_owned(),
            line: None,
            object: None,
            field: FieldPath::root(),
            message: message.to_owned(),
        }
    }
}

impl fmt::Display for Report {
    /// `file:line: object: field: message`, as compilers say it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(object) = &self.object {
            write!(f, ": {object}")?;
        }
        if let Some(field) = self.named_field() {
            write!(f, ": {field}")?;
        }
        write!(f, ": {}", self.message)
    }
}
