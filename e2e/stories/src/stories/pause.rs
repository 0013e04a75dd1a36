//! A paused application refuses all its tokens on every pod and keeps its data; resumed, the same keys work again. A
//! token can be paused alone.

use crate::cluster::{Cluster, Kind, Namespace};
use crate::penstock::Penstock;
use crate::reach::{Reach, is_refusal};
use anyhow::{Result, ensure};
use penstock_e2e::{Token, wait};
use serde_json::json;

pub(crate) fn tell(cluster: &Cluster, namespace: &Namespace) -> Result<()> {
    let penstock = Penstock::install(cluster, namespace)?;
    penstock.application("greenhouse", &json!({}))?;
    for name in ["one", "two"] {
        penstock.write_token(name, "greenhouse", &json!({}))?;
        penstock.wait_condition(Kind::WriteToken, name, "Ready", "True")?;
    }
    let pods = penstock.each_pod()?;
    let (one, two) = (penstock.token("one")?, penstock.token("two")?);
    expect(&pods, &one, 204)?;

    penstock.patch(
        Kind::Application,
        "greenhouse",
        &json!({"spec": {"paused": true}}),
    )?;
    expect(&pods, &one, 403)?;
    expect(&pods, &two, 403)?;
    penstock.patch(
        Kind::Application,
        "greenhouse",
        &json!({"spec": {"paused": false}}),
    )?;
    expect(&pods, &one, 204)?;
    expect(&pods, &two, 204)?;

    penstock.patch(
        Kind::WriteToken,
        "one",
        &json!({"spec": {"state": "Paused"}}),
    )?;
    expect(&pods, &one, 403)?;
    for pod in &pods {
        let status = pod.push(&two, "paused", 1_600_000_000)?;
        ensure!(
            status == 204,
            "{} refuses the other token: {status}",
            pod.name()
        );
    }
    penstock.patch(
        Kind::WriteToken,
        "one",
        &json!({"spec": {"state": "Active"}}),
    )?;
    expect(&pods, &one, 204)
}

/// Waits until every pod answers a push like this; a 401 and a 403 are both a refusal.
pub(super) fn expect(pods: &[Reach], token: &Token, wanted: u16) -> Result<()> {
    for pod in pods {
        wait::until(&format!("{} answers {wanted}", pod.name()), || {
            let status = pod.push(token, "paused", 1_600_000_000)?;
            let is_wanted = status == wanted || is_refusal(status) && is_refusal(wanted);
            Ok(is_wanted.then_some(()))
        })?;
    }
    Ok(())
}
