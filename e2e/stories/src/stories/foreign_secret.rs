//! A Secret that somebody else has made is never written to, whatever its name; the token says so, and goes on as soon as
//! the name is free. A Secret of the operator's own that was deleted or edited comes back with a new key.

use crate::cluster::{Cluster, Kind, Namespace};
use crate::penstock::{Penstock, entry};
use crate::stories::pause::expect;
use anyhow::{Result, ensure};
use penstock_e2e::wait;
use serde_json::json;

/// What somebody puts in a key's place.
const BY_HAND: &str = "hand-made";

pub(crate) fn tell(cluster: &Cluster, namespace: &Namespace) -> Result<()> {
    let penstock = Penstock::install(cluster, namespace)?;
    penstock.application("greenhouse", &json!({}))?;
    let theirs = json!({"metadata": {"name": "device"}, "stringData": {"password": "theirs"}});
    cluster.create(Kind::Secret, penstock.namespace(), theirs)?;
    penstock.write_token("device", "greenhouse", &json!({}))?;
    let token = penstock.wait_condition(Kind::WriteToken, "device", "SecretReady", "False")?;
    ensure!(
        token["status"].to_string().contains("SecretConflict"),
        "{}",
        token["status"]
    );
    let secret = penstock.get(Kind::Secret, "device")?;
    ensure!(
        entry(&secret, "password").as_deref() == Some("theirs"),
        "written to"
    );
    ensure!(entry(&secret, "key").is_none(), "a key was put into it");

    cluster.delete(Kind::Secret, penstock.namespace(), "device")?;
    penstock.wait_condition(Kind::WriteToken, "device", "Ready", "True")?;
    let pods = penstock.each_pod()?;
    let first = penstock.token("device")?;
    expect(&pods, &first, 204)?;

    cluster.delete(Kind::Secret, penstock.namespace(), "device")?;
    let second = wait::until("another key after the Secret was deleted", || {
        Ok(penstock
            .token_now("device")?
            .filter(|now| now.key != first.key))
    })?;
    expect(&pods, &second, 204)?;
    expect(&pods, &first, 204)?;

    penstock.patch(
        Kind::Secret,
        "device",
        &json!({"stringData": {"key": BY_HAND}}),
    )?;
    let third = wait::until("another key after the Secret was edited", || {
        let now = penstock.token_now("device")?;
        Ok(now.filter(|now| now.key != BY_HAND && now.key != second.key))
    })?;
    expect(&pods, &third, 204)
}
