//! Rights, as the API server sees them. With a list of namespaces the operator has none on Secrets beyond them and no
//! `ClusterRole` at all; what it has suffices for the life of a token. The ingest pods have none whatsoever.

use crate::cluster::{Cluster, Kind, Namespace};
use crate::penstock::{OPERATOR, Penstock};
use anyhow::{Result, ensure};
use serde_json::{Value, json};

/// Verb, group, resource with subresource, name, and whether the operator may do it where it serves.
const RIGHTS: [(&str, &str, &str, &str, bool); 14] = [
    ("get", "", "secrets", "", true),
    ("create", "", "secrets", "", true),
    ("update", "", "secrets", "", true),
    ("patch", "penstock.dev", "writetokens/status", "", true),
    ("update", "", "secrets", "penstock-ledger", true),
    ("list", "", "pods", "", true),
    ("delete", "", "secrets", "", false),
    ("delete", "", "secrets", "penstock-ledger", false),
    ("patch", "", "pods", "", false),
    ("delete", "", "pods", "", false),
    ("create", "", "pods/exec", "", false),
    ("patch", "penstock.dev", "writetokens", "", false),
    ("update", "apps", "statefulsets", "", false),
    ("create", "rbac.authorization.k8s.io", "roles", "", false),
];

pub(crate) fn tell(cluster: &Cluster, namespace: &Namespace) -> Result<()> {
    let penstock = Penstock::install_with_tokens(cluster, namespace)?;
    let trigger = json!({"spec": {"rotation": {"trigger": "again"}}});
    let before = penstock.token("device")?;
    penstock.patch(Kind::WriteToken, "device", &trigger)?;
    penstock_e2e::wait::until("the key is rotated", || {
        Ok(penstock
            .token_now("device")?
            .filter(|now| now.key != before.key))
    })?;
    cluster.delete(Kind::ReadToken, namespace.name(), "dashboard")?;

    for (verb, group, resource, name, wanted) in RIGHTS {
        let what = Asked {
            verb,
            group,
            resource,
            name,
        };
        let allowed = may(&penstock, "penstock-operator", namespace.name(), &what)?;
        ensure!(
            allowed == wanted,
            "{verb} {group} {resource} {name}: {allowed}"
        );
    }
    for verb in ["get", "list", "watch", "create", "update"] {
        let secrets = Asked {
            verb,
            group: "",
            resource: "secrets",
            name: "",
        };
        for elsewhere in ["kube-system", ""] {
            ensure!(
                !may(&penstock, "penstock-operator", elsewhere, &secrets)?,
                "{verb} Secrets in {elsewhere:?}"
            );
        }
        ensure!(
            !may(&penstock, "penstock-ingest", namespace.name(), &secrets)?,
            "ingest: {verb} Secrets"
        );
    }
    no_cluster_role(&penstock)?;
    nothing_was_forbidden(&penstock)
}

struct Asked<'a> {
    verb: &'a str,
    group: &'a str,
    resource: &'a str,
    name: &'a str,
}

/// Asks the API server whether an account of this namespace may do something in `namespace`; in all if that is empty.
fn may(penstock: &Penstock<'_>, account: &str, namespace: &str, asked: &Asked<'_>) -> Result<bool> {
    let (resource, subresource) = asked
        .resource
        .split_once('/')
        .unwrap_or((asked.resource, ""));
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
        "spec": {
            "user": format!("system:serviceaccount:{}:{account}", penstock.namespace()),
            "groups": ["system:serviceaccounts", "system:authenticated"],
            "resourceAttributes": {
                "namespace": namespace, "verb": asked.verb, "group": asked.group,
                "resource": resource, "subresource": subresource, "name": asked.name,
            },
        },
    });
    let arguments = [
        "create",
        "--filename=-",
        "--output=jsonpath={.status.allowed}",
    ];
    Ok(penstock.kubectl(&arguments, &review.to_string())?.trim() == "true")
}

/// No binding of a `ClusterRole` names an account of this installation.
fn no_cluster_role(penstock: &Penstock<'_>) -> Result<()> {
    let bindings = penstock.kubectl(&["get", "clusterrolebindings", "--output=json"], "")?;
    let bindings: Value = serde_json::from_str(&bindings)?;
    for binding in bindings["items"].as_array().into_iter().flatten() {
        let mut subjects = binding["subjects"].as_array().into_iter().flatten();
        let is_ours = subjects.any(|subject| subject["namespace"] == penstock.namespace());
        ensure!(!is_ours, "{binding}");
    }
    Ok(())
}

/// What had been missing would stand in the log.
fn nothing_was_forbidden(penstock: &Penstock<'_>) -> Result<()> {
    for pod in penstock
        .cluster()
        .list(Kind::Pod, penstock.namespace(), OPERATOR)?
    {
        let name = pod["metadata"]["name"].as_str().unwrap_or_default();
        let log = penstock
            .cluster()
            .logs(penstock.namespace(), name, 10_000, false)?;
        let forbidden: Vec<&str> = log
            .lines()
            .filter(|line| line.contains("orbidden"))
            .collect();
        ensure!(forbidden.is_empty(), "{forbidden:?}");
    }
    Ok(())
}
