use super::*;
use std::os::unix::fs::PermissionsExt as _;

pub(super) const DAY: Duration = Duration::from_hours(24);
pub(super) const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

pub(super) fn after(time: Duration) -> Timestamp {
    later(START, time)
}

pub(super) fn open(folder: &Path, now: Timestamp) -> Result<Authority, AuthorityError> {
    let names = ["localhost", "127.0.0.1", "::1", "store.example"];
    Authority::open(folder, names.map(str::to_owned).to_vec(), now)
}

/// Whether a client that trusts this authority takes the leaf that is served, for `name` at `now`.
fn client_takes(authority: &Authority, name: &str, now: Timestamp) -> Result<(), rustls::Error> {
    let leaf = fs::read(authority.leaf_file()).unwrap();
    let client = Authority {
        folder: PathBuf::new(),
        names: vec![name.to_owned()],
        certificate: authority.certificate.clone(),
        issuer: Issuer::new(CertificateParams::default(), KeyPair::generate().unwrap()),
        renew_at: START,
    };
    client.look_as_a_client(&CertificateDer::from_pem_slice(&leaf).unwrap(), now)
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
    let (key, certificate) = (folder.path().join("ca.key"), folder.path().join("ca.crt"));
    let good = fs::read(&key).unwrap();
    fs::write(&key, "damaged").unwrap();
    assert!(matches!(
        open(folder.path(), START),
        Err(AuthorityError::Key { .. })
    ));
    fs::write(&key, KeyPair::generate().unwrap().serialize_pem()).unwrap();
    assert!(matches!(
        open(folder.path(), START),
        Err(AuthorityError::Certificate { .. })
    ));
    fs::remove_file(&key).unwrap();
    assert!(matches!(
        open(folder.path(), START),
        Err(AuthorityError::Half { .. })
    ));
    fs::write(&key, good).unwrap();
    assert!(open(folder.path(), START).is_ok());
    fs::write(&certificate, "damaged").unwrap();
    assert!(matches!(
        open(folder.path(), START),
        Err(AuthorityError::Signature { .. })
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

#[test]
fn no_byte_of_the_authority_may_be_another() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path(), START).unwrap();
    let path = folder.path().join("ca.crt");
    let good = fs::read(&path).unwrap();
    let der = |pem: &[u8]| CertificateDer::from_pem_slice(pem).map(|der| der.to_vec());
    for at in (0..good.len()).step_by(5) {
        let mut bad = good.clone();
        bad[at] ^= 2;
        fs::write(&path, &bad).unwrap();
        match open(folder.path(), START) {
            Err(error) => assert!(error.to_string().contains("ca.crt"), "{at}: {error}"),
            // Bits of base64 that stand for nothing, or a line's end that is now a blank.
            Ok(_) => assert_eq!(der(&bad).unwrap(), der(&good).unwrap(), "byte {at}"),
        }
    }
}
