use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use penstock_model::SystemClock;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::json;

use super::*;
use crate::fake_api::{FakeApi, Fault};

async fn open(api: &FakeApi, seed: u64) -> Result<Signing, SigningError> {
    Signing::open(
        api.client(),
        "metrics",
        &ObjectNames::new("penstock"),
        Arc::new(SystemClock::new()),
        &mut StdRng::seed_from_u64(seed),
    )
    .await
}

fn entry(api: &FakeApi, secret: &str, key: &str) -> String {
    let secret = api.object("secrets", secret).unwrap();
    let bytes = STANDARD
        .decode(secret["data"][key].as_str().unwrap())
        .unwrap();
    String::from_utf8(bytes).unwrap()
}

#[tokio::test(start_paused = true)]
async fn key_and_bearer_are_made_once() {
    let api = FakeApi::default();
    let first = open(&api, 1).await.unwrap();
    let calls = [
        "GET secrets/penstock-ledger-signing",
        "PATCH secrets/penstock-ledger-signing",
        "PUT secrets/penstock-ledger-signing",
        "GET secrets/penstock-ledger-access",
        "PATCH secrets/penstock-ledger-access",
        "PUT secrets/penstock-ledger-access",
    ];
    assert_eq!(api.calls(), calls);
    let key = first.signer().borrow().key.verifying_key();
    assert_eq!(
        entry(&api, "penstock-ledger-access", "verify-keys"),
        format!("{key}\n")
    );
    assert_eq!(
        entry(&api, "penstock-ledger-access", "bearer"),
        first.bearer()
    );
    let second = open(&api, 2).await.unwrap();
    assert_eq!(second.signer().borrow().key.verifying_key(), key);
    assert_eq!(second.bearer(), first.bearer());
    let reads = ["penstock-ledger-signing", "penstock-ledger-access"];
    assert_eq!(api.calls(), reads.map(|name| format!("GET secrets/{name}")));
}

#[tokio::test(start_paused = true)]
async fn a_crash_after_any_call_leaves_one_key_that_pods_believe() {
    for crash_at in 0..6 {
        let api = FakeApi::default();
        api.fail_at(crash_at, Fault::Says(403));
        open(&api, 1).await.unwrap_err();
        let opened = open(&api, 2).await.unwrap();
        let key = opened.signer().borrow().key.verifying_key();
        let shown = entry(&api, "penstock-ledger-access", "verify-keys");
        assert_eq!(shown, format!("{key}\n"), "crash at {crash_at}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_foreign_or_damaged_secret_is_never_overwritten() {
    let api = FakeApi::default();
    api.put("secrets", "penstock-ledger-signing", |_| {});
    let error = open(&api, 1).await.unwrap_err();
    assert!(matches!(
        error,
        SigningError::Secret(FencedError::Foreign { .. })
    ));
    let api = FakeApi::default();
    open(&api, 1).await.unwrap();
    let damage = |secret: &mut serde_json::Value| secret["data"]["key"] = json!("YWJj");
    api.put("secrets", "penstock-ledger-signing", damage);
    let error = open(&api, 1).await.unwrap_err();
    assert!(matches!(error, SigningError::Damaged { .. }), "{error}");
    assert!(!format!("{error:?}").contains("YWJj"));
}

#[tokio::test(start_paused = true)]
async fn a_replacement_is_shown_before_it_signs() {
    let api = FakeApi::default();
    let mut rng = StdRng::seed_from_u64(9);
    let signing = open(&api, 1).await.unwrap();
    let before = signing.signer().borrow().key.verifying_key();
    api.put("secrets", "penstock-ledger-signing", |secret| {
        secret["metadata"]["annotations"] = json!({ REPLACE_KEY: "today" });
    });
    signing.step(&mut rng).await.unwrap();
    assert_eq!(signing.signer().borrow().key.verifying_key(), before);
    let shown = entry(&api, "penstock-ledger-access", "verify-keys");
    assert_eq!(shown.lines().count(), 2, "{shown}");
    api.calls();
    signing.step(&mut rng).await.unwrap();
    assert_eq!(
        api.calls(),
        ["GET secrets/penstock-ledger-signing"],
        "too early"
    );
}
