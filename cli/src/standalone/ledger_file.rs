//! The ledger of the last run.
//!
//! ```text
//!   DATA/ledger.signed   the ledger in force, as the crate `tenancy` signs it
//!   DATA/ledger.key      the key it is signed with, 0600, drawn at the first start
//! ```
//!
//! Revocations are final and revisions grow because this file remembers them. Nobody else reads it; it is signed
//! because the signed form is the one that shows any damage.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use penstock_tenancy::{Ledger, LedgerError, SigningKey, sign, verify};
use rand::CryptoRng;

use super::durable::{self, Readers};

/// Where the ledger is kept.
#[derive(Debug)]
pub(crate) struct LedgerFile {
    path: PathBuf,
    key: SigningKey,
}

/// Why the ledger of the last run is not known, or cannot be kept.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LedgerFileError {
    /// A file cannot be read or written.
    #[error("cannot use {}", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// The ledger is not the one that was written.
    #[error("{} is damaged: restore it, or remove it to begin from the manifests alone, which forgets revocations", path.display())]
    Damaged {
        path: PathBuf,
        #[source]
        source: LedgerError,
    },
    /// The key file holds something else.
    #[error("{} holds no signing key: remove it and the ledger beside it to begin from the manifests alone", path.display())]
    Key { path: PathBuf },
    /// The new ledger is one that nobody would take.
    #[error("the ledger cannot be signed")]
    Sign(#[source] LedgerError),
}

impl LedgerFile {
    /// Opens the files in the data directory and reads the ledger; there is none at the first start.
    pub(crate) fn open<R: CryptoRng + ?Sized>(
        data: &Path,
        rng: &mut R,
    ) -> Result<(Self, Option<Ledger>), LedgerFileError> {
        let key = open_key(&data.join("ledger.key"), rng)?;
        let path = data.join("ledger.signed");
        let ledger = match read(&path)? {
            None => None,
            Some(document) => match verify(&document, &[key.verifying_key()]) {
                Ok(verified) => Some(verified.ledger().clone()),
                Err(source) => return Err(LedgerFileError::Damaged { path, source }),
            },
        };
        Ok((Self { path, key }, ledger))
    }

    /// Keeps a ledger for the next run.
    pub(crate) fn write(&self, ledger: &Ledger) -> Result<(), LedgerFileError> {
        let document = sign(ledger, &self.key).map_err(LedgerFileError::Sign)?;
        durable::write(&self.path, &document, Readers::Owner).map_err(at(&self.path))
    }
}

fn open_key<R: CryptoRng + ?Sized>(
    path: &Path,
    rng: &mut R,
) -> Result<SigningKey, LedgerFileError> {
    let no_key = |_| LedgerFileError::Key {
        path: path.to_owned(),
    };
    if let Some(bytes) = read(path)? {
        let text = String::from_utf8(bytes).unwrap_or_default();
        return SigningKey::parse(&text).map_err(no_key);
    }
    let key = SigningKey::draw(rng).map_err(no_key)?;
    durable::write(path, key.expose().as_bytes(), Readers::Owner).map_err(at(path))?;
    Ok(key)
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, LedgerFileError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(path)(error)),
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> LedgerFileError {
    let path = path.to_owned();
    move |source| LedgerFileError::File { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    fn open(data: &Path) -> Result<(LedgerFile, Option<Ledger>), LedgerFileError> {
        LedgerFile::open(data, &mut StdRng::seed_from_u64(1))
    }

    #[test]
    fn a_ledger_survives_a_restart_and_damage_is_seen() {
        let data = tempfile::tempdir().unwrap();
        let (file, none) = open(data.path()).unwrap();
        assert_eq!(none, None);
        let ledger = Ledger {
            revision: 7,
            replicas: 1,
            volumes: Vec::new(),
            applications: Vec::new(),
        };
        file.write(&ledger).unwrap();
        assert_eq!(open(data.path()).unwrap().1, Some(ledger));

        let path = data.path().join("ledger.signed");
        let mut damaged = fs::read(&path).unwrap();
        *damaged.last_mut().unwrap() ^= 1;
        fs::write(&path, damaged).unwrap();
        assert!(matches!(
            open(data.path()),
            Err(LedgerFileError::Damaged { .. })
        ));
        fs::write(data.path().join("ledger.key"), "x").unwrap();
        assert!(matches!(
            open(data.path()),
            Err(LedgerFileError::Key { .. })
        ));
    }
}
