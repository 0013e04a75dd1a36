//! TLS 1.2 and 1.3, with a certificate that can be changed while it is served.
//!
//! ```text
//!   tls.crt, tls.key ── changed? ──▶ read, check that they fit ──▶ swapped for the next handshake
//!                                              │ no
//!                                              └─▶ logged, counted; the last good one is served on
//! ```
//!
//! Open connections notice nothing. Sessions resume by tickets that the process alone can read; they survive a
//! change of certificate. ALPN offers HTTP/2 and HTTP/1.1; a client that offers none, as telnet clients do, is
//! taken all the same.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::RwLock;
use rustls::ServerConfig;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::TlsAcceptor;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::watched_files::WatchedFiles;

/// ALPN's name of HTTP/2.
pub(crate) const ALPN_HTTP2: &[u8] = b"h2";
/// ALPN's name of HTTP/1.1.
pub(crate) const ALPN_HTTP1: &[u8] = b"http/1.1";

/// The TLS side of a listener. Cloning shares the certificate.
#[derive(Debug, Clone)]
pub struct Tls {
    config: Arc<ServerConfig>,
    served: Arc<ServedCertificate>,
}

/// Why certificate files cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is missing, unreadable or no PEM.
    #[error("cannot read {}", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls_pki_types::pem::Error,
    },
    /// The certificate file has no certificate.
    #[error("{} holds no certificate", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// The leaf is no X.509 certificate.
    #[error("{}: the first certificate is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The parser's words.
        reason: String,
    },
    /// The key is of a kind that cannot sign, or does not belong to the certificate.
    #[error("{} does not fit the certificate", path.display())]
    Key {
        /// The file of the key.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// The crypto library refuses.
    #[error("TLS cannot be set up")]
    Setup(#[source] rustls::Error),
}

impl TlsError {
    /// Whether a file is simply not there.
    pub(crate) fn is_missing(&self) -> bool {
        let Self::Pem { source, .. } = self else {
            return false;
        };
        matches!(source, rustls_pki_types::pem::Error::Io(error) if error.kind() == ErrorKind::NotFound)
    }
}

#[derive(Debug)]
struct ServedCertificate {
    certificate_file: PathBuf,
    key_file: PathBuf,
    files: WatchedFiles,
    provider: Arc<CryptoProvider>,
    current: RwLock<Certificate>,
}

#[derive(Debug, Clone)]
struct Certificate {
    key: Arc<CertifiedKey>,
    /// Seconds since 1970.
    end: i64,
}

impl Tls {
    /// Reads the files and sets everything up.
    ///
    /// # Errors
    /// [`TlsError`]; the files are part of the configuration.
    pub fn load(certificate_file: PathBuf, key_file: PathBuf) -> Result<Self, TlsError> {
        let provider = Arc::new(aws_lc_rs::default_provider());
        let files = WatchedFiles::new([certificate_file.clone(), key_file.clone()]);
        // Marked before they are read: a change in between is seen at the next look.
        files.changed();
        let current = Certificate::read(&certificate_file, &key_file, &provider)?;
        let served = Arc::new(ServedCertificate {
            certificate_file,
            key_file,
            files,
            provider: Arc::clone(&provider),
            current: RwLock::new(current),
        });
        let resolver: Arc<dyn ResolvesServerCert> = Arc::<ServedCertificate>::clone(&served);
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Setup)?
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.ticketer = aws_lc_rs::Ticketer::new().map_err(TlsError::Setup)?;
        config.alpn_protocols = vec![ALPN_HTTP2.to_vec(), ALPN_HTTP1.to_vec()];
        Ok(Self {
            config: Arc::new(config),
            served,
        })
    }

    /// What makes TLS sessions of sockets.
    pub fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }

    /// Serves changed files from the next handshake on. `false`: they have not changed since the last call.
    ///
    /// # Errors
    /// They have changed and cannot be served; the last good certificate stays. Reported once for each change.
    pub fn reload_if_changed(&self) -> Result<bool, TlsError> {
        if !self.served.files.changed() {
            return Ok(false);
        }
        let served = &self.served;
        let certificate =
            Certificate::read(&served.certificate_file, &served.key_file, &served.provider)?;
        *served.current.write() = certificate;
        Ok(true)
    }

    /// The certificate that is served and its chain, the leaf first.
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.served.current.read().key.cert.clone()
    }

    /// The crypto library.
    pub fn provider(&self) -> &Arc<CryptoProvider> {
        &self.served.provider
    }

    /// When the certificate ends, in seconds since 1970.
    pub fn certificate_end(&self) -> i64 {
        self.served.current.read().end
    }
}

impl Certificate {
    fn read(
        certificate_file: &PathBuf,
        key_file: &PathBuf,
        provider: &CryptoProvider,
    ) -> Result<Self, TlsError> {
        let pem = |path: &PathBuf| {
            let path = path.clone();
            move |source| TlsError::Pem { path, source }
        };
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate_file)
            .and_then(Iterator::collect)
            .map_err(pem(certificate_file))?;
        let leaf = chain.first().ok_or_else(|| TlsError::NoCertificate {
            path: certificate_file.clone(),
        })?;
        let end = end_of(leaf).map_err(|reason| TlsError::Damaged {
            path: certificate_file.clone(),
            reason,
        })?;
        let key = PrivateKeyDer::from_pem_file(key_file).map_err(pem(key_file))?;
        let key = CertifiedKey::from_der(chain, key, provider).map_err(|source| TlsError::Key {
            path: key_file.clone(),
            source,
        })?;
        Ok(Self {
            key: Arc::new(key),
            end,
        })
    }
}

fn end_of(certificate: &CertificateDer<'_>) -> Result<i64, String> {
    X509Certificate::from_der(certificate)
        .map(|(_, parsed)| parsed.validity().not_after.timestamp())
        .map_err(|error| error.to_string())
}

impl ResolvesServerCert for ServedCertificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.current.read().key))
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;
    use std::path::Path;

    use super::*;

    fn write_pair(directory: &Path, certificate: &str, key: &str) {
        for (name, content) in [("tls.crt", certificate), ("tls.key", key)] {
            std::fs::write(directory.join(name), content).unwrap();
        }
    }

    fn pair() -> (String, String) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        (made.cert.pem(), made.signing_key.serialize_pem())
    }

    fn load(directory: &Path) -> Result<Tls, TlsError> {
        Tls::load(directory.join("tls.crt"), directory.join("tls.key"))
    }

    #[test]
    fn a_changed_pair_is_taken_and_a_bad_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let (first, second) = (pair(), pair());
        write_pair(directory.path(), &first.0, &first.1);
        let tls = load(directory.path()).unwrap();
        let served = || tls.served.current.read().key.cert[0].to_vec();
        let first_served = served();
        assert!(!tls.reload_if_changed().unwrap(), "nothing has changed");

        // Half-way through a change: the new certificate beside the old key.
        write_pair(directory.path(), &second.0, &first.1);
        let error = tls.reload_if_changed().unwrap_err();
        assert!(matches!(error, TlsError::Key { .. }), "{error}");
        assert_eq!(served(), first_served);
        assert!(!tls.reload_if_changed().unwrap(), "reported once");

        write_pair(directory.path(), &second.0, &second.1);
        assert!(tls.reload_if_changed().unwrap());
        assert_ne!(served(), first_served);
    }

    #[test]
    fn the_end_of_the_certificate_is_known() {
        let directory = tempfile::tempdir().unwrap();
        let (certificate, key) = pair();
        write_pair(directory.path(), &certificate, &key);
        // What rcgen writes where nothing is asked for: the year 4096.
        assert_eq!(
            load(directory.path()).unwrap().certificate_end(),
            67_090_118_400
        );
    }

    #[test]
    fn files_that_cannot_be_served_are_named() {
        let directory = tempfile::tempdir().unwrap();
        let (certificate, key) = pair();
        let missing = load(directory.path()).unwrap_err();
        assert!(missing.to_string().ends_with("tls.crt"), "{missing}");
        assert!(missing.source().is_some());
        write_pair(directory.path(), "no pem\n", &key);
        let empty = load(directory.path()).unwrap_err();
        assert!(matches!(empty, TlsError::NoCertificate { .. }), "{empty}");
        write_pair(directory.path(), &certificate, "");
        let keyless = load(directory.path()).unwrap_err();
        assert!(keyless.to_string().ends_with("tls.key"), "{keyless}");
        write_pair(
            directory.path(),
            &key.replace("PRIVATE KEY", "CERTIFICATE"),
            &key,
        );
        let damaged = load(directory.path()).unwrap_err();
        assert!(matches!(damaged, TlsError::Damaged { .. }), "{damaged}");
    }
}
