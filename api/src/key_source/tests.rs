use serde_json::json;

use super::*;
use crate::WriteToken;

fn token(key: &serde_json::Value) -> Token {
    let token: WriteToken = serde_json::from_value(json!({
        "apiVersion": "penstock.dev/v1alpha1", "kind": "WriteToken",
        "metadata": {"name": "sensors", "namespace": "team"},
        "spec": {"applicationRef": {"name": "mill"}, "key": key}
    }))
    .unwrap();
    Token::Write(token)
}

fn secret(namespace: &str, text: &[u8]) -> SecretData {
    SecretData {
        namespace: namespace.to_owned(),
        name: "mine".to_owned(),
        entries: [("entry".to_owned(), text.to_vec())].into(),
    }
}

fn brought(source: &str, secrets: &[SecretData]) -> Result<Option<KeyMaterial>, Reason> {
    let key = json!({source: {"name": "mine", "key": "entry"}});
    bring_along(&token(&key), secrets).map_err(|problem| problem.reason)
}

#[test]
fn a_key_or_its_hash_is_read_from_a_secret_of_the_same_namespace() {
    let text = "k".repeat(32);
    let key = Key::parse(&text).unwrap();
    let with_line_end = secret("team", format!("{text}\r\n").as_bytes());
    assert_eq!(
        brought("secretRef", std::slice::from_ref(&with_line_end)),
        Ok(Some(KeyMaterial::Key(key.clone())))
    );
    let hash = secret("team", key.hash().to_string().as_bytes());
    assert_eq!(
        brought("hashRef", &[hash]),
        Ok(Some(KeyMaterial::Hash(key.hash())))
    );
    assert_eq!(
        bring_along(&token(&json!({"generate": {}})), &[with_line_end]),
        Ok(None)
    );
}

#[test]
fn what_cannot_be_a_key_is_refused_without_quoting_it() {
    assert_eq!(
        brought("secretRef", &[secret("team", b"short")]),
        Err(Reason::WeakKey)
    );
    assert_eq!(
        brought("hashRef", &[secret("team", &[b'z'; 64])]),
        Err(Reason::WeakKey)
    );
    assert_eq!(
        brought("secretRef", &[secret("team", &[0xff; 40])]),
        Err(Reason::SourceMissing)
    );
    let key = json!({"secretRef": {"name": "mine", "key": "entry"}});
    let problem = bring_along(&token(&key), &[secret("team", b"hunter2")]).unwrap_err();
    assert!(!problem.to_string().contains("hunter2"), "{problem}");
    assert_eq!(problem.at.to_string(), "spec.key.secretRef");
}

#[test]
fn a_secret_elsewhere_does_not_count() {
    let text = [b'k'; 32];
    assert_eq!(
        brought("secretRef", &[secret("other", &text)]),
        Err(Reason::SourceMissing)
    );
    assert_eq!(brought("secretRef", &[]), Err(Reason::SourceMissing));
    let mut other_entry = secret("team", &text);
    other_entry.entries = [("else".to_owned(), text.to_vec())].into();
    assert_eq!(
        brought("secretRef", &[other_entry]),
        Err(Reason::SourceMissing)
    );
}
