//! The leading operator is killed again and again while a token is rotated, at another moment each time. Another takes
//! over, and at no time does the Secret hold a key that some pod refuses.

use crate::cluster::{Cluster, Kind, Namespace};
use crate::penstock::{OPERATOR, Penstock};
use crate::reach::Reach;
use anyhow::{Context, Result, anyhow, ensure};
use penstock_e2e::wait;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const KILLS: u32 = 6;

/// Each kill comes this much later after its rotation was asked for than the last, so that all steps are met.
const STEP: Duration = Duration::from_millis(30);

/// A lease must run out, and be taken, before the next rotation goes on; and when four keys are taken, a new leader drops
/// those that were never handed out only after two minutes.
const TAKEOVER_LIMIT: Duration = Duration::from_mins(4);

pub(crate) fn tell(cluster: &Cluster, namespace: &Namespace) -> Result<()> {
    let penstock = Penstock::install(cluster, namespace)?;
    penstock.application("greenhouse", &json!({}))?;
    penstock.write_token(
        "device",
        "greenhouse",
        &json!({"rotation": {"overlap": "10s"}}),
    )?;
    penstock.wait_condition(Kind::WriteToken, "device", "Ready", "True")?;
    let pods = penstock.each_pod()?;
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| use_what_is_handed_out(&penstock, &pods, &over));
        let killed = kill_leaders(&penstock);
        over.store(true, Ordering::Relaxed);
        let uses = reader
            .join()
            .map_err(|_| anyhow!("the reader panicked"))??;
        killed?;
        println!(
            "figure: {KILLS} leaders killed in rotations: {uses} uses of the Secret's key, 0 refused"
        );
        Ok(())
    })
}

/// Reads the Secret all the time and uses its key on every pod at once.
fn use_what_is_handed_out(
    penstock: &Penstock<'_>,
    pods: &[Reach],
    over: &AtomicBool,
) -> Result<u64> {
    let mut uses = 0;
    while !over.load(Ordering::Relaxed) {
        let token = penstock.token("device")?;
        for pod in pods {
            let status = pod.push(&token, "handed.out", 1_600_000_000)?;
            ensure!(
                status == 204,
                "{} answered {status} to the Secret's key",
                pod.name()
            );
            uses += 1;
        }
    }
    Ok(uses)
}

#[expect(clippy::disallowed_methods, reason = "a story runs in real time")]
fn kill_leaders(penstock: &Penstock<'_>) -> Result<()> {
    for kill in 0..KILLS {
        let old = penstock.token("device")?;
        let leader = leader(penstock)?;
        let trigger = json!({"spec": {"rotation": {"trigger": kill.to_string()}}});
        penstock.patch(Kind::WriteToken, "device", &trigger)?;
        let (asked, delay) = (Instant::now(), STEP * kill);
        wait::until("the moment of the kill", || {
            Ok((asked.elapsed() >= delay).then_some(()))
        })?;
        penstock.cluster().kill_pod(penstock.namespace(), &leader)?;
        wait::at_most(
            TAKEOVER_LIMIT,
            &format!("rotation {kill} is done by another"),
            || {
                let now = penstock.token_now("device")?;
                Ok(now.filter(|now| now.key != old.key))
            },
        )?;
    }
    Ok(())
}

/// The name of the operator's pod that holds the lease.
pub(super) fn leader(penstock: &Penstock<'_>) -> Result<String> {
    wait::at_most(TAKEOVER_LIMIT, "a leader that is there", || {
        let lease = penstock.get(Kind::Lease, "penstock-operator")?;
        let holder = lease["spec"]["holderIdentity"].as_str().unwrap_or_default();
        let pods = penstock
            .cluster()
            .list(Kind::Pod, penstock.namespace(), OPERATOR)?;
        let name = |pod: &Value| pod["metadata"]["name"].as_str().map(str::to_owned);
        let mut names = pods.iter().filter_map(name);
        Ok(names.find(|name| holder.starts_with(name.as_str())))
    })
    .context("nobody leads")
}
