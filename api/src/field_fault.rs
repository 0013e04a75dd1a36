//! What is wrong with a manifest's field.

use std::fmt;

use crate::field_path::FieldPath;

/// Something in a manifest that must be mended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldFault {
    /// Where.
    pub at: FieldPath,
    /// What to mend: the end of a sentence that begins with the field.
    pub message: String,
}

impl FieldFault {
    pub(crate) fn new(at: FieldPath, message: String) -> Self {
        Self { at, message }
    }
}

impl fmt::Display for FieldFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.at.to_string();
        if path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{path}: {}", self.message)
        }
    }
}
