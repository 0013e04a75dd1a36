//! Whether a certificate is signed by its own key, which every byte of it has to fit.

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

/// Looks at the first certificate of a PEM file; what is none is not signed.
pub(super) fn is_its_own(pem: &[u8]) -> bool {
    let Ok(der) = CertificateDer::from_pem_slice(pem) else {
        return false;
    };
    let Ok((rest, certificate)) = X509Certificate::from_der(&der) else {
        return false;
    };
    let key = &certificate.public_key().subject_public_key.data;
    let signed = certificate.tbs_certificate.as_ref();
    let signature = &certificate.signature_value.data;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let mut algorithms = provider.signature_verification_algorithms.all.iter();
    // One of another kind of key refuses.
    rest.is_empty() && algorithms.any(|it| it.verify_signature(key, signed, signature).is_ok())
}
