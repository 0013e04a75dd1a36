use penstock_tenancy::{Ledger, LedgerApplication, SigningKey};

use super::*;
use crate::fake_api::{FakeApi, Fault};
use crate::ledger_fixture::application;

fn names() -> ObjectNames {
    ObjectNames::new("penstock")
}

fn key() -> SigningKey {
    SigningKey::from_seed([7; 32]).unwrap()
}

/// A document with so many applications.
fn document(revision: u64, applications: u64) -> Document {
    let mut ledger = Ledger {
        revision,
        replicas: 1,
        volumes: Vec::new(),
        applications: (0..applications)
            .map(|number| LedgerApplication {
                name: format!("app-{number:05}"),
                ..application(number + 1)
            })
            .collect(),
    };
    ledger.canonicalize();
    Document::sign(&ledger, &key()).unwrap()
}

async fn open(api: &FakeApi) -> (LedgerSecrets, Option<u64>) {
    let (secrets, bytes) = LedgerSecrets::open(api.client(), "metrics", &names())
        .await
        .unwrap();
    let revision = bytes.map(|bytes| {
        let (document, _) = Document::verify(bytes, &[key().verifying_key()]).unwrap();
        document.revision
    });
    (secrets, revision)
}

#[tokio::test(start_paused = true)]
async fn a_small_ledger_is_one_write() {
    let api = FakeApi::default();
    let (mut secrets, found) = open(&api).await;
    assert_eq!(found, None);
    assert_eq!(
        api.calls().len(),
        1 + 1 + 16,
        "head, its making, and a look at each part"
    );
    secrets.commit(&document(1, 3)).await.unwrap();
    secrets.commit(&document(2, 4)).await.unwrap();
    assert_eq!(api.calls(), ["PUT secrets/penstock-ledger"; 2]);
    assert_eq!(open(&api).await.1, Some(2));
}

/// About 1.1 MB: two parts.
const LARGE: u64 = 2_600;

#[tokio::test(start_paused = true)]
async fn a_large_one_goes_to_the_other_set_before_the_head() {
    let api = FakeApi::default();
    let (mut secrets, _) = open(&api).await;
    secrets.commit(&document(1, LARGE)).await.unwrap();
    secrets.commit(&document(2, LARGE)).await.unwrap();
    api.calls();
    secrets.commit(&document(3, LARGE)).await.unwrap();
    let mut calls = api.calls();
    assert_eq!(calls.pop().unwrap(), "PUT secrets/penstock-ledger");
    calls.sort();
    let parts = [
        "PUT secrets/penstock-ledger-a0",
        "PUT secrets/penstock-ledger-a1",
    ];
    assert_eq!(calls, parts);
    assert_eq!(open(&api).await.1, Some(3));
}

#[tokio::test(start_paused = true)]
async fn whatever_call_fails_the_old_ledger_is_whole_until_the_new_one_is() {
    // Two parts that were never there, two calls to make each, two writes, and the head.
    for crash_at in 0..7 {
        let api = FakeApi::default();
        let (mut secrets, _) = open(&api).await;
        secrets.commit(&document(1, LARGE)).await.unwrap();
        api.fail_at(crash_at, Fault::Says(403));
        secrets.commit(&document(2, LARGE + 1)).await.unwrap_err();
        let (mut next, found) = open(&api).await;
        assert_eq!(found, Some(1), "crash at {crash_at}");
        next.commit(&document(3, LARGE)).await.unwrap();
        assert_eq!(open(&api).await.1, Some(3), "crash at {crash_at}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_leader_of_yesterday_changes_nothing() {
    for applications in [3, LARGE] {
        let api = FakeApi::default();
        let (mut old, _) = open(&api).await;
        let (mut new, _) = open(&api).await;
        new.commit(&document(2, applications)).await.unwrap();
        let refused = old.commit(&document(1, applications)).await.unwrap_err();
        let conflict = CommitError::Secret(FencedError::Conflict {
            name: String::new(),
        });
        assert_eq!(
            std::mem::discriminant(&refused),
            std::mem::discriminant(&conflict),
            "{refused}"
        );
        assert_eq!(open(&api).await.1, Some(2));
    }
}

#[tokio::test(start_paused = true)]
async fn a_damaged_ledger_is_none() {
    let api = FakeApi::default();
    let (mut secrets, _) = open(&api).await;
    secrets.commit(&document(1, LARGE)).await.unwrap();
    api.remove("secrets", "penstock-ledger-a1");
    assert_eq!(open(&api).await.1, None);
    api.put("secrets", "penstock-ledger", |head| {
        head["data"]["head"] = serde_json::json!("YWJj");
    });
    let (mut secrets, found) = open(&api).await;
    assert_eq!(found, None);
    secrets.commit(&document(2, 3)).await.unwrap();
    assert_eq!(open(&api).await.1, Some(2));
}
