//! An ingest pod is killed without grace while devices push to it. It comes back with its volume, and every point that
//! was acknowledged before, during and after is there.

use crate::cluster::{Cluster, Kind, Namespace};
use crate::load::Device;
use crate::penstock::{Penstock, RELEASE};
use crate::reach::Reach;
use anyhow::{Context, Result, ensure};
use penstock_e2e::{Http, export, wait};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

const KILLS: usize = 3;
const POINTS_BETWEEN_KILLS: u64 = 200;
const VICTIM: &str = "penstock-ingest-1";

/// A pod whose network is taken down says nothing more at all.
const ANSWER_LIMIT: Duration = Duration::from_secs(3);

pub(crate) fn tell(cluster: &Cluster, namespace: &Namespace) -> Result<()> {
    let penstock = Penstock::install_with_tokens(cluster, namespace)?;

    let token = penstock.token("device")?;
    let way = Arc::new(Mutex::new(victim(&penstock)?));
    let device = {
        let way = Arc::clone(&way);
        let where_to = move || {
            let way = way.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(way.endpoint().clone())
        };
        Device::start("killed", where_to, move || token.clone())
    };
    for _ in 0..KILLS {
        let goal = device.pushed() + POINTS_BETWEEN_KILLS;
        wait::until("points before the kill", || {
            Ok((device.pushed() >= goal).then_some(()))
        })?;
        let uid = |pod: &serde_json::Value| pod["metadata"]["uid"].clone();
        let before = uid(&penstock.get(Kind::Pod, VICTIM)?);
        cluster.kill_pod(penstock.namespace(), VICTIM)?;
        wait::until("another pod takes its place", || {
            let pod = cluster.get(Kind::Pod, penstock.namespace(), VICTIM)?;
            Ok(pod.filter(|pod| uid(pod) != before))
        })?;
        penstock.wait_pods(3)?;
        let again = victim(&penstock)?;
        *way.lock().unwrap_or_else(PoisonError::into_inner) = again;
    }
    let goal = device.pushed() + POINTS_BETWEEN_KILLS;
    wait::until("points after the last kill", || {
        Ok((device.pushed() >= goal).then_some(()))
    })?;
    let answers = device.stop()?;
    ensure!(
        answers.refusals.is_empty(),
        "refused: {:?}",
        answers.refusals
    );
    let stored = stored(
        &penstock,
        &way.lock().unwrap_or_else(PoisonError::into_inner),
    )?;
    let lost: Vec<_> = answers
        .acknowledged
        .iter()
        .filter(|second| !stored.contains(*second))
        .collect();
    ensure!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    println!(
        "figure: {KILLS} kills under load: {} points acknowledged, 0 lost",
        answers.acknowledged.len()
    );
    Ok(())
}

fn victim(penstock: &Penstock<'_>) -> Result<Reach> {
    let victim = Reach::pod(penstock, VICTIM, &penstock.authority()?)?;
    Ok(victim.given_up_after(ANSWER_LIMIT))
}

/// The seconds of all points that the pod holds.
fn stored(penstock: &Penstock<'_>, way: &Reach) -> Result<BTreeSet<u64>> {
    let dashboard = penstock.token("dashboard")?;
    let path = "/api/v1/export?start=0&end=9999999999&match[]=killed";
    let response = Http::connect(way.endpoint())?.get(path, &dashboard.basic())?;
    ensure!(
        response.status == 200,
        "{RELEASE} export: {}",
        response.text()
    );
    let mut seconds = BTreeSet::new();
    for series in export::parse(&response.text())? {
        for (millisecond, _) in series.points {
            seconds.insert(u64::try_from(millisecond / 1000).context("a time before 1970")?);
        }
    }
    Ok(seconds)
}
