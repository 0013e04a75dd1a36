use std::sync::Arc;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::*;
use crate::pki::leaf::Leaf;

const DAY: i64 = 86_400_000;

fn at(days: i64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000 + days * DAY)
}

fn names() -> Vec<String> {
    let names = [
        "penstock.metrics.svc",
        "*.penstock-ingest.metrics.svc",
        "192.0.2.7",
    ];
    names.map(str::to_owned).to_vec()
}

/// As it is read back from its Secret.
fn kept(authorities: &Authorities) -> Authorities {
    Authorities::from_data(&authorities.to_data()).unwrap()
}

/// Whether a client that trusts `bundle` connects to a server with this certificate.
fn connects(
    bundle: &str,
    served: &BTreeMap<String, ByteString>,
    name: &str,
    now: Timestamp,
) -> bool {
    let der = |pem: &str| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
    let mut roots = RootCertStore::empty();
    for root in certificates(bundle) {
        roots.add(der(&root)).unwrap();
    }
    let chain = certificates(&text(served, "tls.crt").unwrap());
    let chain: Vec<_> = chain.iter().map(|pem| der(pem)).collect();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .unwrap();
    let seconds = u64::try_from(now.millis() / 1_000).unwrap();
    let moment = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
    let name = ServerName::try_from(name.to_owned()).unwrap();
    verifier
        .verify_server_cert(&chain[0], &chain[1..], &name, &[], moment)
        .is_ok()
}

fn served(authorities: &Authorities, now: Timestamp) -> BTreeMap<String, ByteString> {
    Leaf::issue(authorities, &names(), now)
        .unwrap()
        .to_data(authorities)
}

#[test]
fn a_client_connects_by_any_of_the_names_and_no_other() {
    let authorities = kept(&Authorities::make(at(0)).unwrap());
    let served = served(&authorities, at(0));
    let bundle = authorities.bundle();
    for name in [
        "penstock.metrics.svc",
        "penstock-ingest-2.penstock-ingest.metrics.svc",
        "192.0.2.7",
    ] {
        assert!(connects(&bundle, &served, name, at(29)), "{name}");
    }
    assert!(!connects(&bundle, &served, "other.metrics.svc", at(0)));
    assert!(!connects(&bundle, &served, "penstock.metrics.svc", at(31)));
    let stranger = Authorities::make(at(0)).unwrap().bundle();
    assert!(!connects(&stranger, &served, "penstock.metrics.svc", at(0)));
}

#[test]
fn clients_of_yesterday_and_of_tomorrow_connect_through_two_replacements() {
    let name = "penstock.metrics.svc";
    let first = Authorities::make(at(0)).unwrap();
    let oldest = first.bundle();
    let mut authorities = first;
    for (wish, day) in [("a", 1), ("b", 400)] {
        let before = authorities.bundle();
        let introduced = kept(
            &authorities
                .step(Some(wish), false, at(day))
                .unwrap()
                .unwrap(),
        );
        let bundle = introduced.bundle();
        let now_served = served(&introduced, at(day));
        assert!(
            connects(&before, &now_served, name, at(day)),
            "nothing else is served yet"
        );
        assert!(
            introduced
                .step(Some(wish), false, at(day + 6))
                .unwrap()
                .is_none()
        );
        let succeeded = kept(&introduced.step(Some(wish), true, at(day)).unwrap().unwrap());
        let now_served = served(&succeeded, at(day));
        for trusted in [&oldest, &before, &bundle, &succeeded.bundle()] {
            assert!(connects(trusted, &now_served, name, at(day)));
        }
        let newest = &succeeded.current.certificate;
        assert!(connects(newest, &now_served, name, at(day)));
        assert!(
            succeeded.step(Some(wish), true, at(day)).unwrap().is_none(),
            "one wish, one replacement"
        );
        authorities = succeeded;
    }
    let ended = authorities
        .step(Some("b"), true, at(3_653))
        .unwrap()
        .unwrap();
    assert!(!ended.bundle().contains(&oldest), "it has ended");
}

#[test]
fn age_replaces_an_authority_and_a_stuck_secret_does_not_stop_it() {
    let authorities = Authorities::make(at(0)).unwrap();
    assert!(authorities.step(None, true, at(2_435)).unwrap().is_none());
    let introduced = authorities.step(None, false, at(2_436)).unwrap().unwrap();
    assert!(introduced.step(None, false, at(2_442)).unwrap().is_none());
    let succeeded = introduced.step(None, false, at(2_443)).unwrap().unwrap();
    assert_eq!(succeeded.current.made, at(2_436));
}

#[test]
fn a_leaf_is_good_for_twenty_days_for_its_names_and_its_authority() {
    let authorities = Authorities::make(at(0)).unwrap();
    let leaf = Leaf::from_data(&served(&authorities, at(0))).unwrap();
    assert!(leaf.is_good(&authorities, &names(), at(19)));
    assert!(!leaf.is_good(&authorities, &names(), at(20)));
    assert!(!leaf.is_good(&authorities, &names()[1..], at(0)));
    assert!(!leaf.is_good(&Authorities::make(at(1)).unwrap(), &names(), at(1)));
    let mut data = served(&authorities, at(0));
    data.remove("tls.key");
    assert!(Leaf::from_data(&data).is_none());
}

#[test]
fn a_damaged_secret_is_named_by_its_entry() {
    let good = Authorities::make(at(0))
        .unwrap()
        .step(Some("a"), false, at(0))
        .unwrap()
        .unwrap()
        .to_data();
    for (entry, damage) in [
        ("ca.crt", ""),
        ("ca.crt", "-----BEGIN"),
        ("ca.key", ""),
        ("ca.key", "x"),
        ("ca-made", "soon"),
        ("next.key", ""),
        ("next-made", ""),
    ] {
        let mut data = good.clone();
        data.insert(entry.to_owned(), ByteString(damage.as_bytes().to_vec()));
        let error = Authorities::from_data(&data).unwrap_err().to_string();
        assert_eq!(error, format!("its entry `{entry}` is missing or damaged"));
    }
}
