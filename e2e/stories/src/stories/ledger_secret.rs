//! The ledger's Secret is deleted, and later restored from an old copy. Nobody loses a key, and nobody who was revoked
//! comes back: pods never go back to an older ledger, and the operator takes the newest that any of them has.

use super::pause::expect;
use crate::cluster::{Cluster, Kind, Namespace};
use crate::penstock::{OPERATOR, Penstock};
use crate::reach::is_refusal;
use anyhow::{Context, Result, ensure};
use penstock_e2e::wait;
use serde_json::{Value, json};

const LEDGER: &str = "penstock-ledger";

pub(crate) fn tell(cluster: &Cluster, namespace: &Namespace) -> Result<()> {
    let penstock = Penstock::install(cluster, namespace)?;
    penstock.application("greenhouse", &json!({}))?;
    for name in ["kept", "revoked"] {
        penstock.write_token(name, "greenhouse", &json!({}))?;
        penstock.wait_condition(Kind::WriteToken, name, "Ready", "True")?;
    }
    let (kept, revoked) = (penstock.token("kept")?, penstock.token("revoked")?);
    let old = penstock.get(Kind::Secret, LEDGER)?;
    let gone = json!({"spec": {"state": "Revoked"}});
    penstock.patch(Kind::WriteToken, "revoked", &gone)?;
    penstock.wait_condition(Kind::WriteToken, "revoked", "Revoked", "True")?;

    cluster.delete(Kind::Secret, penstock.namespace(), LEDGER)?;
    restart_operators(&penstock)?;
    check(&penstock, &kept, &revoked, "after its Secret was deleted")?;

    penstock.patch(Kind::Secret, LEDGER, &json!({"data": old["data"]}))?;
    restart_operators(&penstock)?;
    cluster.delete_at_once(penstock.namespace(), "penstock-ingest-0")?;
    check(&penstock, &kept, &revoked, "after an old copy was restored")
}

/// Only a new leader reads the Secret: the old one would see another's write and end by itself.
fn restart_operators(penstock: &Penstock<'_>) -> Result<()> {
    let cluster = penstock.cluster();
    let names = |pods: Vec<Value>| -> Vec<String> {
        let name = |pod: &Value| pod["metadata"]["name"].as_str().map(str::to_owned);
        pods.iter().filter_map(name).collect()
    };
    let before = names(cluster.list(Kind::Pod, penstock.namespace(), OPERATOR)?);
    for name in &before {
        cluster.delete_at_once(penstock.namespace(), name)?;
    }
    wait::until("other operators", || {
        let now = names(cluster.list(Kind::Pod, penstock.namespace(), OPERATOR)?);
        Ok((!now.is_empty() && now.iter().all(|name| !before.contains(name))).then_some(()))
    })
}

fn check(
    penstock: &Penstock<'_>,
    kept: &penstock_e2e::Token,
    revoked: &penstock_e2e::Token,
    when: &str,
) -> Result<()> {
    // A token of its own shows that the new leader has written a ledger.
    let name = format!("new-{}", when.len());
    penstock.write_token(&name, "greenhouse", &json!({}))?;
    penstock
        .wait_condition(Kind::WriteToken, &name, "Ready", "True")
        .context(when.to_owned())?;
    penstock.wait_pods(3)?;
    let pods = penstock.each_pod()?;
    expect(&pods, &penstock.token(&name)?, 204).context(when.to_owned())?;
    for pod in &pods {
        let (good, bad) = (
            pod.push(kept, "ledger", 1_600_000_000)?,
            pod.push(revoked, "ledger", 1_600_000_000)?,
        );
        ensure!(
            good == 204,
            "{} refuses a good key with {good} {when}",
            pod.name()
        );
        ensure!(
            is_refusal(bad),
            "{} answers {bad} to a revoked key {when}",
            pod.name()
        );
    }
    Ok(())
}
