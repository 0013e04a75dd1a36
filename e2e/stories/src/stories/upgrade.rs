//! `helm upgrade` and `helm rollback` replace every pod while a device pushes; keys and data are as they were.

use crate::cluster::{Cluster, Namespace};
use crate::penstock::{Penstock, RELEASE, run};
use crate::stories::pause::expect;
use anyhow::{Result, ensure};
use penstock_e2e::Http;
use serde_json::json;

pub(crate) fn tell(cluster: &Cluster, namespace: &Namespace) -> Result<()> {
    let penstock = Penstock::install_with_tokens(cluster, namespace)?;
    let device = penstock.token("device")?;
    for pod in penstock.each_pod()? {
        let status = pod.push(&device, &format!("before.{}", pod.name()), 1_600_000_000)?;
        ensure!(status == 204, "{} answered {status}", pod.name());
    }
    let annotated = json!({
        "operator": {"podAnnotations": {"story": "upgrade"}},
        "ingest": {"podAnnotations": {"story": "upgrade"}},
    });
    penstock.upgrade(&annotated)?;
    unchanged(&penstock)?;
    run(
        penstock
            .helm("rollback")
            .args([RELEASE, "--wait", "--timeout", "3m"]),
        "",
    )?;
    unchanged(&penstock)?;
    ensure!(penstock.token("device")? == device, "the key has changed");
    Ok(())
}

fn unchanged(penstock: &Penstock<'_>) -> Result<()> {
    penstock.wait_pods(3)?;
    let pods = penstock.each_pod()?;
    expect(&pods, &penstock.token("device")?, 204)?;
    let dashboard = penstock.token("dashboard")?;
    for pod in pods {
        let path = "/api/v1/export?start=0&end=9999999999&match[]=%7Bby%3D%22story%22%7D";
        let stored = Http::connect(pod.endpoint())?
            .get(path, &dashboard.basic())?
            .text();
        for ordinal in 0..3 {
            let metric = format!("before.{RELEASE}-ingest-{ordinal}");
            ensure!(
                stored.contains(&metric),
                "{} does not find {metric}: {stored}",
                pod.name()
            );
        }
    }
    Ok(())
}
