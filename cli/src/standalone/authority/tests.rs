use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::*;

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn after(time: Duration) -> Timestamp {
    later(START, time)
}

fn open(folder: &Path, now: Timestamp) -> Result<Authority, AuthorityError> {
    let names = ["localhost", "127.0.0.1", "::1", "store.example"];
    Authority::open(folder, names.map(str::to_owned).to_vec(), now)
}

/// Whether a client that trusts this authority takes the leaf that is served, for `name` at `now`.
fn client_takes(authority: &Authority, name: &str, now: Timestamp) -> Result<(), rustls::Error> {
    let certificate = |pem: &[u8]| CertificateDer::from_pem_slice(pem).unwrap();
    let mut roots = RootCertStore::empty();
    roots
        .add(certificate(authority.certificate().as_bytes()))
        .unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .unwrap();
    let leaf = certificate(&fs::read(authority.leaf_file()).unwrap());
    let seconds = u64::try_from(now.millis() / 1_000).unwrap();
    let moment = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let name = ServerName::try_from(name).unwrap();
    verifier
        .verify_server_cert(&leaf, &[], &name, &[], moment)
        .map(drop)
}

#[test]
fn clients_that_trust_it_take_its_leaf_for_every_name() {
    let folder = tempfile::tempdir().unwrap();
    let authority = open(folder.path(), START).unwrap();
    for name in ["localhost", "127.0.0.1", "::1", "store.example"] {
        assert_eq!(client_takes(&authority, name, START), Ok(()), "{name}");
    }
    assert!(client_takes(&authority, "other.example", START).is_err());
    assert_eq!(
        client_takes(&authority, "localhost", after(DAY * 29)),
        Ok(())
    );
    assert!(client_takes(&authority, "localhost", after(DAY * 31)).is_err());
}

#[test]
fn private_keys_are_for_the_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path(), START).unwrap();
    for (file, mode) in [("ca.key", 0o600), ("tls.key", 0o600), ("ca.crt", 0o644)] {
        let permissions = fs::metadata(folder.path().join(file))
            .unwrap()
            .permissions();
        assert_eq!(permissions.mode() & 0o777, mode, "{file}");
    }
}

#[test]
fn the_authority_survives_restarts_and_the_leaf_is_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let first = open(folder.path(), START).unwrap();
    let leaf = fs::read(first.leaf_file()).unwrap();
    let years_later = after(DAY * 3_000);
    let second = open(folder.path(), years_later).unwrap();
    assert_eq!(second.certificate(), first.certificate());
    assert_ne!(fs::read(second.leaf_file()).unwrap(), leaf);
    assert_eq!(client_takes(&first, "localhost", years_later), Ok(()));
}

#[test]
fn a_leaf_is_renewed_when_two_thirds_of_its_life_are_over() {
    let folder = tempfile::tempdir().unwrap();
    let mut authority = open(folder.path(), START).unwrap();
    assert!(!authority.renew(after(DAY * 19)).unwrap());
    assert!(authority.renew(after(DAY * 20)).unwrap());
    assert!(!authority.renew(after(DAY * 21)).unwrap());
    assert_eq!(
        client_takes(&authority, "localhost", after(DAY * 49)),
        Ok(())
    );
}

#[test]
fn an_authority_is_never_replaced_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path(), START).unwrap();
    let key = folder.path().join("ca.key");
    let good = fs::read(&key).unwrap();
    fs::write(&key, "damaged").unwrap();
    assert!(matches!(
        open(folder.path(), START),
        Err(AuthorityError::Damaged { .. })
    ));
    fs::remove_file(&key).unwrap();
    assert!(matches!(
        open(folder.path(), START),
        Err(AuthorityError::Half { .. })
    ));
    fs::write(&key, good).unwrap();
    fs::write(folder.path().join("ca.crt"), "damaged").unwrap();
    assert!(matches!(
        open(folder.path(), START),
        Err(AuthorityError::Damaged { .. })
    ));
}

#[test]
fn a_crash_between_the_two_files_is_mended() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path(), START).unwrap();
    fs::remove_file(folder.path().join("ca.crt")).unwrap();
    let authority = open(folder.path(), START).unwrap();
    assert_eq!(client_takes(&authority, "localhost", START), Ok(()));
}
