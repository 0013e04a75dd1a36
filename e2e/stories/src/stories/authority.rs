//! The certificate authority is replaced. A device that copied the old `ca.crt` connects on, at every moment; one that
//! trusts the new authority alone can connect at the end; and tokens' Secrets have both.

use crate::cluster::{Cluster, Kind, Namespace};
use crate::penstock::{Penstock, entry};
use crate::reach::Reach;
use anyhow::{Context, Result, ensure};
use penstock_e2e::wait;
use serde_json::json;
use std::time::Duration;

const AUTHORITY: &str = "penstock-ca";

/// The operator looks every 10 s, and kubelet brings a changed certificate within a minute and a half.
const LIMIT: Duration = Duration::from_mins(4);

pub(crate) fn tell(cluster: &Cluster, namespace: &Namespace) -> Result<()> {
    let penstock = Penstock::install_with_tokens(cluster, namespace)?;
    let token = penstock.token("device")?;
    let old = signing(&penstock)?;
    let with_old_bundle = each_pod_trusting(&penstock, &old)?;
    let works_on = || -> Result<()> {
        for pod in &with_old_bundle {
            let status = pod
                .push(&token, "authority", 1_600_000_000)
                .context("with the old ca.crt")?;
            ensure!(status == 204, "{} answers {status}", pod.name());
        }
        Ok(())
    };
    works_on()?;

    let wish = json!({"metadata": {"annotations": {"penstock.dev/replace-authority": "story"}}});
    cluster.patch(Kind::Secret, penstock.namespace(), AUTHORITY, &wish)?;
    let new = wait::at_most(LIMIT, "another authority signs", || {
        works_on()?;
        Ok(Some(signing(&penstock)?).filter(|now| *now != old))
    })?;
    let bundle = entry(&penstock.get(Kind::Secret, "device")?, "ca.crt")
        .context("a token's Secret has ca.crt")?;
    ensure!(
        bundle.contains(old.trim()) && bundle.contains(new.trim()),
        "the token's Secret does not have both authorities:\n{bundle}"
    );
    for pod in each_pod_trusting(&penstock, &new)? {
        wait::at_most(
            LIMIT,
            &format!("{} shows a certificate of the new authority", pod.name()),
            || {
                works_on()?;
                // Until then the handshake fails.
                Ok(pod
                    .push(&token, "authority", 1_600_000_001)
                    .ok()
                    .filter(|status| *status == 204))
            },
        )?;
    }
    works_on()
}

/// The certificate of the authority that signs now.
fn signing(penstock: &Penstock<'_>) -> Result<String> {
    entry(&penstock.get(Kind::Secret, AUTHORITY)?, "ca.crt").context("the authority has ca.crt")
}

fn each_pod_trusting(penstock: &Penstock<'_>, authority: &str) -> Result<Vec<Reach>> {
    let pods = penstock.pods()?;
    pods.iter()
        .map(|pod| Reach::pod(penstock, pod, authority))
        .collect()
}
