use std::path::Path;

use rcgen::{CertificateParams, CertifiedIssuer, KeyPair};

use super::*;

struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    fn pem(&self) -> String {
        self.0.pem()
    }

    /// A leaf for these names, and its key.
    fn leaf(&self, names: &[&str]) -> (rcgen::Certificate, KeyPair) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(names).unwrap();
        (params.signed_by(&key, &self.0).unwrap(), key)
    }
}

/// A server that has this leaf, and above it in its chain `chain`; `ca` is what its file of authorities holds.
fn trust(
    at: &Path,
    leaf: &(rcgen::Certificate, KeyPair),
    chain: &str,
    ca: Option<&str>,
) -> PeerVerifier {
    std::fs::write(at.join("tls.crt"), leaf.0.pem() + chain).unwrap();
    std::fs::write(at.join("tls.key"), leaf.1.serialize_pem()).unwrap();
    if let Some(ca) = ca {
        std::fs::write(at.join("ca.crt"), ca).unwrap();
    }
    let tls = Tls::load(at.join("tls.crt"), at.join("tls.key")).unwrap();
    let trust = Trust::new(tls, at.join("ca.crt"));
    PeerVerifier::new(
        &trust.tls.chain(),
        trust.authorities(),
        trust.tls.provider(),
    )
}

fn takes(verifier: &PeerVerifier, leaf: &(rcgen::Certificate, KeyPair), host: &str) -> bool {
    let host = ServerName::try_from(host.to_owned()).unwrap();
    verifier
        .verify_server_cert(leaf.0.der(), &[], &host, &[], UnixTime::now())
        .is_ok()
}

#[test]
fn its_own_certificate_is_taken_under_any_name() {
    let directory = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let own = authority.leaf(&["metrics.example.org"]);
    let verifier = trust(directory.path(), &own, "", None);
    assert!(takes(&verifier, &own, "pod-1.headless.ns.svc"));
    let renewed = authority.leaf(&["metrics.example.org"]);
    assert!(
        !takes(&verifier, &renewed, "pod-1.headless.ns.svc"),
        "no authority is known"
    );
}

#[test]
fn a_renewed_certificate_of_the_same_authority_and_name_is_taken() {
    let authority = Authority::new();
    let own = authority.leaf(&["metrics.example.org", "*.headless.ns.svc", "192.0.2.1"]);
    for (chain, ca) in [
        (authority.pem(), None),
        (String::new(), Some(authority.pem())),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let verifier = trust(directory.path(), &own, &chain, ca.as_deref());
        for names in [
            &["metrics.example.org"][..],
            &["192.0.2.1"],
            &["*.headless.ns.svc"],
        ] {
            assert!(
                takes(&verifier, &authority.leaf(names), "pod-1.headless.ns.svc"),
                "{names:?}"
            );
        }
        let other_name = authority.leaf(&["other.example.org"]);
        assert!(!takes(&verifier, &other_name, "pod-1.headless.ns.svc"));
        let other_authority = Authority::new().leaf(&["metrics.example.org"]);
        assert!(!takes(&verifier, &other_authority, "pod-1.headless.ns.svc"));
    }
}
