//! A key is rotated a hundred times while a device pushes without a pause, reading its Secret now and then as a mounted
//! file would change: not one request is refused, since each new key works before it is handed out and the old one
//! works for a while after.

use crate::cluster::{Cluster, Kind, Namespace};
use crate::load::{Answers, Device};
use crate::penstock::Penstock;
use anyhow::{Context, Result, bail, ensure};
use penstock_e2e::{Token, wait};
use serde_json::json;
use std::sync::{Arc, Mutex, PoisonError};

const ROTATIONS: usize = 100;

/// How many points the device gets through with an old key before it looks at its Secret again.
const POINTS_BETWEEN_LOOKS: u64 = 20;

pub(crate) fn tell(cluster: &Cluster, namespace: &Namespace) -> Result<()> {
    let penstock = Penstock::install(cluster, namespace)?;
    penstock.application("greenhouse", &json!({}))?;
    penstock.write_token("device", "greenhouse", &json!({"rotation": {"overlap": "1h"}}))?;
    penstock.wait_condition(Kind::WriteToken, "device", "Ready", "True")?;

    let held = Arc::new(Mutex::new(penstock.token("device")?));
    let pods = penstock.each_pod()?;
    let devices: Vec<Device> = pods
        .iter()
        .map(|pod| {
            let (endpoint, held) = (pod.endpoint().clone(), Arc::clone(&held));
            let credential = move || held.lock().unwrap_or_else(PoisonError::into_inner).clone();
            Device::start(&format!("rotated.{}", pod.name()), move || Ok(endpoint.clone()), credential)
        })
        .collect();
    let rotated = rotate(&penstock, &held, &devices);
    let answers: Vec<Answers> = devices.into_iter().map(Device::stop).collect::<Result<_>>()?;
    rotated?;
    let mut points = 0;
    for answer in &answers {
        ensure!(answer.refusals.is_empty(), "refused: {:?}", answer.refusals);
        ensure!(answer.broken == 0, "{} connections broke", answer.broken);
        points += answer.acknowledged.len();
    }
    println!("figure: {ROTATIONS} rotations under load: {points} requests, 0 refused");
    Ok(())
}

/// One rotation after another; the devices are given each new key only after they went on with the old one for a while.
fn rotate(penstock: &Penstock<'_>, held: &Mutex<Token>, devices: &[Device]) -> Result<()> {
    for rotation in 0..ROTATIONS {
        let old = penstock.token("device")?;
        let trigger = json!({"spec": {"rotation": {"trigger": rotation.to_string()}}});
        penstock.patch(Kind::WriteToken, "device", &trigger)?;
        let new = wait::until(&format!("rotation {rotation}"), || {
            let now = penstock.token_now("device")?;
            Ok(now.filter(|now| now.key != old.key))
        })?;
        ensure!(new.id == old.id, "a rotation keeps the id");
        for device in devices {
            let goal = device.pushed() + POINTS_BETWEEN_LOOKS;
            wait::until("the device goes on with its old key", || {
                Ok((device.pushed() >= goal).then_some(()))
            })?;
        }
        let Ok(mut held) = held.lock() else {
            bail!("a device panicked");
        };
        *held = new;
    }
    penstock
        .wait_condition(Kind::WriteToken, "device", "Ready", "True")
        .context("after the last rotation")?;
    Ok(())
}
