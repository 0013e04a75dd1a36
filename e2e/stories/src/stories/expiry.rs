//! A token ends at its hour even if no operator is there to say so: the pods know by themselves.

use super::pause::expect;
use crate::cluster::{Cluster, Kind, Namespace};
use crate::penstock::{OPERATOR, Penstock};
use anyhow::Result;
use k8s_openapi::jiff::{Timestamp, ToSpan};
use penstock_e2e::wait;
use serde_json::json;

/// Long enough to scale the operator to zero before.
const LIFETIME_SECONDS: i64 = 20;

#[expect(clippy::disallowed_methods, reason = "a story runs in real time")]
pub(crate) fn tell(cluster: &Cluster, namespace: &Namespace) -> Result<()> {
    let penstock = Penstock::install(cluster, namespace)?;
    penstock.application("greenhouse", &json!({}))?;
    let now: Timestamp = std::time::SystemTime::now().try_into()?;
    let end = (now + LIFETIME_SECONDS.seconds()).to_string();
    penstock.write_token("device", "greenhouse", &json!({"expiresAt": end}))?;
    penstock.wait_condition(Kind::WriteToken, "device", "Ready", "True")?;
    let pods = penstock.each_pod()?;
    let token = penstock.token("device")?;
    expect(&pods, &token, 204)?;

    let none = json!({"spec": {"replicas": 0}});
    penstock.patch(Kind::Deployment, "penstock-operator", &none)?;
    wait::until("no operator is left", || {
        let left = cluster.list(Kind::Pod, penstock.namespace(), OPERATOR)?;
        Ok(left.is_empty().then_some(()))
    })?;
    expect(&pods, &token, 401)?;

    penstock.patch(
        Kind::Deployment,
        "penstock-operator",
        &json!({"spec": {"replicas": 2}}),
    )?;
    penstock.wait_condition(Kind::WriteToken, "device", "Expired", "True")?;
    Ok(())
}
