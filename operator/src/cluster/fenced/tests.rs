use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;

use super::*;
use crate::fake_api::{FakeApi, Fault};

fn fenced(api: &FakeApi) -> Fenced<Secret> {
    Fenced::new(api.client(), "metrics", "penstock")
}

fn filled(read: &Secret, text: &str) -> Secret {
    Secret {
        data: Some(BTreeMap::from([("k".to_owned(), ByteString(text.into()))])),
        ..read.clone()
    }
}

async fn put(secrets: &Fenced<Secret>, secret: &Secret) -> Result<Secret, FencedError> {
    secrets.put(secret, |found| found.data == secret.data).await
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_made_by_apply_and_then_replaced() {
    let api = FakeApi::default();
    let secrets = fenced(&api);
    let made = secrets.ensure("s").await.unwrap();
    put(&secrets, &filled(&made, "1")).await.unwrap();
    secrets.ensure("s").await.unwrap();
    let calls = [
        "GET secrets/s",
        "PATCH secrets/s",
        "PUT secrets/s",
        "GET secrets/s",
    ];
    assert_eq!(api.calls(), calls);
}

#[tokio::test(start_paused = true)]
async fn what_somebody_else_has_made_is_never_touched() {
    let api = FakeApi::default();
    api.put("secrets", "s", |_| {});
    let refused = fenced(&api).ensure("s").await.unwrap_err();
    assert!(matches!(refused, FencedError::Foreign { .. }), "{refused}");
    assert_eq!(api.calls(), ["GET secrets/s"]);
}

#[tokio::test(start_paused = true)]
async fn a_write_without_an_answer_is_settled_by_a_look() {
    for (fault, expected) in [
        (Fault::Unanswered, &["PUT secrets/s", "GET secrets/s"][..]),
        (
            Fault::Lost,
            &["PUT secrets/s", "GET secrets/s", "PUT secrets/s"],
        ),
        (
            Fault::Says(429),
            &["PUT secrets/s", "GET secrets/s", "PUT secrets/s"],
        ),
    ] {
        let api = FakeApi::default();
        let secrets = fenced(&api);
        let made = secrets.ensure("s").await.unwrap();
        api.calls();
        api.fail_at(0, fault);
        let written = put(&secrets, &filled(&made, "1")).await.unwrap();
        assert_eq!(written.data, filled(&made, "1").data, "{fault:?}");
        assert_eq!(api.calls(), expected, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_leader_is_noticed_however_it_shows() {
    let written_between = |api: &FakeApi| {
        api.put("secrets", "s", |s| {
            s["data"] = serde_json::json!({"k": "Mg=="});
        });
    };
    let removed = |api: &FakeApi| api.remove("secrets", "s");
    for between in [&written_between as &dyn Fn(&FakeApi), &removed] {
        for fault in [None, Some(Fault::Lost)] {
            let api = FakeApi::default();
            let secrets = fenced(&api);
            let made = secrets.ensure("s").await.unwrap();
            between(&api);
            if let Some(fault) = fault {
                api.fail_at(2, fault);
            }
            let refused = put(&secrets, &filled(&made, "1")).await.unwrap_err();
            assert!(matches!(refused, FencedError::Conflict { .. }), "{refused}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_right_is_said_and_not_tried_again() {
    let api = FakeApi::default();
    let secrets = fenced(&api);
    let made = secrets.ensure("s").await.unwrap();
    api.calls();
    api.fail_at(0, Fault::Says(403));
    let refused = put(&secrets, &filled(&made, "1")).await.unwrap_err();
    assert_eq!(refused.to_string(), "the API server refuses s");
    assert_eq!(api.calls(), ["PUT secrets/s"]);
}
