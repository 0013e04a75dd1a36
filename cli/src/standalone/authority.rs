//! The certificate authority of one standalone server, and the certificate that it serves.
//!
//! ```text
//!   DATA/tls/ca.crt   10 years   clients trust it         ca.key   0600
//!   DATA/tls/tls.crt  30 days    the server shows it      tls.key  0600
//! ```
//!
//! The authority is made once and never replaced by itself: devices have copies of it. The leaf is made anew at
//! every start, because the names that it must have can change, and whenever two thirds of its life are over;
//! the server notices the new files and drops no connection. Before a leaf is served it is looked at as a client would
//! look at it, so a damaged or exchanged authority is told at the start. So is a damaged leaf of the last run, which is no
//! loss, but a sign.

mod last_leaf;
mod signature;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use penstock_certificates::{LEAF_LIFE, RENEW_AFTER, Signs, authority, later, leaf};
use penstock_model::{Timestamp, WithCauses};
use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::durable::{self, Readers};

/// An authority on disk, ready to issue.
pub(crate) struct Authority {
    folder: PathBuf,
    names: Vec<String>,
    certificate: String,
    issuer: Issuer<'static, KeyPair>,
    renew_at: Timestamp,
}

/// Why there is no certificate to serve.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AuthorityError {
    /// A file cannot be read or written.
    #[error("cannot use {}", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// Half of the authority is gone.
    #[error("{} is missing: put it back, or remove the whole folder to make a new authority that every client must trust anew", path.display())]
    Half { path: PathBuf },
    /// The key file holds something else.
    #[error("{} is damaged: restore it", path.display())]
    Key {
        path: PathBuf,
        #[source]
        source: rcgen::Error,
    },
    /// The certificate file holds something else, or belongs to another key.
    #[error("clients that trust {} would refuse this server: restore it, or remove the whole folder to make a new authority that every client must trust anew", path.display())]
    Certificate {
        path: PathBuf,
        #[source]
        source: rustls::Error,
    },
    /// The certificate file is not what the authority once signed.
    #[error("{} is damaged: restore it, or remove the whole folder to make a new authority that every client must trust anew", path.display())]
    Signature { path: PathBuf },
    /// The crypto library refuses.
    #[error("cannot make a certificate")]
    Make(#[source] rcgen::Error),
}

impl Authority {
    /// Reads the authority in `folder`, or makes it, and issues a leaf for `names` (DNS names and addresses).
    ///
    /// # Errors
    /// [`AuthorityError`]; an authority that is there is never overwritten.
    pub(crate) fn open(
        folder: &Path,
        names: Vec<String>,
        now: Timestamp,
    ) -> Result<Self, AuthorityError> {
        let (certificate_file, key_file) = (folder.join("ca.crt"), folder.join("ca.key"));
        let (certificate, key) = match (read(&certificate_file)?, read(&key_file)?) {
            (Some(certificate), Some(key)) => (certificate, key),
            (Some(_), None) => return Err(AuthorityError::Half { path: key_file }),
            (None, key) => {
                // A key without a certificate is what a crash leaves while the authority is made.
                let key = key.map_or_else(new_key, Ok)?;
                durable::create_folder(folder).map_err(at(folder))?;
                let certificate = make(&key, &key_file, now)?;
                write(&key_file, &key, Readers::Owner)?;
                write(&certificate_file, &certificate, Readers::Everybody)?;
                (certificate, key)
            }
        };
        let key = parse_key(&key, &key_file)?;
        let issuer = Issuer::new(authority_parameters(now), key);
        let mut authority = Self {
            folder: folder.to_owned(),
            names,
            certificate,
            issuer,
            renew_at: now,
        };
        // Clients may look at parts of it that do not matter for the leaf.
        if !signature::is_its_own(authority.certificate.as_bytes()) {
            let path = certificate_file;
            return Err(AuthorityError::Signature { path });
        }
        let last_leaf = last_leaf::check(&authority, now);
        authority.issue(now)?;
        if let Err(damage) = last_leaf {
            tracing::warn!(
                error = %WithCauses(&damage),
                folder = %folder.display(),
                "the certificate of the last run was damaged, there is a new one"
            );
        }
        Ok(authority)
    }

    /// What clients must trust, PEM.
    pub(crate) fn certificate(&self) -> &str {
        &self.certificate
    }

    /// The certificate to serve, PEM.
    pub(crate) fn leaf_file(&self) -> PathBuf {
        self.folder.join("tls.crt")
    }

    /// Its private key, PEM.
    pub(crate) fn leaf_key_file(&self) -> PathBuf {
        self.folder.join("tls.key")
    }

    /// Issues a new leaf if two thirds of the last one's life are over.
    pub(crate) fn renew(&mut self, now: Timestamp) -> Result<bool, AuthorityError> {
        let is_due = now >= self.renew_at;
        if is_due {
            self.issue(now)?;
        }
        Ok(is_due)
    }

    fn issue(&mut self, now: Timestamp) -> Result<(), AuthorityError> {
        let key = KeyPair::generate().map_err(AuthorityError::Make)?;
        let name = "Penstock standalone server";
        // Whether the authority lasts as long is seen below, as a client sees it.
        let leaf =
            leaf(name, &self.names, now, later(now, LEAF_LIFE)).map_err(AuthorityError::Make)?;
        let leaf = leaf
            .signed_by(&key, &self.issuer)
            .map_err(AuthorityError::Make)?;
        self.look_as_a_client(leaf.der(), now).map_err(|source| {
            let path = self.folder.join("ca.crt");
            AuthorityError::Certificate { path, source }
        })?;
        write(&self.leaf_key_file(), &key.serialize_pem(), Readers::Owner)?;
        write(&self.leaf_file(), &leaf.pem(), Readers::Everybody)?;
        self.renew_at = later(now, RENEW_AFTER);
        Ok(())
    }

    fn look_as_a_client(
        &self,
        leaf: &CertificateDer<'_>,
        now: Timestamp,
    ) -> Result<(), rustls::Error> {
        let other = |error: &dyn std::fmt::Display| rustls::Error::General(error.to_string());
        let authority = CertificateDer::from_pem_slice(self.certificate.as_bytes());
        let mut roots = RootCertStore::empty();
        roots.add(authority.map_err(|error| other(&error))?)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .map_err(|error| other(&error))?;
        let seconds = u64::try_from(now.millis() / 1_000).unwrap_or_default();
        let moment = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        for name in &self.names {
            let name = ServerName::try_from(name.as_str()).map_err(|error| other(&error))?;
            verifier.verify_server_cert(leaf, &[], &name, &[], moment)?;
        }
        Ok(())
    }
}

fn new_key() -> Result<String, AuthorityError> {
    KeyPair::generate()
        .map(|key| key.serialize_pem())
        .map_err(AuthorityError::Make)
}

fn parse_key(pem: &str, path: &Path) -> Result<KeyPair, AuthorityError> {
    KeyPair::from_pem(pem).map_err(|source| AuthorityError::Key {
        path: path.to_owned(),
        source,
    })
}

fn make(key: &str, key_file: &Path, now: Timestamp) -> Result<String, AuthorityError> {
    let key = parse_key(key, key_file)?;
    let certificate = authority_parameters(now)
        .self_signed(&key)
        .map_err(AuthorityError::Make)?;
    Ok(certificate.pem())
}

/// The same at every start: a leaf names its issuer by what stands here.
fn authority_parameters(now: Timestamp) -> CertificateParams {
    authority("Penstock standalone authority", Signs::Leaves, now)
}

fn read(path: &Path) -> Result<Option<String>, AuthorityError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(path)(error)),
    }
}

fn write(path: &Path, text: &str, readers: Readers) -> Result<(), AuthorityError> {
    durable::write(path, text.as_bytes(), readers).map_err(at(path))
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> AuthorityError {
    let path = path.to_owned();
    move |source| AuthorityError::File { path, source }
}

#[cfg(test)]
mod tests;
