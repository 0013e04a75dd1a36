use std::sync::Arc;
use std::time::Duration;

use penstock_tenancy::{Key, TokenState};
use serde_json::{Value, json};

use crate::controllers::scenario::{Cluster, Fault, mill, sensors};
use crate::controllers::{Failed, application, refusals, removals};

async fn with_token(spec: &Value) -> Cluster {
    let mut cluster = Cluster::new().await;
    cluster.put(&sensors(spec));
    cluster
}

fn key_in_secret(cluster: &Cluster) -> Option<Key> {
    cluster
        .server
        .entry("key")
        .map(|key| Key::parse(&key).unwrap())
}

/// What can be read can be used: the ledger has the key of the Secret, and it has not ended.
fn assert_alive(cluster: &Cluster) {
    if let Some(key) = key_in_secret(cluster) {
        let keys = cluster.ledger_keys();
        let entry = keys.iter().find(|entry| entry.hash == key.hash());
        let entry = entry.expect("the ledger knows the key in the Secret");
        assert!(
            entry.not_after.is_none_or(|end| end > cluster.now()),
            "it is dead"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_is_in_the_ledger_before_it_is_in_the_secret() {
    let mut cluster = with_token(&json!({})).await;
    cluster.reconcile().await.unwrap();
    assert_eq!(cluster.server.calls(), ["GET secrets/sensors"]);
    assert_eq!(key_in_secret(&cluster), None);
    cluster.loaded().await;
    cluster.reconcile().await.unwrap();
    assert_eq!(
        cluster.server.calls(),
        ["POST secrets/sensors", "PATCH writetokens/sensors/status"]
    );
    assert_alive(&cluster);
    assert_eq!(
        cluster.condition("Ready"),
        "True Works: the key in its Secret works on every pod"
    );
    let token = cluster.server.get("writetokens/sensors").unwrap();
    assert_eq!(token["status"]["id"], cluster.server.entry("id").unwrap());
    assert_eq!(token["status"]["keys"][0]["version"], 1);
    assert_eq!(token["status"]["propagation"]["pods"], "1/1");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_waits_for_long_is_told_of() {
    let mut cluster = with_token(&json!({})).await;
    cluster.leader.context.publisher.set_pods(Vec::new());
    cluster.reconcile().await.unwrap();
    assert_eq!(cluster.server.calls(), ["GET secrets/sensors"]);
    cluster.pass(Duration::from_secs(6)).await;
    cluster.reconcile().await.unwrap();
    assert_eq!(
        cluster.server.calls(),
        ["PATCH writetokens/sensors/status", "POST event NoPods"]
    );
    assert!(
        cluster.condition("Ready").starts_with("False NoPods"),
        "{}",
        cluster.condition("Ready")
    );
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_comes_meanwhile_is_not_replaced() {
    let mut cluster = with_token(&json!({})).await;
    cluster.reconcile().await.unwrap();
    cluster.loaded().await;
    let theirs = json!({"kind": "Secret", "metadata": {"name": "sensors", "namespace": "works"}, "data": {"a": "Yg=="}});
    cluster.server.put(&theirs);
    assert!(cluster.reconcile().await.is_err());
    cluster.come_to_rest().await;
    assert_eq!(cluster.server.entry("a").as_deref(), Some("b"));
    assert!(
        cluster
            .condition("SecretReady")
            .starts_with("False SecretConflict")
    );
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_looked_at_again_keeps_its_id_and_key() {
    let mut cluster = with_token(&json!({})).await;
    for _ in 0..3 {
        cluster.reconcile().await.unwrap();
    }
    cluster.come_to_rest().await;
    assert_eq!(cluster.ledger_keys().len(), 1);
    let committed = cluster.leader.context.publisher.committed();
    assert_eq!(committed.ledger().tokens().count(), 1);
}

#[tokio::test(start_paused = true)]
async fn at_rest_nothing_is_written() {
    let mut cluster = with_token(&json!({"rotation": {"every": "720h"}})).await;
    cluster.come_to_rest().await;
    let before = cluster.server.version();
    cluster.server.calls();
    for _ in 0..3 {
        cluster.reconcile().await.unwrap();
    }
    assert_eq!(cluster.server.version(), before);
    assert_eq!(cluster.server.calls(), ["GET secrets/sensors"; 3]);
    cluster.new_leader().await;
    cluster.loaded().await;
    cluster.reconcile().await.unwrap();
    assert_eq!(cluster.server.version(), before, "nor by a new leader");
}

#[tokio::test(start_paused = true)]
async fn a_trigger_replaces_the_key_with_an_overlap() {
    let mut cluster = with_token(&json!({})).await;
    cluster.come_to_rest().await;
    let first = key_in_secret(&cluster).unwrap();
    cluster.pass(Duration::from_mins(3)).await;
    cluster.put(&sensors(
        &json!({"rotation": {"trigger": "leak", "overlap": "1h"}}),
    ));
    cluster.reconcile().await.unwrap();
    assert_eq!(
        key_in_secret(&cluster),
        Some(first.clone()),
        "the pods do not know the new one yet"
    );
    cluster.loaded().await;
    cluster.come_to_rest().await;
    let second = key_in_secret(&cluster).unwrap();
    assert_ne!(first, second);
    let keys = cluster.ledger_keys();
    assert_eq!(keys.len(), 2);
    assert!(keys[0].hash == first.hash() && keys[0].not_after.is_some());
    assert!(keys[1].hash == second.hash() && keys[1].not_after.is_none());
    assert!(cluster.condition("Rotating").starts_with("True Overlap"));
    assert!(
        cluster.server.events().contains(&"KeyRotated".to_owned()),
        "{:?}",
        cluster.server.events()
    );
    cluster.pass(Duration::from_mins(61)).await;
    cluster.come_to_rest().await;
    assert!(cluster.condition("Rotating").starts_with("False Stable"));
    let status = cluster.server.get("writetokens/sensors").unwrap()["status"].clone();
    assert_eq!(status["keys"].as_array().unwrap().len(), 1);
    assert_eq!(status["keys"][0]["version"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_key_is_replaced_when_it_is_old_enough() {
    let mut cluster = with_token(&json!({"rotation": {"every": "48h", "overlap": "1h"}})).await;
    cluster.come_to_rest().await;
    let first = key_in_secret(&cluster);
    let status = cluster.server.get("writetokens/sensors").unwrap()["status"].clone();
    assert!(status["nextRotation"].is_string(), "{status}");
    cluster.pass(Duration::from_hours(48)).await;
    cluster.come_to_rest().await;
    assert_ne!(key_in_secret(&cluster), first);
    assert_alive(&cluster);
}

#[tokio::test(start_paused = true)]
async fn a_secret_of_somebody_else_is_left_alone() {
    let mut cluster = Cluster::new().await;
    let theirs = json!({"kind": "Secret", "metadata": {"name": "sensors", "namespace": "works"}, "data": {"a": "Yg=="}});
    cluster.put(&theirs);
    cluster.put(&sensors(&json!({})));
    cluster.come_to_rest().await;
    assert!(
        cluster
            .condition("SecretReady")
            .starts_with("False SecretConflict: the Secret sensors belongs")
    );
    assert_eq!(cluster.server.entry("a").as_deref(), Some("b"));
    assert_eq!(cluster.ledger_keys(), [], "no key is drawn in vain");
    cluster.server.remove("secrets/sensors");
    cluster.come_to_rest().await;
    assert!(cluster.condition("Ready").starts_with("True Works"));
}

#[tokio::test(start_paused = true)]
async fn a_secret_from_a_backup_is_adopted_with_its_id_and_key() {
    let mut cluster = Cluster::new().await;
    let key = "k".repeat(40);
    let encode =
        |text: &str| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text);
    cluster.put(&json!({
        "kind": "Secret",
        "metadata": {"name": "sensors", "namespace": "works", "annotations": {"penstock.dev/adopt": "true"}},
        "data": {"id": encode("AbCdEfGhIjKl"), "key": encode(&key)}
    }));
    cluster.put(&sensors(&json!({})));
    cluster.come_to_rest().await;
    assert_eq!(cluster.server.entry("key"), Some(key));
    assert_eq!(cluster.server.entry("id").as_deref(), Some("AbCdEfGhIjKl"));
    assert_alive(&cluster);
    assert!(cluster.condition("Ready").starts_with("True Works"));
    let secret = cluster.server.get("secrets/sensors").unwrap();
    assert_eq!(secret["metadata"]["ownerReferences"][0]["uid"], "u-sensors");
}

#[tokio::test(start_paused = true)]
async fn a_lost_or_edited_secret_gets_a_new_key() {
    let mut cluster = with_token(&json!({})).await;
    cluster.come_to_rest().await;
    cluster.pass(Duration::from_mins(3)).await;
    let first = key_in_secret(&cluster).unwrap();
    cluster.server.remove("secrets/sensors");
    cluster.come_to_rest().await;
    let second = key_in_secret(&cluster).unwrap();
    assert_ne!(first, second);
    let mut edited = cluster.server.get("secrets/sensors").unwrap();
    edited["kind"] = json!("Secret");
    edited["data"]["key"] = json!("Yg==");
    cluster.server.put(&edited);
    cluster.come_to_rest().await;
    let third = key_in_secret(&cluster).unwrap();
    let keys = cluster.ledger_keys();
    let known = |key: &Key| keys.iter().any(|entry| entry.hash == key.hash());
    assert!(
        known(&first) && known(&second) && known(&third),
        "the old ones for their overlap"
    );
    assert!(cluster.server.events().contains(&"KeyReplaced".to_owned()));
    let status = cluster.server.get("writetokens/sensors").unwrap()["status"].clone();
    assert_eq!(status["keys"][0]["version"], 3);
    assert_alive(&cluster);
}

#[tokio::test(start_paused = true)]
async fn a_missing_application_or_source_is_told_and_taken_up() {
    let mut cluster = Cluster::new().await;
    let brought = json!({
        "applicationRef": {"name": "forge"}, "key": {"secretRef": {"name": "mine", "key": "key"}}
    });
    cluster.put(&sensors(&brought));
    cluster.come_to_rest().await;
    assert!(
        cluster
            .condition("Accepted")
            .starts_with("False ApplicationNotFound")
    );
    let mut brought = brought;
    brought["applicationRef"]["name"] = json!("mill");
    cluster.put(&sensors(&brought));
    cluster.come_to_rest().await;
    assert!(
        cluster
            .condition("Ready")
            .starts_with("False SourceMissing"),
        "{}",
        cluster.condition("Ready")
    );
    let key = "k".repeat(32);
    let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &key);
    cluster.put(&json!({"kind": "Secret", "metadata": {"name": "mine", "namespace": "works"}, "data": {"key": encoded}}));
    cluster.come_to_rest().await;
    assert!(
        cluster.condition("Ready").starts_with("True Works"),
        "{}",
        cluster.condition("Ready")
    );
    assert_eq!(cluster.server.entry("key"), Some(key));
}

#[tokio::test(start_paused = true)]
async fn revoked_is_in_the_ledger_and_final() {
    let mut cluster = with_token(&json!({})).await;
    cluster.come_to_rest().await;
    cluster.put(&sensors(&json!({"state": "Revoked"})));
    cluster.come_to_rest().await;
    let state = |cluster: &Cluster| {
        let committed = cluster.leader.context.publisher.committed();
        let (_, entry) = committed
            .token_of("works", "sensors", penstock_tenancy::Permission::Write)
            .unwrap();
        entry.state
    };
    assert_eq!(state(&cluster), TokenState::Revoked);
    assert!(cluster.condition("Revoked").starts_with("True"));
    cluster.put(&sensors(&json!({})));
    cluster.come_to_rest().await;
    assert_eq!(
        state(&cluster),
        TokenState::Revoked,
        "whatever the resource says"
    );
    assert!(cluster.condition("Ready").starts_with("False Revoked"));
}

#[tokio::test(start_paused = true)]
async fn nothing_secret_is_told_to_anybody() {
    let mut cluster = with_token(&json!({})).await;
    cluster.come_to_rest().await;
    let first = key_in_secret(&cluster).unwrap();
    cluster.put(&sensors(&json!({"rotation": {"trigger": "again"}})));
    cluster.come_to_rest().await;
    let second = key_in_secret(&cluster).unwrap();
    let sent = cluster.server.sent();
    assert!(sent.contains("KeyRotated") && sent.contains("conditions"));
    for key in [first, second] {
        assert!(!sent.contains(key.expose()));
    }
}

/// A rotation with a fault at each of its calls, and a leader that dies there or not.
#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_in_a_rotation_no_dead_key_can_be_read() {
    for fault in [Fault::Unanswered, Fault::Refused(500), Fault::Refused(409)] {
        for dies in [false, true] {
            for number in 0..12 {
                let mut cluster = with_token(&json!({})).await;
                cluster.server.calls();
                cluster.server.fail_at(number, fault);
                walk(&mut cluster, dies).await;
                let first = key_in_secret(&cluster).expect("a first key");
                cluster.server.calls();
                cluster.server.fail_at(number, fault);
                cluster.put(&sensors(
                    &json!({"rotation": {"trigger": "again", "overlap": "1h"}}),
                ));
                walk(&mut cluster, dies).await;
                let second = key_in_secret(&cluster).unwrap();
                assert_ne!(first, second, "{fault:?} at {number}, dies: {dies}");
                let keys = cluster.ledger_keys();
                let old = keys
                    .iter()
                    .find(|entry| entry.hash == first.hash())
                    .unwrap();
                assert!(old.not_after.is_some_and(|end| end > cluster.now()));
                assert!(
                    keys.iter()
                        .filter(|entry| entry.not_after.is_none())
                        .count()
                        == 1
                );
            }
        }
    }
}

/// Reconciles until it is done, looking after each step whether what can be read can be used.
async fn walk(cluster: &mut Cluster, dies: bool) {
    for round in 0..12 {
        let done = cluster.reconcile().await;
        assert_alive(cluster);
        if done.is_err() && dies {
            cluster.new_leader().await;
        }
        cluster.loaded().await;
        assert_alive(cluster);
        if round == 8 {
            cluster.server.no_more_faults();
            // No write of a former leader can still arrive.
            cluster.pass(Duration::from_mins(2)).await;
        }
    }
}

fn state_in_ledger(cluster: &Cluster) -> TokenState {
    let committed = cluster.leader.context.publisher.committed();
    let ledger = committed.ledger();
    let mut tokens = ledger.applications.iter().flat_map(|of| &of.tokens);
    let token = tokens.find(|token| token.name == "sensors").unwrap();
    token.state
}

/// A reconcile that has read the token and hangs at its first call, while `meanwhile` happens.
async fn overtaken(cluster: &mut Cluster, meanwhile: impl FnOnce(&mut Cluster)) {
    let token = cluster.server.get("writetokens/sensors").unwrap();
    let token: penstock_api::WriteToken = serde_json::from_value(token).unwrap();
    let context = Arc::clone(&cluster.leader.context);
    let mut in_flight = std::pin::pin!(super::reconcile(token, &context));
    assert!(futures_util::poll!(in_flight.as_mut()).is_pending());
    meanwhile(cluster);
    cluster.loaded().await;
    let done = in_flight.await;
    assert!(matches!(done, Err(Failed::Stale)), "{done:?}");
    cluster.loaded().await;
}

#[tokio::test(start_paused = true)]
async fn a_reconcile_in_flight_undoes_no_pause_and_no_revocation() {
    for (asked, wanted) in [
        ("Paused", TokenState::Paused),
        ("Revoked", TokenState::Revoked),
    ] {
        let mut cluster = with_token(&json!({})).await;
        cluster.come_to_rest().await;
        let refusals = Arc::clone(&cluster.leader.context);
        let refusals = tokio::spawn(async move { refusals::run(&refusals).await });
        overtaken(&mut cluster, |cluster| {
            let mut refused = sensors(&json!({"state": asked}));
            refused["metadata"]["generation"] = json!(2);
            cluster.put(&refused);
        })
        .await;
        assert_eq!(state_in_ledger(&cluster), wanted);
        // Nor does the way back come to nothing.
        let mut resumed = sensors(&json!({}));
        resumed["metadata"]["generation"] = json!(3);
        cluster.put(&resumed);
        cluster.come_to_rest().await;
        let is_final = wanted == TokenState::Revoked;
        assert_eq!(state_in_ledger(&cluster) == wanted, is_final);
        refusals.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn a_reconcile_in_flight_brings_back_no_deleted_token() {
    let mut cluster = with_token(&json!({})).await;
    cluster.come_to_rest().await;
    let removals = Arc::clone(&cluster.leader.context);
    let removals = tokio::spawn(async move { removals::run(&removals).await });
    cluster.pass(Duration::from_secs(1)).await;
    overtaken(&mut cluster, |cluster| {
        cluster.delete("writetokens/sensors");
    })
    .await;
    assert_eq!(state_in_ledger(&cluster), TokenState::Removed);
    removals.abort();
}

#[tokio::test(start_paused = true)]
async fn an_application_as_it_was_undoes_no_pause() {
    let mut cluster = Cluster::new().await;
    let before = cluster.server.get("metricsapplications/mill").unwrap();
    let mut paused = mill();
    paused["metadata"]["generation"] = json!(2);
    paused["spec"] = json!({"paused": true});
    cluster.put(&paused);
    cluster.reconcile_application().await;
    cluster.loaded().await;
    let before = serde_json::from_value(before).unwrap();
    let context = Arc::clone(&cluster.leader.context);
    let stale = application::reconcile(before, &context).await;
    assert!(matches!(stale, Err(Failed::Stale)), "{stale:?}");
    cluster.loaded().await;
    let committed = context.publisher.committed();
    assert!(committed.ledger().applications.iter().all(|of| of.paused));
}
