use clap::Parser as _;
use penstock_model::SystemClock;
use prometheus_client::registry::Registry;
use serde_json::json;

use super::*;
use crate::config::Args;
use crate::fake_api::{FakeApi, Fault};

fn pki(api: &FakeApi, more: &[&str]) -> (Pki, Trust) {
    let args = ["penstock-operator", "--namespace=metrics", "--pod-name=o"];
    let args = args.iter().chain(more).copied();
    let config = Config::validate(Args::parse_from(args)).unwrap();
    let metrics = Metrics::register(&mut Registry::default());
    Pki::new(api.client(), &config, Arc::new(SystemClock::new()), metrics)
}

fn entry(api: &FakeApi, secret: &str, key: &str) -> Option<String> {
    let secret = api.object("secrets", secret)?;
    let secret: Secret = serde_json::from_value(secret).unwrap();
    text(&secret.data?, key)
}

#[tokio::test(start_paused = true)]
async fn a_certificate_is_made_once_and_then_only_looked_at() {
    let api = FakeApi::default();
    let (pki, trust) = pki(&api, &[]);
    pki.step().await.unwrap();
    let made = ["GET", "PATCH", "PUT"];
    let calls = made.map(|verb| format!("{verb} secrets/penstock-ca"));
    let calls = [
        calls,
        made.map(|verb| format!("{verb} secrets/penstock-tls")),
    ]
    .concat();
    assert_eq!(api.calls(), calls);
    let bundle = trust.bundle.borrow().clone().unwrap();
    assert_eq!(
        entry(&api, "penstock-ca", "ca.crt").as_ref(),
        Some(&bundle.pem)
    );
    assert_eq!(
        entry(&api, "penstock-tls", "ca.crt").as_ref(),
        Some(&bundle.pem)
    );
    assert!(pki.metrics.certificate_end.get() > pki.clock.now().millis() / 1_000);
    pki.step().await.unwrap();
    assert_eq!(
        api.calls(),
        ["GET secrets/penstock-ca", "GET secrets/penstock-tls"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_new_authority_is_in_every_bundle_before_it_signs_whatever_call_fails() {
    // Two looks and two writes, twice.
    for crash_at in 0..8 {
        let api = FakeApi::default();
        let (first, _trust) = pki(&api, &[]);
        first.step().await.unwrap();
        let leaf = entry(&api, "penstock-tls", "tls.crt").unwrap();
        api.put("secrets", "penstock-ca", |secret| {
            secret["metadata"]["annotations"] = json!({ REPLACE_AUTHORITY: "now" });
        });
        api.fail_at(crash_at, Fault::Says(403));
        // Every crash is another process, which knows nothing of what was spread.
        let mut signed = false;
        for _ in 0..6 {
            let (pki, trust) = pki(&api, &[]);
            drop(pki.step().await);
            let bundle = trust.bundle.borrow().clone();
            if let Some(bundle) = bundle {
                trust.spread.send_replace(Some(bundle.fingerprint()));
                drop(pki.step().await);
            }
            let now = entry(&api, "penstock-tls", "tls.crt").unwrap();
            if now != leaf && !signed {
                signed = true;
                let bundle = entry(&api, "penstock-tls", "ca.crt").unwrap();
                let ca = entry(&api, "penstock-ca", "ca.crt").unwrap();
                assert!(bundle.contains(&ca), "crash at {crash_at}");
            }
        }
        assert!(signed, "crash at {crash_at}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_foreign_or_damaged_authority_is_never_overwritten() {
    let api = FakeApi::default();
    api.put("secrets", "penstock-ca", |_| {});
    let error = pki(&api, &[]).0.step().await.unwrap_err();
    assert!(
        matches!(error, PkiError::Secret(FencedError::Foreign { .. })),
        "{error}"
    );
    let api = FakeApi::default();
    let (pki, _trust) = pki(&api, &[]);
    pki.step().await.unwrap();
    api.put("secrets", "penstock-ca", |secret| {
        secret["data"]["ca.key"] = json!("YWJj");
    });
    let error = pki.step().await.unwrap_err();
    assert!(matches!(error, PkiError::Damaged { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn an_existing_secret_is_only_read_and_its_last_good_bundle_stays() {
    let api = FakeApi::default();
    let (own, _trust) = pki(&api, &[]);
    own.step().await.unwrap();
    let (pki, trust) = pki(&api, &["--tls=existing", "--tls-secret=theirs"]);
    api.calls();
    pki.step().await.unwrap();
    assert_eq!(*trust.bundle.borrow(), None);
    let served = api.object("secrets", "penstock-tls").unwrap();
    api.put("secrets", "theirs", |secret| {
        secret["data"] = served["data"].clone();
    });
    pki.step().await.unwrap();
    let bundle = trust.bundle.borrow().clone().unwrap();
    assert_eq!(
        Some(&bundle.pem),
        entry(&api, "penstock-tls", "ca.crt").as_ref()
    );
    assert!(pki.metrics.certificate_end.get() > 0);
    api.remove("secrets", "theirs");
    pki.step().await.unwrap();
    assert!(trust.bundle.borrow().is_some());
    assert_eq!(api.calls(), ["GET secrets/theirs"; 3]);
}
