//! The API server is restarted while devices push. They notice nothing; tokens made and revoked right after it take
//! effect, without anybody's help.

use super::pause::expect;
use crate::cluster::{Cluster, Kind, Namespace};
use crate::load::Device;
use crate::penstock::Penstock;
use anyhow::{Result, ensure};
use penstock_e2e::wait;
use serde_json::json;
use std::time::Instant;

const RESTARTS: usize = 3;
const POINTS_BETWEEN: u64 = 200;

#[expect(clippy::disallowed_methods, reason = "a story runs in real time")]
pub(crate) fn tell(cluster: &Cluster, namespace: &Namespace) -> Result<()> {
    let penstock = Penstock::install_with_tokens(cluster, namespace)?;
    let token = penstock.token("device")?;
    let pods = penstock.each_pod()?;
    let devices: Vec<Device> = pods
        .iter()
        .map(|pod| {
            let (endpoint, token) = (pod.endpoint().clone(), token.clone());
            Device::start(
                "restarted",
                move || Ok(endpoint.clone()),
                move || token.clone(),
            )
        })
        .collect();
    for restart in 0..RESTARTS {
        let start = Instant::now();
        if !cluster.restart_api_server()? {
            println!("left out: E2E_RESTART_API names no command that restarts the API server");
            break;
        }
        let away = start.elapsed().as_secs_f64();
        let name = format!("after-{restart}");
        penstock.write_token(&name, "greenhouse", &json!({}))?;
        penstock.wait_condition(Kind::WriteToken, &name, "Ready", "True")?;
        let fresh = penstock.token(&name)?;
        expect(&pods, &fresh, 204)?;
        penstock.patch(
            Kind::WriteToken,
            &name,
            &json!({"spec": {"state": "Revoked"}}),
        )?;
        expect(&pods, &fresh, 401)?;
        println!(
            "figure: API server away for {away:.1} s: {:.1} s from its stop until a token was made, used and revoked",
            start.elapsed().as_secs_f64()
        );
    }
    for device in &devices {
        let goal = device.pushed() + POINTS_BETWEEN;
        wait::until("points at the end", || {
            Ok((device.pushed() >= goal).then_some(()))
        })?;
    }
    for device in devices {
        let answers = device.stop()?;
        ensure!(
            answers.refusals.is_empty(),
            "refused: {:?}",
            answers.refusals
        );
        ensure!(answers.broken == 0, "{} connections broke", answers.broken);
    }
    Ok(())
}
