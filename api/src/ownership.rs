//! Whose a Secret is: the operator writes its own, and never one of somebody else.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};

use crate::{DeletionPolicy, GROUP, Token, VERSION};

/// The label of every Secret that the operator looks at: [`TOKEN_SECRET`], or `source` on one that a key is read from,
/// so that its change is seen at once.
pub const SECRET_LABEL: &str = "penstock.dev/secret";
/// The value of [`SECRET_LABEL`] on what the operator writes.
pub const TOKEN_SECRET: &str = "token";
/// The label with the UID of the token that a Secret was written for.
pub const TOKEN_UID_LABEL: &str = "penstock.dev/token-uid";
/// The label with the name of that token.
pub const TOKEN_NAME_LABEL: &str = "penstock.dev/token-name";
/// The label with its kind.
pub const TOKEN_KIND_LABEL: &str = "penstock.dev/token-kind";
/// The annotation that lets the operator take over a Secret, as it comes from a backup: `"true"`.
pub const ADOPT: &str = "penstock.dev/adopt";

/// Whose a Secret is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// It was written for this very token.
    Ours,
    /// It may be taken over.
    Adoptable,
    /// Hands off.
    Foreign,
}

impl Ownership {
    /// Whose it is, as its metadata says. `uid` is the token's.
    pub fn of(secret: &ObjectMeta, uid: &str) -> Self {
        let mut owners = secret.owner_references.iter().flatten();
        let labels = secret.labels.as_ref();
        let is_labelled = labels
            .and_then(|labels| labels.get(TOKEN_UID_LABEL))
            .is_some_and(|of| of == uid);
        if is_labelled || owners.clone().any(|owner| owner.uid == uid) {
            return Self::Ours;
        }
        let annotations = secret.annotations.as_ref();
        let may_adopt = annotations
            .and_then(|of| of.get(ADOPT))
            .is_some_and(|value| value == "true");
        let is_controlled = owners.any(|owner| owner.controller == Some(true));
        if may_adopt && !is_controlled {
            Self::Adoptable
        } else {
            Self::Foreign
        }
    }
}

/// The metadata of a token's Secret, made upon what it has: labels and annotations of others stay.
pub fn secret_metadata(token: &Token, before: Option<&ObjectMeta>) -> ObjectMeta {
    let spec = &token.spec().secret;
    let name = token.token_name();
    let uid = token.metadata().uid.clone().unwrap_or_default();
    let mut labels = before
        .and_then(|before| before.labels.clone())
        .unwrap_or_default();
    extend(&mut labels, &spec.labels);
    for (label, value) in [
        ("app.kubernetes.io/managed-by", "penstock-operator"),
        (SECRET_LABEL, TOKEN_SECRET),
        (TOKEN_UID_LABEL, &uid),
        (TOKEN_NAME_LABEL, &name.name),
        (TOKEN_KIND_LABEL, name.kind().as_str()),
    ] {
        labels.insert(label.to_owned(), value.to_owned());
    }
    let mut annotations = before
        .and_then(|before| before.annotations.clone())
        .unwrap_or_default();
    extend(&mut annotations, &spec.annotations);
    annotations.remove(ADOPT);
    let mut owners = before
        .and_then(|before| before.owner_references.clone())
        .unwrap_or_default();
    // Those of a token of earlier days would have the Secret collected.
    owners.retain(|owner| !owner.api_version.starts_with(GROUP));
    if spec.deletion_policy == DeletionPolicy::Delete {
        owners.push(OwnerReference {
            api_version: format!("{GROUP}/{VERSION}"),
            kind: name.kind().as_str().to_owned(),
            name: name.name,
            uid,
            controller: Some(true),
            block_owner_deletion: None,
        });
    }
    ObjectMeta {
        name: Some(token.secret_name()),
        namespace: Some(name.namespace),
        labels: Some(labels),
        annotations: Some(annotations),
        owner_references: (!owners.is_empty()).then_some(owners),
        resource_version: before.and_then(|before| before.resource_version.clone()),
        uid: before.and_then(|before| before.uid.clone()),
        ..ObjectMeta::default()
    }
}

/// What is under `penstock.dev/` is the operator's.
fn extend(map: &mut BTreeMap<String, String>, wanted: &BTreeMap<String, String>) {
    let theirs = wanted
        .iter()
        .filter(|(key, _)| !key.starts_with("penstock.dev/"));
    map.extend(theirs.map(|(key, value)| (key.clone(), value.clone())));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn token(secret: &Value) -> Token {
        let token = serde_json::from_value(json!({
            "apiVersion": "penstock.dev/v1alpha1", "kind": "WriteToken",
            "metadata": {"name": "sensors", "namespace": "team", "uid": "u1"},
            "spec": {"applicationRef": {"name": "mill"}, "secret": secret}
        }));
        Token::Write(token.unwrap())
    }

    fn whose(metadata: Value) -> Ownership {
        Ownership::of(&serde_json::from_value(metadata).unwrap(), "u1")
    }

    #[test]
    fn only_what_was_written_for_this_very_token_is_its_own() {
        let owned = |uid: &str, controller: bool| json!({"ownerReferences": [{"apiVersion": "v1", "kind": "K", "name": "n", "uid": uid, "controller": controller}]});
        assert_eq!(whose(json!({})), Ownership::Foreign);
        assert_eq!(whose(owned("u1", true)), Ownership::Ours);
        assert_eq!(
            whose(owned("u0", true)),
            Ownership::Foreign,
            "a namesake's of earlier days"
        );
        assert_eq!(
            whose(json!({"labels": {TOKEN_UID_LABEL: "u1"}})),
            Ownership::Ours
        );
        assert_eq!(
            whose(json!({"labels": {TOKEN_UID_LABEL: "u0"}})),
            Ownership::Foreign
        );
    }

    #[test]
    fn a_secret_is_adopted_when_asked_and_nobody_controls_it() {
        let mut asked = json!({"annotations": {ADOPT: "true"}});
        assert_eq!(whose(asked.clone()), Ownership::Adoptable);
        asked["ownerReferences"] =
            json!([{"apiVersion": "v1", "kind": "K", "name": "n", "uid": "x", "controller": true}]);
        assert_eq!(whose(asked), Ownership::Foreign);
        assert_eq!(
            whose(json!({"annotations": {ADOPT: "yes"}})),
            Ownership::Foreign
        );
    }

    #[test]
    fn what_others_wrote_stays_and_what_is_ours_wins() {
        let token = token(&json!({
            "labels": {"team": "a", TOKEN_UID_LABEL: "forged"}, "annotations": {"note": "b", ADOPT: "true"}
        }));
        let before = serde_json::from_value(json!({
            "labels": {"theirs": "x"}, "annotations": {ADOPT: "true", "theirs": "y"}, "resourceVersion": "7"
        }));
        let metadata = secret_metadata(&token, Some(&before.unwrap()));
        let labels = metadata.labels.clone().unwrap();
        assert_eq!(
            (
                &*labels["team"],
                &*labels["theirs"],
                &*labels[TOKEN_UID_LABEL]
            ),
            ("a", "x", "u1")
        );
        let annotations = metadata.annotations.clone().unwrap();
        assert_eq!(annotations.len(), 2, "it is adopted once: {annotations:?}");
        assert_eq!(metadata.resource_version.as_deref(), Some("7"));
        assert_eq!(Ownership::of(&metadata, "u1"), Ownership::Ours);
        assert_eq!(metadata.owner_references.unwrap().len(), 1);
    }

    #[test]
    fn a_retained_secret_has_no_owner_and_is_known_all_the_same() {
        let metadata = secret_metadata(&token(&json!({"deletionPolicy": "Retain"})), None);
        assert_eq!(metadata.owner_references, None);
        assert_eq!(Ownership::of(&metadata, "u1"), Ownership::Ours);
    }
}
