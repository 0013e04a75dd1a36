//! The files that stand for the Secrets of a cluster.
//!
//! ```text
//!   DATA/secrets/NAMESPACE/SECRET/id  key  token  telnet-auth  url  ca.crt  …      each 0600
//! ```
//!
//! One file an entry, as a mounted Secret looks. Nothing is ever deleted here but an entry that a token no longer has:
//! a token whose manifest vanishes finds its id and key again when it returns.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use penstock_tenancy::{Key, KeyError, Permission, TokenId};

use super::durable::{self, Readers};

/// The entries of a Secret.
pub(crate) type Entries = BTreeMap<&'static str, String>;

/// Namespace and name of a Secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SecretName {
    /// Its namespace.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
}

/// What is kept of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeptToken {
    /// Its id.
    pub(crate) id: TokenId,
    /// Its right.
    pub(crate) permission: Permission,
    /// Its key, if there is one, or why what is there cannot be it.
    pub(crate) key: Option<Result<Key, KeyError>>,
}

/// The folder of all of them.
#[derive(Debug)]
pub(crate) struct KeyFiles {
    root: PathBuf,
}

impl KeyFiles {
    /// The files below `root`.
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// The folder of one Secret.
    pub(crate) fn folder(&self, secret: &SecretName) -> PathBuf {
        self.root.join(&secret.namespace).join(&secret.name)
    }

    /// Reads what is kept of all tokens, the vanished ones too.
    ///
    /// # Errors
    /// A folder or file cannot be read. One that holds no id is passed over.
    pub(crate) fn read(&self) -> io::Result<BTreeMap<SecretName, KeptToken>> {
        let mut kept = BTreeMap::new();
        for namespace in folders(&self.root)? {
            for name in folders(&self.root.join(&namespace))? {
                let secret = SecretName {
                    namespace: namespace.clone(),
                    name,
                };
                if let Some(token) = read_token(&self.folder(&secret))? {
                    kept.insert(secret, token);
                }
            }
        }
        Ok(kept)
    }

    /// Makes the Secret's folder hold exactly these entries. Files that are right already are not touched.
    ///
    /// # Errors
    /// The first failure; some files may be written then. Writing again mends it.
    pub(crate) fn write(&self, secret: &SecretName, entries: &Entries) -> io::Result<()> {
        let folder = self.folder(secret);
        durable::create_folder(&folder)?;
        let mut changed = false;
        for (name, contents) in entries {
            let path = folder.join(name);
            if read_text(&path)?.as_deref() != Some(contents.as_str()) {
                durable::replace(&path, contents.as_bytes(), Readers::Owner)?;
                changed = true;
            }
        }
        for entry in fs::read_dir(&folder)? {
            let name = entry?.file_name();
            if !entries.keys().any(|known| name == **known) {
                fs::remove_file(folder.join(name))?;
                changed = true;
            }
        }
        if changed {
            durable::sync_folder(&folder)?;
        }
        Ok(())
    }
}

fn read_token(folder: &Path) -> io::Result<Option<KeptToken>> {
    let id = read_text(&folder.join("id"))?;
    let Some(id) = id.and_then(|id| id.trim().parse().ok()) else {
        return Ok(None);
    };
    // Only readers are told where to ask.
    let permission = match read_text(&folder.join("query-url"))? {
        Some(_) => Permission::Read,
        None => Permission::Write,
    };
    let key = read_text(&folder.join("key"))?;
    Ok(Some(KeptToken {
        id,
        permission,
        key: key.map(|key| Key::parse(key.trim_end_matches(['\r', '\n']))),
    }))
}

/// A file's text; `None` if there is no file. What is no text is damaged and read as empty.
fn read_text(path: &Path) -> io::Result<Option<String>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8(bytes).unwrap_or_default())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn folders(path: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        if let Ok(name) = entry.file_name().into_string()
            && entry.path().is_dir()
        {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
mod tests;
