#![expect(
    clippy::needless_pass_by_value,
    reason = "a case reads better as json!(..) than as &json!(..)"
)]

use serde_json::{Value, json};

use super::*;

const HOUR: i64 = 3_600_000;

fn application(tokens: Value) -> MetricsApplication {
    serde_json::from_value(json!({
        "apiVersion": "penstock.dev/v1alpha1", "kind": "MetricsApplication",
        "metadata": {"name": "mill", "namespace": "works"}, "spec": {"tokens": tokens}
    }))
    .unwrap()
}

fn token(namespace: &str, expires_at: Option<&str>) -> Token {
    let mut token = json!({
        "apiVersion": "penstock.dev/v1alpha1", "kind": "ReadToken",
        "metadata": {"name": "grafana", "namespace": namespace},
        "spec": {"applicationRef": {"name": "mill", "namespace": "works"}}
    });
    if let Some(expires_at) = expires_at {
        token["spec"]["expiresAt"] = json!(expires_at);
    }
    Token::Read(serde_json::from_value(token).unwrap())
}

fn asked(tokens: Value, token: &Token, created: Option<i64>) -> Result<Option<i64>, String> {
    let labels = BTreeMap::from([("metrics".to_owned(), "yes".to_owned())]);
    let asking = Asking {
        namespace_labels: &labels,
        created: created.map(Timestamp::from_millis),
        now: Timestamp::from_millis(0),
    };
    consent(&application(tokens), token, asking)
        .map(|end| end.map(Timestamp::millis))
        .map_err(|problem| format!("{} ({})", problem.advice(), problem.reason))
}

fn takes(namespaces: Value, namespace: &str) -> bool {
    match asked(
        json!({"namespaces": namespaces}),
        &token(namespace, None),
        None,
    ) {
        Ok(_) => true,
        Err(why) => {
            assert!(why.contains("NamespaceNotAllowed"), "{why}");
            false
        }
    }
}

#[test]
fn the_owner_chooses_the_namespaces() {
    let labelled = |labels: Value| json!({"from": "Selector", "selector": {"matchLabels": labels}});
    assert!(!takes(json!({}), "team"));
    assert!(!takes(labelled(json!({"metrics": "no"})), "team"));
    assert!(takes(labelled(json!({"metrics": "yes"})), "team"));
    assert!(
        takes(json!({"from": "Selector", "selector": {}}), "team"),
        "an empty selector chooses all"
    );
    assert!(takes(json!({"from": "All"}), "team"));
    assert!(takes(json!({}), "works"));
    assert!(
        takes(labelled(json!({"metrics": "no"})), "works"),
        "its own always"
    );
}

#[test]
fn a_broken_selector_allows_nobody_and_says_so() {
    let expressions = json!([{"key": "a", "operator": "Like", "values": ["b"]}]);
    let selector = json!({"from": "Selector", "selector": {"matchExpressions": expressions}});
    let refused = asked(json!({"namespaces": selector}), &token("team", None), None);
    let why = refused.unwrap_err();
    assert!(
        why.contains("its owner must mend it") && why.contains("InvalidSpec"),
        "{why}"
    );
}

#[test]
fn an_end_may_be_required() {
    let required = json!({"requireExpiry": true});
    let why = asked(required.clone(), &token("works", None), Some(0)).unwrap_err();
    assert_eq!(
        why,
        "spec.expiresAt: the application takes only tokens that say when they end (its spec.tokens.requireExpiry): set it (ExpiryRequired)"
    );
    let token = token("works", Some("1970-01-01T02:00:00Z"));
    assert_eq!(asked(required, &token, Some(0)), Ok(Some(2 * HOUR)));
}

#[test]
fn the_longest_life_ends_a_token_early() {
    let hour = json!({"maxTTL": "1h"});
    let late = token("works", Some("1970-01-01T02:00:00Z"));
    let soon = token("works", Some("1970-01-01T00:30:00Z"));
    assert_eq!(
        asked(hour.clone(), &token("works", None), Some(7)),
        Ok(Some(HOUR + 7))
    );
    assert_eq!(asked(hour.clone(), &late, Some(7)), Ok(Some(HOUR + 7)));
    assert_eq!(asked(hour, &soon, Some(7)), Ok(Some(HOUR / 2)));
}

#[test]
fn without_a_known_creation_the_token_must_say_its_end() {
    let hour = json!({"maxTTL": "1h"});
    let soon = token("works", Some("1970-01-01T00:30:00Z"));
    assert_eq!(asked(hour.clone(), &soon, None), Ok(Some(HOUR / 2)));
    for other in [
        token("works", None),
        token("works", Some("1970-01-01T02:00:00Z")),
    ] {
        let why = asked(hour.clone(), &other, None).unwrap_err();
        assert!(why.contains("within 1h from now"), "{why}");
    }
}
