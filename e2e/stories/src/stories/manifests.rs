//! What the API server says to a manifest, before any program of ours runs: the examples are taken, and a bad one is
//! refused with a sentence that names the field.

use crate::cluster::{Cluster, Kind, Namespace};
use crate::command::{repository, run};
use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};
use std::process::Command;

pub(crate) fn tell(cluster: &Cluster, namespace: &Namespace) -> Result<()> {
    let examples = repository().join("examples/kubernetes");
    let mut kubectl = Command::new("kubectl");
    kubectl
        .args(["apply", "--namespace", namespace.name(), "-f"])
        .arg(examples);
    run(&mut kubectl, "")?;
    for (kind, spec, sentence) in bad() {
        refuses(cluster, namespace, kind, &spec, sentence)?;
    }
    changes_are_refused(cluster, namespace)?;
    short_names_show_columns(namespace)
}

/// Each with the field and the reason that a person must be told.
fn bad() -> Vec<(Kind, Value, &'static str)> {
    let token = |more: Value| {
        let mut spec = json!({"applicationRef": {"name": "greenhouse"}});
        if let (Some(spec), Some(more)) = (spec.as_object_mut(), more.as_object()) {
            spec.extend(more.clone());
        }
        spec
    };
    vec![
        (
            Kind::Application,
            json!({"profile": "InfluxDB"}),
            "spec.profile: Unsupported value",
        ),
        (
            Kind::Application,
            json!({"tags": {"_site": "a"}}),
            "spec.tags: Invalid value: a tag key has 1 to 64",
        ),
        (
            Kind::Application,
            json!({"limits": {"bodyBytes": 1}}),
            "spec.limits.bodyBytes",
        ),
        (
            Kind::WriteToken,
            json!({}),
            "spec.applicationRef: Required value",
        ),
        (
            Kind::WriteToken,
            token(json!({"state": "Gone"})),
            "spec.state: Unsupported value",
        ),
        (
            Kind::WriteToken,
            token(json!({"key": {"generate": {}, "hashRef": {"name": "a", "key": "b"}}})),
            "exactly one of generate, secretRef and hashRef",
        ),
        (
            Kind::WriteToken,
            token(
                json!({"notBefore": "2030-01-02T00:00:00Z", "expiresAt": "2030-01-01T00:00:00Z"}),
            ),
            "expiresAt must be later than notBefore",
        ),
        (
            Kind::WriteToken,
            token(json!({"rotation": {"every": "1h", "overlap": "2h"}})),
            "spec.rotation",
        ),
        (
            Kind::ReadToken,
            token(json!({"tags": {".a": "b"}})),
            "spec.tags: Invalid value: a tag key has 1 to 64",
        ),
    ]
}

fn refuses(
    cluster: &Cluster,
    namespace: &Namespace,
    kind: Kind,
    spec: &Value,
    sentence: &str,
) -> Result<()> {
    let object = json!({"metadata": {"name": "bad"}, "spec": spec});
    let Err(error) = cluster.create(kind, namespace.name(), object) else {
        bail!("taken: {spec}");
    };
    let told = format!("{error:#}");
    ensure!(told.contains(sentence), "{spec} is refused with: {told}");
    Ok(())
}

/// What may not change, does not.
fn changes_are_refused(cluster: &Cluster, namespace: &Namespace) -> Result<()> {
    let change = |change: Value| {
        cluster.patch(
            Kind::WriteToken,
            namespace.name(),
            "greenhouse-device",
            &change,
        )
    };
    let refused = |answer: Result<Value>, sentence: &str| {
        let told = answer.map_or_else(
            |error| format!("{error:#}"),
            |taken| format!("taken: {taken}"),
        );
        ensure!(told.contains(sentence), "{told}");
        Ok(())
    };
    let other = json!({"spec": {"applicationRef": {"name": "other"}}});
    refused(
        change(other),
        "applicationRef cannot be changed: make another token",
    )?;
    change(json!({"spec": {"state": "Revoked"}}))?;
    let active = json!({"spec": {"state": "Active"}});
    refused(change(active), "Revoked is final: make another token")
}

/// `kubectl get mapp,wtok,rtok` is how a person looks.
fn short_names_show_columns(namespace: &Namespace) -> Result<()> {
    let mut kubectl = Command::new("kubectl");
    kubectl.args(["get", "mapp,wtok,rtok", "--namespace", namespace.name()]);
    let table = run(&mut kubectl, "")?;
    for word in [
        "TENANT", "READY", "TOKENS", "PODS", "APP", "ID", "STATE", "APPLIED", "EXPIRES", "AGE",
    ] {
        ensure!(table.contains(word), "no column {word}:\n{table}");
    }
    Ok(())
}
