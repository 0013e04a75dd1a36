//! What the last run has left of its leaf: whether it is still what was written.

use std::fs;
use std::io;
use std::path::Path;

use penstock_model::Timestamp;
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, Error};
use rustls_pki_types::pem::{self, PemObject as _};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::Authority;

/// What is wrong with it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Damage {
    /// A file cannot be read.
    #[error("{file} cannot be read")]
    Unreadable {
        file: &'static str,
        #[source]
        source: io::Error,
    },
    /// A file holds something else.
    #[error("{file} is damaged")]
    NoPem {
        file: &'static str,
        #[source]
        source: pem::Error,
    },
    /// The authority has not signed these bytes.
    #[error("tls.crt is damaged")]
    Certificate(#[source] Error),
    /// The two files are of different leaves, as after a crash while they were written.
    #[error("tls.key is damaged, or of another certificate")]
    Key(#[source] Error),
}

/// Looks at both files. Those that are missing, or are too old or of other names by now, are as they should be.
pub(super) fn check(authority: &Authority, now: Timestamp) -> Result<(), Damage> {
    let found = (
        read(&authority.leaf_file(), "tls.crt")?,
        read(&authority.leaf_key_file(), "tls.key")?,
    );
    let (Some(certificate), Some(key)) = found else {
        return Ok(());
    };
    let damaged = |file| move |source| Damage::NoPem { file, source };
    let certificate = CertificateDer::from_pem_slice(&certificate).map_err(damaged("tls.crt"))?;
    let key = PrivateKeyDer::from_pem_slice(&key).map_err(damaged("tls.key"))?;
    match authority.look_as_a_client(&certificate, now) {
        Err(error) if !passes_with_time(&error) => return Err(Damage::Certificate(error)),
        _ => {}
    }
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    CertifiedKey::from_der(vec![certificate], key, &provider)
        .map(|_| ())
        .map_err(Damage::Key)
}

fn read(path: &Path, file: &'static str) -> Result<Option<Vec<u8>>, Damage> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Damage::Unreadable { file, source }),
    }
}

/// A good leaf may be too old when a server comes back, or of names that it no longer has.
fn passes_with_time(error: &Error) -> bool {
    matches!(
        error,
        Error::InvalidCertificate(
            CertificateError::Expired
                | CertificateError::ExpiredContext { .. }
                | CertificateError::NotValidYet
                | CertificateError::NotValidYetContext { .. }
                | CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. }
        )
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::{DAY, START, after, open};
    use super::*;

    #[test]
    fn what_was_written_is_as_it_should_be() {
        let folder = tempfile::tempdir().unwrap();
        let mut authority = open(folder.path(), START).unwrap();
        for now in [START, after(DAY * 15), after(DAY * 100)] {
            check(&authority, now).unwrap();
        }
        authority.names = vec!["another.example".to_owned()];
        check(&authority, START).unwrap();
        for file in ["tls.crt", "tls.key"] {
            fs::remove_file(folder.path().join(file)).unwrap();
            check(&authority, START).unwrap();
        }
    }

    #[test]
    fn a_flipped_byte_of_either_file_is_told_with_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let authority = open(folder.path(), START).unwrap();
        for file in ["tls.crt", "tls.key"] {
            let path = folder.path().join(file);
            let good = fs::read(&path).unwrap();
            for at in (0..good.len() - 1).step_by(7) {
                let mut bad = good.clone();
                bad[at] ^= 2;
                fs::write(&path, &bad).unwrap();
                match check(&authority, START) {
                    Err(damage) => assert!(damage.to_string().starts_with(file), "{at}: {damage}"),
                    // Bits of base64 that stand for nothing, or a line's end that is now a blank.
                    Ok(()) => assert_eq!(decoded(&bad), decoded(&good), "{file}, byte {at}"),
                }
            }
            fs::write(&path, &good).unwrap();
        }
    }

    fn decoded(pem: &[u8]) -> Vec<u8> {
        CertificateDer::from_pem_slice(pem)
            .map(|der| der.to_vec())
            .or_else(|_| PrivateKeyDer::from_pem_slice(pem).map(|key| key.secret_der().to_vec()))
            .unwrap()
    }

    #[test]
    fn a_key_of_another_leaf_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let authority = open(folder.path(), START).unwrap();
        let before = fs::read(authority.leaf_key_file()).unwrap();
        let authority = open(folder.path(), START).unwrap();
        fs::write(authority.leaf_key_file(), before).unwrap();
        let damage = check(&authority, START).unwrap_err();
        assert!(matches!(damage, Damage::Key(_)), "{damage}");
    }
}
