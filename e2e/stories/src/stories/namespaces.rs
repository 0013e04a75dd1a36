//! A token in another team's namespace works when the application allows that namespace, stops when it no longer does,
//! and says why each time.

use super::pause::expect;
use crate::cluster::{Cluster, Kind, Namespace};
use crate::penstock::{Penstock, entry, has_condition};
use anyhow::{Context, Result, ensure};
use penstock_e2e::{Token, wait};
use serde_json::{Value, json};

pub(crate) fn tell(cluster: &Cluster, namespace: &Namespace) -> Result<()> {
    let team = Namespace::create(cluster, "namespaces-team")?;
    let told = in_both(cluster, namespace, &team);
    told.and(team.delete(cluster))
}

fn in_both(cluster: &Cluster, namespace: &Namespace, team: &Namespace) -> Result<()> {
    let both = json!({"watchNamespaces": [namespace.name(), team.name()]});
    let penstock = Penstock::install_with(cluster, namespace, &both)?;
    penstock.application("greenhouse", &json!({}))?;
    let token = json!({
        "metadata": {"name": "device"},
        "spec": {"applicationRef": {"name": "greenhouse", "namespace": namespace.name()}},
    });
    cluster.create(Kind::WriteToken, team.name(), token)?;
    let refused = wait_for(cluster, team, "Accepted", "False")?;
    ensure!(
        refused["status"]
            .to_string()
            .contains("NamespaceNotAllowed"),
        "{}",
        refused["status"]
    );
    ensure!(
        cluster.get(Kind::Secret, team.name(), "device")?.is_none(),
        "a key was handed out"
    );

    let allow = |from: &str| json!({"spec": {"tokens": {"namespaces": {"from": from}}}});
    penstock.patch(Kind::Application, "greenhouse", &allow("All"))?;
    wait_for(cluster, team, "Ready", "True")?;
    let secret = cluster
        .get(Kind::Secret, team.name(), "device")?
        .context("a Secret")?;
    let part = |name: &str| entry(&secret, name).context("the Secret is whole");
    let token = Token {
        id: part("id")?,
        key: part("key")?,
    };
    let pods = penstock.each_pod()?;
    expect(&pods, &token, 204)?;

    penstock.patch(Kind::Application, "greenhouse", &allow("Same"))?;
    wait_for(cluster, team, "Accepted", "False")?;
    expect(&pods, &token, 401)?;
    penstock.patch(Kind::Application, "greenhouse", &allow("All"))?;
    expect(&pods, &token, 204)
}

fn wait_for(cluster: &Cluster, team: &Namespace, condition: &str, status: &str) -> Result<Value> {
    wait::until(
        &format!("the other team's token: {condition}={status}"),
        || {
            let token = cluster.get(Kind::WriteToken, team.name(), "device")?;
            Ok(token.filter(|token| has_condition(token, condition, status)))
        },
    )
}
