//! `helm uninstall` takes the programs and leaves what is the users': definitions, applications, tokens, volumes. Nothing
//! hangs: the namespace then goes by itself. Installed again, the same keys work and the data is there.

use crate::cluster::{Cluster, Kind, Namespace};
use crate::penstock::{INGEST, OPERATOR, Penstock};
use anyhow::{Result, ensure};
use penstock_e2e::{Http, wait};
use serde_json::json;

pub(crate) fn tell(cluster: &Cluster, namespace: &Namespace) -> Result<()> {
    let penstock = Penstock::install_with_tokens(cluster, namespace)?;
    let device = penstock.token("device")?;
    for pod in penstock.each_pod()? {
        let status = pod.push(&device, "kept", 1_600_000_000)?;
        ensure!(status == 204, "{} answered {status}", pod.name());
    }

    penstock.uninstall()?;
    for selector in [INGEST, OPERATOR] {
        wait::until("the pods are gone", || {
            let pods = cluster.list(Kind::Pod, penstock.namespace(), selector)?;
            Ok(pods.is_empty().then_some(()))
        })?;
    }
    for definition in ["metricsapplications", "writetokens", "readtokens"] {
        let name = format!("{definition}.penstock.dev");
        ensure!(
            cluster.get(Kind::Definition, "", &name)?.is_some(),
            "{name} is gone"
        );
    }
    penstock.get(Kind::WriteToken, "device")?;
    let claims = cluster.list(Kind::VolumeClaim, penstock.namespace(), "")?;
    ensure!(claims.len() == 3, "{} volume claims are left", claims.len());

    penstock.upgrade(&json!({}))?;
    ensure!(penstock.token("device")? == device, "the key has changed");
    let dashboard = penstock.token("dashboard")?;
    for pod in penstock.each_pod()? {
        let status = pod.push(&device, "kept", 1_600_000_001)?;
        ensure!(
            status == 204,
            "{} answered {status} after it was installed again",
            pod.name()
        );
        let path = "/api/v1/export?start=0&end=9999999999&match[]=kept";
        let kept = Http::connect(pod.endpoint())?
            .get(path, &dashboard.basic())?
            .text();
        ensure!(
            kept.contains("1600000000000"),
            "{} has lost its data: {kept}",
            pod.name()
        );
    }
    Ok(())
}
