//! A person follows docs/kubernetes.md from top to bottom, typing each command as it stands there.
//!
//! The page's own namespaces, `penstock` and `default`, are used, and cleaned up at the end. The commands run in one shell,
//! so that a later one may use what an earlier one has set.

use crate::cluster::{Cluster, Kind, Namespace};
use crate::command::{repository, run};
use crate::diagnosis;
use anyhow::{Context, Result, ensure};
use penstock_e2e::wait;
use serde_json::json;
use std::fs;
use std::process::Command;
use std::time::Duration;

/// Where the page installs Penstock.
const PAGE_NAMESPACE: &str = "penstock";

/// kubelet gives pods their grace first.
const DELETION_LIMIT: Duration = Duration::from_mins(3);

pub(crate) fn tell(cluster: &Cluster, _namespace: &Namespace) -> Result<()> {
    hand_definitions_to_the_release(cluster)?;
    let told = follow();
    if told.is_err() {
        diagnosis::print(cluster, PAGE_NAMESPACE);
    }
    told.and(clean_up(cluster))
}

fn follow() -> Result<()> {
    let page = repository().join("docs/kubernetes.md");
    let commands = commands(&fs::read_to_string(page)?);
    ensure!(
        commands.contains("helm install"),
        "the page has no commands"
    );
    // A command that fails must not leave the port-forward behind, nor the keys.
    let end = r#"kill $(jobs -p) 2>/dev/null || true; [ -z "${backup:-}" ] || rm -r "$backup""#;
    let script = format!("trap '{end}' EXIT\n{commands}");
    let mut shell = Command::new("bash");
    shell
        .current_dir(repository())
        .args(["-euo", "pipefail", "-c", &script]);
    run(&mut shell, "").context("docs/kubernetes.md")?;
    Ok(())
}

/// The page ends with everything restored.
fn clean_up(cluster: &Cluster) -> Result<()> {
    let mut kubectl = Command::new("kubectl");
    kubectl.args(["delete", "--ignore-not-found", "--wait=false", "-f"]);
    kubectl.arg(repository().join("examples/kubernetes"));
    run(&mut kubectl, "")?;
    cluster.delete(Kind::Namespace, "", PAGE_NAMESPACE)?;
    wait::at_most(DELETION_LIMIT, "the namespace penstock goes", || {
        let found = cluster.get(Kind::Namespace, "", PAGE_NAMESPACE)?;
        Ok(found.is_none().then_some(()))
    })
}

/// The definitions were there before any release, as `helm install --take-ownership` would find them.
fn hand_definitions_to_the_release(cluster: &Cluster) -> Result<()> {
    for plural in ["metricsapplications", "writetokens", "readtokens"] {
        let owner = json!({"metadata": {
            "labels": {"app.kubernetes.io/managed-by": "Helm"},
            "annotations": {
                "meta.helm.sh/release-name": "penstock",
                "meta.helm.sh/release-namespace": "penstock",
            },
        }});
        cluster.patch(
            Kind::Definition,
            "",
            &format!("{plural}.penstock.dev"),
            &owner,
        )?;
    }
    Ok(())
}

/// Everything in the page's `sh` blocks, in order.
fn commands(page: &str) -> String {
    let mut commands = String::new();
    let mut inside = false;
    for line in page.lines() {
        match line {
            "```sh" => inside = true,
            "```" => inside = false,
            _ if inside => {
                commands.push_str(line);
                commands.push('\n');
            }
            _ => {}
        }
    }
    commands
}

#[cfg(test)]
mod tests {
    use super::commands;

    #[test]
    fn only_shell_blocks_are_commands() {
        let page = "# A\n\n```sh\na\nb \\\n  c\n```\n\n```yaml\nd: e\n```\nf\n```sh\ng\n```\n";
        assert_eq!(commands(page), "a\nb \\\n  c\ng\n");
    }
}
