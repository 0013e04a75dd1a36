//! An ingest pod's process is killed while a device pushes to it. It comes back with its volume, and every point that
//! was acknowledged before, during and after is there.

use crate::cluster::{Cluster, Namespace};
use crate::load::Device;
use crate::penstock::Penstock;
use crate::reach::Reach;
use anyhow::{Result, ensure};
use penstock_e2e::wait;
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
        penstock.kill(VICTIM)?;
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
    let again = Reach::pod(&penstock, VICTIM, &penstock.authority()?)?;
    let stored = again.seconds_of("killed", &penstock.token("dashboard")?)?;
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
