//! Ten devices push without a pause while each one's key is rotated ten times. A device goes on with its old key for a
//! while after the new one stands in its Secret, as one whose mounted file comes late. Not one request is refused: each
//! new key works before it is handed out, and the old one for the overlap after.

use crate::cluster::{Cluster, Kind, Namespace};
use crate::load::{Answers, Device};
use crate::penstock::Penstock;
use anyhow::{Context, Result, ensure};
use penstock_e2e::{Token, wait};
use serde_json::json;
use std::sync::{Arc, Mutex, PoisonError};

const DEVICES: usize = 10;
const ROUNDS: usize = 10;

/// A token has at most four keys, so this also bounds how fast it can be rotated: three times in an overlap.
const OVERLAP: &str = "10s";

/// How many points a device gets through with an old key before it looks at its Secret again.
const POINTS_BETWEEN_LOOKS: u64 = 5;

/// The key that a device pushes with.
type Held = Arc<Mutex<Token>>;

pub(crate) fn tell(cluster: &Cluster, namespace: &Namespace) -> Result<()> {
    let penstock = Penstock::install(cluster, namespace)?;
    penstock.application("greenhouse", &json!({}))?;
    for device in 0..DEVICES {
        penstock.write_token(
            &name(device),
            "greenhouse",
            &json!({"rotation": {"overlap": OVERLAP}}),
        )?;
    }
    for device in 0..DEVICES {
        penstock.wait_condition(Kind::WriteToken, &name(device), "Ready", "True")?;
    }
    let pods = penstock.each_pod()?;
    let mut at_work = Vec::new();
    for (device, pod) in (0..DEVICES).zip(pods.iter().cycle()) {
        let held: Held = Arc::new(Mutex::new(penstock.token(&name(device))?));
        let (endpoint, credential) = (pod.endpoint().clone(), Arc::clone(&held));
        let credential = move || {
            credential
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone()
        };
        at_work.push((
            held,
            Device::start(&name(device), move || Ok(endpoint.clone()), credential),
        ));
    }
    let rotated = (0..ROUNDS).try_for_each(|round| rotate(&penstock, &at_work, round));
    let mut points = 0;
    let answers: Vec<Answers> = at_work
        .into_iter()
        .map(|(_, device)| device.stop())
        .collect::<Result<_>>()?;
    rotated?;
    for answer in &answers {
        ensure!(answer.refusals.is_empty(), "refused: {:?}", answer.refusals);
        ensure!(answer.broken == 0, "{} connections broke", answer.broken);
        points += answer.acknowledged.len();
    }
    println!(
        "figure: {} rotations under load: {points} requests, 0 refused (goal: 0)",
        DEVICES * ROUNDS
    );
    Ok(())
}

fn name(device: usize) -> String {
    format!("device-{device}")
}

/// Rotates every token once. A device gets its new key only after it went on with the old one for a while.
fn rotate(penstock: &Penstock<'_>, at_work: &[(Held, Device)], round: usize) -> Result<()> {
    let mut old = Vec::new();
    for device in 0..DEVICES {
        old.push(penstock.token(&name(device))?);
        let trigger = json!({"spec": {"rotation": {"trigger": round.to_string()}}});
        penstock.patch(Kind::WriteToken, &name(device), &trigger)?;
    }
    for (device, (held, pushing)) in at_work.iter().enumerate() {
        let old = old.get(device).context("as many tokens as devices")?;
        let new = wait::until(&format!("rotation {round} of {}", name(device)), || {
            Ok(penstock
                .token_now(&name(device))?
                .filter(|now| now.key != old.key))
        })?;
        ensure!(new.id == old.id, "a rotation keeps the id");
        let goal = pushing.pushed() + POINTS_BETWEEN_LOOKS;
        wait::until("the device goes on with its old key", || {
            Ok((pushing.pushed() >= goal).then_some(()))
        })?;
        *held.lock().unwrap_or_else(PoisonError::into_inner) = new;
    }
    Ok(())
}
