//! Who may depend on whom. Arrows point down only; the same picture stands in `ARCHITECTURE.md`.

use super::Finding;
use super::dependencies::cargo;
use serde_json::Value;
use std::path::Path;

/// A crate of the workspace and what it may import.
struct Rule {
    name: &'static str,
    /// Crates of ours that it may name.
    ours: &'static [&'static str],
    /// Packages that would carry I/O or another plane into it.
    never: &'static [&'static str],
}

const RUNTIMES: &[&str] = &["tokio", "axum", "hyper", "kube", "rustls"];

const RULES: &[Rule] = &[
    Rule {
        name: "penstock-model",
        ours: &[],
        never: RUNTIMES,
    },
    Rule {
        name: "penstock-daemon",
        ours: &[],
        never: &["kube", "rustls"],
    },
    Rule {
        name: "penstock-certificates",
        ours: &["penstock-model"],
        never: RUNTIMES,
    },
    Rule {
        name: "penstock-tenancy",
        ours: &["penstock-model"],
        never: RUNTIMES,
    },
    Rule {
        name: "penstock-store",
        ours: &["penstock-model"],
        never: RUNTIMES,
    },
    Rule {
        name: "penstock-query",
        ours: &["penstock-model"],
        never: RUNTIMES,
    },
    Rule {
        name: "penstock-api",
        ours: &["penstock-tenancy", "penstock-model"],
        never: &["tokio", "axum", "hyper"],
    },
    Rule {
        name: "penstock-ingest",
        ours: &[
            "penstock-store",
            "penstock-query",
            "penstock-tenancy",
            "penstock-daemon",
            "penstock-model",
        ],
        never: &["kube", "k8s-openapi"],
    },
    Rule {
        name: "penstock-operator",
        ours: &[
            "penstock-api",
            "penstock-tenancy",
            "penstock-daemon",
            "penstock-certificates",
            "penstock-model",
        ],
        never: &[],
    },
    Rule {
        name: "penstock",
        ours: &[
            "penstock-api",
            "penstock-ingest",
            "penstock-store",
            "penstock-tenancy",
            "penstock-daemon",
            "penstock-certificates",
            "penstock-model",
        ],
        never: &[],
    },
    Rule {
        name: "penstock-fuzz",
        ours: &[
            "penstock-ingest",
            "penstock-store",
            "penstock-query",
            "penstock-tenancy",
            "penstock-model",
        ],
        never: &["kube"],
    },
    // They talk to a server as its clients do: over sockets, knowing nothing of its insides.
    Rule {
        name: "penstock-bench",
        ours: &["penstock-e2e"],
        never: &["kube"],
    },
    Rule {
        name: "penstock-e2e",
        ours: &[],
        never: &[],
    },
    Rule {
        name: "penstock-stories",
        ours: &["penstock-e2e"],
        never: &[],
    },
    Rule {
        name: "xtask",
        ours: &[],
        never: RUNTIMES,
    },
];

/// The workspace as cargo describes it, without the packages of others.
///
/// # Errors
/// When cargo does not know the workspace.
pub(crate) fn metadata(root: &Path) -> anyhow::Result<Value> {
    Ok(serde_json::from_str(&cargo(
        root,
        &["metadata", "--format-version", "1", "--no-deps"],
    )?)?)
}

pub(crate) fn check(metadata: &Value) -> Vec<Finding> {
    let members = metadata["workspace_members"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    let packages = metadata["packages"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    packages
        .iter()
        .filter(|package| members.contains(&package["id"]))
        .flat_map(check_crate)
        .collect()
}

fn check_crate(package: &Value) -> Vec<Finding> {
    let name = package["name"].as_str().unwrap_or_default();
    let path = format!("crate {name}");
    let Some(rule) = RULES.iter().find(|rule| rule.name == name) else {
        return vec![Finding::of(
            &path,
            "has no rule in xtask/src/tidy/crates.rs: draw its arrows",
        )];
    };
    let dependencies = package["dependencies"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    dependencies
        .iter()
        .filter_map(|dependency| check_arrow(rule, &path, dependency))
        .collect()
}

fn check_arrow(rule: &Rule, path: &str, dependency: &Value) -> Option<Finding> {
    let target = dependency["name"].as_str().unwrap_or_default();
    let is_ours = dependency["path"].is_string();
    // A test may speak TLS to what it tests; it may not turn an arrow between our crates.
    let is_test_only = dependency["kind"].as_str() == Some("dev");
    if is_ours && !rule.ours.contains(&target) {
        return Some(Finding::of(
            path,
            format!("must not depend on {target}: arrows point down only"),
        ));
    }
    if !is_test_only && rule.never.contains(&target) {
        return Some(Finding::of(path, format!("must not depend on {target}")));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn workspace(name: &str, dependencies: &Value) -> Value {
        json!({
            "workspace_members": ["it"],
            "packages": [{"id": "it", "name": name, "dependencies": dependencies}],
        })
    }

    #[test]
    fn the_store_may_know_the_model_alone() {
        let model = json!([{"name": "penstock-model", "path": "/r/model"}]);
        assert_eq!(check(&workspace("penstock-store", &model)), []);
        let ingest = json!([{"name": "penstock-ingest", "path": "/r/ingest", "kind": "dev"}]);
        assert_eq!(check(&workspace("penstock-store", &ingest)).len(), 1);
        let tokio = json!([{"name": "tokio"}]);
        assert_eq!(check(&workspace("penstock-store", &tokio)).len(), 1);
    }

    #[test]
    fn a_crate_without_a_rule_is_named() {
        let found = check(&workspace("penstock-new", &json!([])));
        assert!(
            found
                .iter()
                .any(|finding| finding.path == "crate penstock-new")
        );
    }
}
