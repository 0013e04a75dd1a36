//! The folder of manifests that a story's server reads. Written as a person would write them.

use anyhow::Result;
use std::fs;
use std::path::{Path, PathBuf};

/// A folder of manifests. A later file of the same name replaces an earlier one, as an editor would.
#[derive(Debug, Clone)]
pub struct Manifests {
    folder: PathBuf,
}

impl Manifests {
    /// Takes an existing folder.
    pub fn in_folder(folder: &Path) -> Manifests {
        Manifests {
            folder: folder.to_owned(),
        }
    }

    /// Writes an application of namespace `default`; `spec` is YAML in one line, such as
    /// `profile: OpenTSDB, tags: {a: b}`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn application(&self, name: &str, spec: &str) -> Result<()> {
        self.object("MetricsApplication", name, &format!("{{{spec}}}"))
    }

    /// Writes a token that writes to `application`; `spec` holds further fields, or nothing.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write_token(&self, name: &str, application: &str, spec: &str) -> Result<()> {
        self.object("WriteToken", name, &token(application, spec))
    }

    /// Writes a token that reads from `application`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn read_token(&self, name: &str, application: &str, spec: &str) -> Result<()> {
        self.object("ReadToken", name, &token(application, spec))
    }

    /// Writes any file, also one that is no manifest.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> Result<()> {
        Ok(fs::write(self.folder.join(name), contents)?)
    }

    fn object(&self, kind: &str, name: &str, spec: &str) -> Result<()> {
        let text = format!(
            "apiVersion: penstock.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}, namespace: default}}\n\
             spec: {spec}\n"
        );
        self.file(&format!("{}-{name}.yaml", kind.to_lowercase()), &text)
    }
}

fn token(application: &str, spec: &str) -> String {
    let comma = if spec.is_empty() { "" } else { ", " };
    format!("{{applicationRef: {{name: {application}}}{comma}{spec}}}")
}
