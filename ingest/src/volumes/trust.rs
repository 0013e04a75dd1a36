//! Whether a server at the other end is one of ours.
//!
//! A client gave its credentials to whoever holds the key of the service's certificate; another server gets them on the
//! same terms. All servers mount one certificate, so the other's is taken if it is
//!
//! - this server's own, or
//! - good for the host that was called or for a name of this server's own certificate, and signed by an authority in
//!   `tls.caFile` or in this server's own chain.
//!
//! The second carries over the minute in which servers see a renewed certificate one after another.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::listener::tls::Tls;

/// What this server serves itself, and whom else it believes.
#[derive(Debug)]
pub(super) struct Trust {
    tls: Tls,
    ca_file: PathBuf,
}

impl Trust {
    pub(super) fn new(tls: Tls, ca_file: PathBuf) -> Self {
        Self { tls, ca_file }
    }

    /// The files as they are now: connections are few and long.
    pub(super) fn client_config(&self) -> Result<Arc<ClientConfig>, Error> {
        let provider = Arc::clone(self.tls.provider());
        let verifier = PeerVerifier::new(&self.tls.chain(), self.authorities(), &provider);
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(Arc::new(config))
    }

    fn authorities(&self) -> Vec<CertificateDer<'static>> {
        let pem = CertificateDer::pem_file_iter(&self.ca_file);
        pem.and_then(Iterator::collect).unwrap_or_default()
    }
}

/// See above.
#[derive(Debug)]
struct PeerVerifier {
    own: Option<CertificateDer<'static>>,
    own_names: Vec<ServerName<'static>>,
    signed: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl PeerVerifier {
    fn new(
        own_chain: &[CertificateDer<'static>],
        authorities: Vec<CertificateDer<'static>>,
        provider: &Arc<CryptoProvider>,
    ) -> Self {
        let mut roots = RootCertStore::empty();
        let of_chain = own_chain.iter().skip(1).cloned();
        roots.add_parsable_certificates(authorities.into_iter().chain(of_chain));
        let signed =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
        Self {
            own: own_chain.first().cloned(),
            own_names: own_chain.first().map(names).unwrap_or_default(),
            // Without an authority there is none.
            signed: signed.build().ok(),
            provider: Arc::clone(provider),
        }
    }
}

impl ServerCertVerifier for PeerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.own.as_ref() == Some(end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        let Some(signed) = &self.signed else {
            return Err(CertificateError::UnknownIssuer.into());
        };
        let verify = |name: &ServerName<'_>| {
            signed.verify_server_cert(end_entity, intermediates, name, ocsp_response, now)
        };
        let of_host = verify(server_name);
        if of_host.is_ok() || self.own_names.iter().any(|name| verify(name).is_ok()) {
            return Ok(ServerCertVerified::assertion());
        }
        of_host
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

/// The names and addresses that a certificate is for; wildcards are none that can be asked for.
fn names(certificate: &CertificateDer<'static>) -> Vec<ServerName<'static>> {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else {
        return Vec::new();
    };
    let Ok(Some(alternatives)) = parsed.subject_alternative_name() else {
        return Vec::new();
    };
    let name = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => ServerName::try_from((*name).to_owned()).ok(),
        GeneralName::IPAddress(bytes) => address(bytes).map(ServerName::from),
        _ => None,
    };
    alternatives
        .value
        .general_names
        .iter()
        .filter_map(name)
        .collect()
}

fn address(bytes: &[u8]) -> Option<std::net::IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(Into::into);
    let v6 = || <[u8; 16]>::try_from(bytes).map(Into::into);
    v4.or_else(|_| v6()).ok()
}

#[cfg(test)]
mod tests;
