use serde_json::{Value, json};

use super::*;
use crate::problem::Reason;
use crate::{FieldPath, KeyState};

fn token(spec: &Value) -> Token {
    let mut full = json!({"applicationRef": {"name": "mill"}});
    full.as_object_mut()
        .unwrap()
        .extend(spec.as_object().unwrap().clone());
    let token = serde_json::from_value(json!({
        "apiVersion": "penstock.dev/v1alpha1", "kind": "WriteToken",
        "metadata": {"name": "sensors", "namespace": "team", "generation": 2}, "spec": full
    }));
    Token::Write(token.unwrap())
}

fn key(n: u8, not_after: Option<i64>) -> LedgerKey {
    LedgerKey {
        hash: KeyHash::of(&[n]),
        not_after: not_after.map(Timestamp::from_millis),
    }
}

static NEVER: BTreeMap<String, Timestamp> = BTreeMap::new();

fn works(keys: &[LedgerKey]) -> TokenFacts<'_> {
    TokenFacts {
        problem: None,
        id: Some("Write0000001".parse().unwrap()),
        keys,
        held: keys.last().map(|key| key.hash),
        last_used: &NEVER,
        version: 3,
        secret: SecretFacts::Written,
        step: Step::Settled,
        reach: Reach::All {
            revision: 7,
            pods: 3,
            of: 3,
            seconds: None,
        },
        next_rotation: None,
        expires_at: None,
        is_revoked: false,
        is_application_paused: false,
    }
}

fn ready(token: &Token, facts: &TokenFacts<'_>) -> String {
    let status = token_status(token, facts, Timestamp::from_millis(5_000));
    let ready = status
        .conditions
        .iter()
        .find(|condition| condition.type_ == "Ready")
        .unwrap();
    format!("{} {}: {}", ready.status, ready.reason, ready.message)
}

#[test]
fn the_first_thing_in_the_way_is_told() {
    let one = [key(1, None)];
    let plain = token(&json!({}));
    assert_eq!(
        ready(&plain, &works(&one)),
        "True Works: the key in its Secret works on every pod"
    );
    let paused = token(&json!({"state": "Paused"}));
    assert!(ready(&paused, &works(&one)).starts_with("False Paused: spec.state"));
    let later = token(&json!({"notBefore": "2027-01-01T00:00:00Z"}));
    assert_eq!(
        ready(&later, &works(&one)),
        "False NotYetValid: it is refused before 2027-01-01T00:00:00Z, its spec.notBefore: wait, or set that earlier"
    );
    let problem = Problem::of_token(
        &plain,
        Reason::SourceMissing,
        FieldPath::of(["spec", "key"]),
        "there is no Secret team/mine".to_owned(),
    );
    let facts = TokenFacts {
        problem: Some(&problem),
        secret: SecretFacts::Missing,
        ..works(&one)
    };
    assert_eq!(
        ready(&plain, &facts),
        "False SourceMissing: spec.key: there is no Secret team/mine"
    );
    let revoked = TokenFacts {
        is_revoked: true,
        ..facts
    };
    assert!(ready(&plain, &revoked).starts_with("False Revoked"));
    let expired = TokenFacts {
        expires_at: Some(Timestamp::from_millis(5_000)),
        ..works(&one)
    };
    assert!(ready(&plain, &expired).starts_with("False Expired: it ended at 1970-01-01T00:00:05Z"));
}

#[test]
fn a_key_on_its_way_is_waited_for() {
    let one = [key(1, None)];
    let telling = TokenFacts {
        held: None,
        secret: SecretFacts::Missing,
        reach: Reach::Telling { revision: 7 },
        ..works(&one)
    };
    assert!(ready(&token(&json!({})), &telling).starts_with("False WaitingForPods"));
    let cut_off = TokenFacts {
        reach: Reach::NoPods { revision: 7 },
        ..telling
    };
    assert!(ready(&token(&json!({})), &cut_off).starts_with("False NoPods"));
}

#[test]
fn keys_are_numbered_from_the_one_in_the_secret_back() {
    let keys = [
        key(1, Some(4_000)),
        key(2, Some(9_000)),
        key(3, None),
        key(4, None),
    ];
    let facts = TokenFacts {
        held: Some(keys[2].hash),
        ..works(&keys)
    };
    let now = Timestamp::from_millis(5_000);
    let status = token_status(&token(&json!({})), &facts, now);
    let told: Vec<_> = status
        .keys
        .iter()
        .map(|key| (key.version, key.state))
        .collect();
    assert_eq!(told, [(3, KeyState::Active), (2, KeyState::Retiring)]);
    assert_eq!(status.keys[0].fingerprint, fingerprint(keys[2].hash));
    let rotating = status
        .conditions
        .iter()
        .find(|condition| condition.type_ == "Rotating")
        .unwrap();
    assert_eq!(rotating.reason, "Overlap");
}

#[test]
fn the_same_facts_make_the_same_status() {
    let one = [key(1, None)];
    let mut resource = token(&json!({}));
    let first = token_status(&resource, &works(&one), Timestamp::from_millis(5_000));
    if let Token::Write(token) = &mut resource {
        token.status = Some(first.clone());
    }
    let again = token_status(&resource, &works(&one), Timestamp::from_millis(9_000));
    assert_eq!(again, first, "or every reconcile would write one");
}

#[test]
fn the_latest_use_that_was_ever_told_stays() {
    let keys = [key(1, None)];
    let name = fingerprint(keys[0].hash);
    let mut object = token(&json!({}));
    let told = |object: &Token, second: Option<i64>| {
        let used = second.map(|second| (name.clone(), Timestamp::from_millis(second * 1_000)));
        let facts = TokenFacts {
            last_used: &used.into_iter().collect(),
            ..works(&keys)
        };
        token_status(object, &facts, Timestamp::from_millis(5_000))
    };
    let second = |time: &Option<Time>| time.as_ref().map(|time| time.0.as_second());
    let first = told(&object, Some(120));
    assert_eq!(second(&first.keys[0].last_used), Some(120));
    if let Token::Write(write) = &mut object {
        write.status = Some(first);
    }
    for later in [None, Some(60)] {
        let status = told(&object, later);
        assert_eq!(
            second(&status.keys[0].last_used),
            Some(120),
            "pods that started again forget"
        );
        assert_eq!(second(&status.last_used), Some(120));
    }
    assert_eq!(second(&told(&object, Some(180)).last_used), Some(180));
}
