//! `helm upgrade` and `helm rollback` replace every pod while a device pushes to whichever pod answers. It is never refused,
//! and keys and data are as they were.

use crate::cluster::{Cluster, Namespace};
use crate::command::run;
use crate::penstock::{Penstock, RELEASE};
use crate::reach::{Reach, is_refusal};
use crate::stories::pause::expect;
use anyhow::{Context, Result, anyhow, ensure};
use penstock_e2e::{Http, Token};
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// A pod whose network is taken down says nothing more at all.
const ANSWER_LIMIT: Duration = Duration::from_secs(3);

pub(crate) fn tell(cluster: &Cluster, namespace: &Namespace) -> Result<()> {
    let penstock = Penstock::install_with_tokens(cluster, namespace)?;
    let device = penstock.token("device")?;
    for pod in penstock.each_pod()? {
        let status = pod.push(&device, &format!("before.{}", pod.name()), 1_600_000_000)?;
        ensure!(status == 204, "{} answered {status}", pod.name());
    }
    let over = AtomicBool::new(false);
    let acknowledged = thread::scope(|scope| {
        let pushing = scope.spawn(|| push(&penstock, &device, &over));
        let replaced = upgrade_and_roll_back(&penstock);
        over.store(true, Ordering::Relaxed);
        let pushed = pushing
            .join()
            .map_err(|_| anyhow!("the device panicked"))??;
        replaced.map(|()| pushed)
    })?;
    ensure!(penstock.token("device")? == device, "the key has changed");
    let pods = penstock.each_pod()?;
    let any = pods.first().context("a pod")?;
    let stored = any.seconds_of("during", &penstock.token("dashboard")?)?;
    let lost: Vec<_> = acknowledged
        .iter()
        .filter(|second| !stored.contains(*second))
        .collect();
    ensure!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    println!(
        "figure: every pod replaced twice under load: {} points acknowledged, 0 lost, 0 refused",
        acknowledged.len()
    );
    Ok(())
}

/// Pushes until it is over; the seconds that were acknowledged.
fn push(penstock: &Penstock<'_>, token: &Token, over: &AtomicBool) -> Result<Vec<u64>> {
    let authority = penstock.authority()?;
    let (mut second, mut acknowledged) = (1_600_000_000, Vec::new());
    while !over.load(Ordering::Relaxed) {
        for pod in Reach::present(penstock, &authority)? {
            second += 1;
            let pod = pod.given_up_after(ANSWER_LIMIT);
            // One that goes, or has not opened yet, answers nothing.
            let Ok(answer) = pod.post(token, "during", second) else {
                continue;
            };
            ensure!(
                !is_refusal(answer.status),
                "{}: {} {}",
                pod.name(),
                answer.status,
                answer.text()
            );
            if answer.status == 204 {
                acknowledged.push(second);
            }
        }
    }
    Ok(acknowledged)
}

fn upgrade_and_roll_back(penstock: &Penstock<'_>) -> Result<()> {
    let annotated = json!({
        "operator": {"podAnnotations": {"story": "upgrade"}},
        "ingest": {"podAnnotations": {"story": "upgrade"}},
    });
    penstock.upgrade(&annotated)?;
    unchanged(penstock)?;
    let mut rollback = penstock.helm("rollback");
    rollback.args([RELEASE, "--wait", "--timeout", "3m"]);
    run(&mut rollback, "")?;
    unchanged(penstock)
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
