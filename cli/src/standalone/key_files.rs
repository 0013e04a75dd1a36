//! The files that stand for the Secrets of a cluster.
//!
//! ```text
//!   DATA/secrets/NAMESPACE/SECRET/id  key  token  telnet-auth  url  ca.crt  …      each 0600
//! ```
//!
//! One file an entry, as a mounted Secret looks. A changed Secret comes in two steps, so that a key is on the disk before
//! the ledger knows it, and can be read only when it can be used:
//!
//! ```text
//!   stage    DATA/secrets/.staged/NAMESPACE/SECRET/…   written and synced
//!            … the ledger is kept and loaded …
//!   reveal   each file renamed to its place
//! ```
//!
//! Both places count when files are read, so it does not matter where a crash comes. Nothing is ever deleted here but an
//! entry that a token no longer has: a token whose manifest vanishes finds its id and key again when it returns.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;

use penstock_tenancy::{Key, KeyError, Permission, TokenId};

use super::durable::{self, Readers};

/// How many Secrets are written at a time: a disk syncs sixteen files in little more time than one.
const WRITERS: usize = 16;

/// Where changed entries wait.
const STAGED: &str = ".staged";

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

/// Secrets with their entries.
pub(crate) type Secrets = BTreeMap<SecretName, Entries>;

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

    fn staged_folder(&self, secret: &SecretName) -> PathBuf {
        self.root
            .join(STAGED)
            .join(&secret.namespace)
            .join(&secret.name)
    }

    /// Reads what is kept of all tokens, the vanished ones too.
    ///
    /// # Errors
    /// A folder or file cannot be read. One that holds no id is passed over.
    pub(crate) fn read(&self) -> io::Result<BTreeMap<SecretName, KeptToken>> {
        let mut kept = BTreeMap::new();
        for root in [self.root.clone(), self.root.join(STAGED)] {
            for namespace in folders(&root)? {
                for name in folders(&root.join(&namespace))? {
                    let secret = SecretName {
                        namespace: namespace.clone(),
                        name,
                    };
                    let places = [self.staged_folder(&secret), self.folder(&secret)];
                    if let Some(token) = read_token(&places)? {
                        kept.insert(secret, token);
                    }
                }
            }
        }
        Ok(kept)
    }

    /// Writes those of the Secrets that their folders do not hold already to where nobody looks for them yet, and
    /// answers these.
    ///
    /// # Errors
    /// One of the failures. Staging again mends it.
    pub(crate) fn stage(&self, secrets: Secrets) -> io::Result<Secrets> {
        let staged = in_parallel(&secrets, |secret, entries| self.stage_one(secret, entries))?;
        let mut staged = staged.into_iter();
        Ok(secrets
            .into_iter()
            .filter(|_| staged.next() == Some(true))
            .collect())
    }

    /// Puts staged Secrets in their place.
    ///
    /// # Errors
    /// One of the failures. Staging and revealing again mends it.
    pub(crate) fn reveal(&self, secrets: &Secrets) -> io::Result<()> {
        in_parallel(secrets, |secret, entries| self.reveal_one(secret, entries)).map(drop)
    }

    fn stage_one(&self, secret: &SecretName, entries: &Entries) -> io::Result<bool> {
        if self.is_right(secret, entries)? {
            return Ok(false);
        }
        let folder = self.staged_folder(secret);
        durable::create_folder(&folder)?;
        for (name, contents) in entries {
            durable::replace(&folder.join(name), contents.as_bytes(), Readers::Owner)?;
        }
        durable::sync_folder(&folder)?;
        Ok(true)
    }

    fn reveal_one(&self, secret: &SecretName, entries: &Entries) -> io::Result<()> {
        let (staged, folder) = (self.staged_folder(secret), self.folder(secret));
        durable::create_folder(&folder)?;
        // First, so that what is half revealed is never a mixture of two kinds of token.
        for name in names(&folder)? {
            if !entries.contains_key(name.as_str()) {
                fs::remove_file(folder.join(name))?;
            }
        }
        for name in entries.keys() {
            fs::rename(staged.join(name), folder.join(name))?;
        }
        durable::sync_folder(&folder)?;
        fs::remove_dir_all(&staged)
    }

    fn is_right(&self, secret: &SecretName, entries: &Entries) -> io::Result<bool> {
        let folder = self.folder(secret);
        let mut is_right = names(&folder)?.len() == entries.len();
        for (name, contents) in entries {
            let file = folder.join(name);
            let found = read_text(&file)?;
            if found.as_deref() != Some(contents.as_str()) {
                is_right = false;
                if found.is_some() {
                    // Its key or its address has changed, or somebody or the disk has changed the file.
                    tracing::info!(file = %file.display(), "a key file does not say what it should, it is written anew");
                }
            }
        }
        Ok(is_right)
    }
}

/// Does the work for every Secret, on several threads; answers in their order.
fn in_parallel<R: Send>(
    secrets: &Secrets,
    work: impl Fn(&SecretName, &Entries) -> io::Result<R> + Sync,
) -> io::Result<Vec<R>> {
    let secrets: Vec<_> = secrets.iter().collect();
    let share = secrets.len().div_ceil(WRITERS).max(1);
    let work = |part: &[(&SecretName, &Entries)]| -> io::Result<Vec<R>> {
        part.iter()
            .map(|(secret, entries)| work(secret, entries))
            .collect()
    };
    thread::scope(|scope| {
        let writers: Vec<_> = secrets
            .chunks(share)
            .map(|part| scope.spawn(|| work(part)))
            .collect();
        let mut results = Vec::with_capacity(secrets.len());
        for writer in writers {
            let died = |_| io::Error::other("a writer of key files has died");
            results.extend(writer.join().map_err(died)??);
        }
        Ok(results)
    })
}

/// Reads each entry from the first place that has it.
fn read_token(places: &[PathBuf; 2]) -> io::Result<Option<KeptToken>> {
    let entry = |name: &str| {
        let mut texts = places.iter().map(|place| read_text(&place.join(name)));
        texts.find_map(Result::transpose).transpose()
    };
    let told = [
        ("id", entry("id")?),
        ("token", entry("token")?),
        ("telnet-auth", entry("telnet-auth")?),
    ];
    let Some(id) = id_of(&told) else {
        return Ok(None);
    };
    for (name, text) in &told {
        if text.as_deref().is_some_and(|text| id_in(text) != Some(id)) {
            let [_, folder] = places;
            let file = folder.join(name);
            tracing::warn!(file = %file.display(), %id, "a key file is damaged: its id is not the other files'");
        }
    }
    // Only readers are told where to ask.
    let permission = match entry("query-url")? {
        Some(_) => Permission::Read,
        None => Permission::Write,
    };
    let key = entry("key")?;
    Ok(Some(KeptToken {
        id,
        permission,
        key: key.map(|key| Key::parse(key.trim_end_matches(['\r', '\n']))),
    }))
}

/// The id that most of the entries tell, so that one damaged file does not make a device's token another; the first
/// one's, if no two agree.
fn id_of(told: &[(&str, Option<String>)]) -> Option<TokenId> {
    let ids: Vec<TokenId> = told
        .iter()
        .filter_map(|(_, text)| id_in(text.as_deref()?))
        .collect();
    let votes = |id: &TokenId| ids.iter().filter(|other| *other == id).count();
    // The last of equals is taken by `max_by_key`.
    ids.iter().rev().copied().max_by_key(votes)
}

/// The id in `ID`, `ID:KEY` or `auth ID:KEY`.
fn id_in(text: &str) -> Option<TokenId> {
    let text = text.trim();
    let text = text.strip_prefix("auth ").unwrap_or(text);
    let id = text.split_once(':').map_or(text, |(id, _)| id);
    id.parse().ok()
}

/// A file's text; `None` if there is no file. What is no text is damaged and read as empty.
fn read_text(path: &Path) -> io::Result<Option<String>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8(bytes).unwrap_or_default())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The folders in a folder. Hidden ones are nobody's namespace.
fn folders(path: &Path) -> io::Result<Vec<String>> {
    let mut names = names(path)?;
    names.retain(|name| !name.starts_with('.') && path.join(name).is_dir());
    Ok(names)
}

/// The names in a folder, sorted; none if there is no folder.
fn names(path: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
mod tests;
