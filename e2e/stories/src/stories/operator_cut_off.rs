//! The operator cannot reach the pods, as behind a network policy that is wrong. Nobody who works is disturbed, and no new
//! key is handed out, with a condition that names the pods; what was revoked is refused all the same, since kubelet brings
//! the ledger in the mounted Secret. When the way is free again, all goes on by itself.

use super::pause::expect;
use crate::cluster::{Cluster, Kind, Namespace};
use crate::penstock::Penstock;
use crate::reach::is_refusal;
use anyhow::{Result, ensure};
use penstock_e2e::wait;
use serde_json::json;
use std::time::{Duration, Instant};

/// kubelet looks at mounted Secrets about once a minute.
const MOUNT_LIMIT: Duration = Duration::from_mins(3);

#[expect(clippy::disallowed_methods, reason = "a story runs in real time")]
pub(crate) fn tell(cluster: &Cluster, namespace: &Namespace) -> Result<()> {
    let penstock = Penstock::install_with_tokens(cluster, namespace)?;
    penstock.write_token("revoked", "greenhouse", &json!({}))?;
    penstock.wait_condition(Kind::WriteToken, "revoked", "Ready", "True")?;
    let (kept, revoked) = (penstock.token("device")?, penstock.token("revoked")?);

    knock_at(&penstock, "8081")?;
    penstock.write_token("late", "greenhouse", &json!({}))?;
    penstock.patch(
        Kind::WriteToken,
        "revoked",
        &json!({"spec": {"state": "Revoked"}}),
    )?;
    let start = Instant::now();
    wait::until("a condition names the pods that do not answer", || {
        let late = penstock.get(Kind::WriteToken, "late")?["status"].to_string();
        let is_told = late.contains("WaitingForPods") && late.contains("penstock-ingest-0");
        Ok(is_told.then_some(()))
    })?;

    wait::at_most(MOUNT_LIMIT, "the mount brings the revocation", || {
        let mut refusing = 0;
        for pod in penstock.each_pod()? {
            let status = pod.push(&kept, "cut.off", 1_600_000_000)?;
            ensure!(
                status == 204,
                "{} answers {status} to a good key",
                pod.name()
            );
            refusing += usize::from(is_refusal(pod.push(&revoked, "cut.off", 1_600_000_000)?));
        }
        Ok((refusing == 3).then_some(()))
    })?;
    println!(
        "figure: revoked while the operator is cut off: {} s until every pod refuses",
        start.elapsed().as_secs()
    );
    ensure!(
        penstock.token_now("late")?.is_none(),
        "a key was handed out that no pod has confirmed"
    );

    // A pod that starts now has nobody to confirm its ledger, and opens with the mounted one.
    cluster.delete_at_once(penstock.namespace(), "penstock-ingest-0")?;
    penstock.wait_pods(3)?;
    let pods = penstock.each_pod()?;
    expect(&pods, &kept, 204)?;
    expect(&pods, &revoked, 401)?;

    knock_at(&penstock, "8080")?;
    penstock.wait_condition(Kind::WriteToken, "late", "Ready", "True")?;
    expect(&pods, &penstock.token("late")?, 204)
}

/// At which port of the pods the operators ask; nobody listens at another than 8080.
fn knock_at(penstock: &Penstock<'_>, port: &str) -> Result<()> {
    let setting = format!("PENSTOCK_INGEST_ADMIN={port}");
    penstock.kubectl(
        &["set", "env", "deployment/penstock-operator", &setting],
        "",
    )?;
    let rollout = [
        "rollout",
        "status",
        "deployment/penstock-operator",
        "--timeout=3m",
    ];
    penstock.kubectl(&rollout, "")?;
    Ok(())
}
