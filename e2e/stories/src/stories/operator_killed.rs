//! The leading operator is killed again and again while a token is rotated, at another moment each time. Another takes
//! over, and at no time does a Secret hold a key that some pod refuses.

use crate::cluster::{Cluster, Kind, Namespace};
use crate::penstock::{OPERATOR, Penstock};
use crate::reach::Reach;
use anyhow::{Context, Result, anyhow, ensure};
use penstock_e2e::wait;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Each meets another token: after a crash a token's four places for keys may be taken for two minutes.
const KILLS: u32 = 6;

/// Each kill comes this much later after its rotation was asked for than the last, so that all steps are met.
const STEP: Duration = Duration::from_millis(30);

/// A lease must run out, and be taken, before the rotation goes on.
const TAKEOVER_LIMIT: Duration = Duration::from_mins(4);

pub(crate) fn tell(cluster: &Cluster, namespace: &Namespace) -> Result<()> {
    let penstock = Penstock::install(cluster, namespace)?;
    penstock.application("greenhouse", &json!({}))?;
    for kill in 0..KILLS {
        let rotation = json!({"rotation": {"overlap": "10s"}});
        penstock.write_token(&name(kill), "greenhouse", &rotation)?;
    }
    for kill in 0..KILLS {
        penstock.wait_condition(Kind::WriteToken, &name(kill), "Ready", "True")?;
    }
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
            "figure: {KILLS} leaders killed in rotations: {uses} uses of the Secrets' keys, 0 refused"
        );
        Ok(())
    })
}

fn name(kill: u32) -> String {
    format!("device-{kill}")
}

/// Reads the Secrets all the time and uses their keys on every pod at once.
fn use_what_is_handed_out(
    penstock: &Penstock<'_>,
    pods: &[Reach],
    over: &AtomicBool,
) -> Result<u64> {
    let mut uses = 0;
    for kill in (0..KILLS).cycle() {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let token = penstock.token(&name(kill))?;
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
        let name = name(kill);
        let old = penstock.token(&name)?;
        let (leader, holder) = (leader(penstock)?, holder(penstock)?);
        let trigger = json!({"spec": {"rotation": {"trigger": "again"}}});
        penstock.patch(Kind::WriteToken, &name, &trigger)?;
        let (asked, delay) = (Instant::now(), STEP * kill);
        wait::until("the moment of the kill", || {
            Ok((asked.elapsed() >= delay).then_some(()))
        })?;
        penstock.cluster().kill(penstock.namespace(), &leader)?;
        let what = format!("rotation {kill} is done by another");
        wait::at_most(TAKEOVER_LIMIT, &what, || {
            let now = penstock.token_now(&name)?;
            Ok(now.filter(|now| now.key != old.key))
        })?;
        wait::at_most(TAKEOVER_LIMIT, "another leads", || {
            Ok((self::holder(penstock)? != holder).then_some(()))
        })?;
    }
    Ok(())
}

/// Who holds the lease: another name for each start of a process.
fn holder(penstock: &Penstock<'_>) -> Result<String> {
    let lease = penstock.get(Kind::Lease, "penstock-operator")?;
    let holder = lease["spec"]["holderIdentity"].as_str();
    Ok(holder.unwrap_or_default().to_owned())
}

/// The name of the operator's pod that holds the lease.
pub(super) fn leader(penstock: &Penstock<'_>) -> Result<String> {
    wait::at_most(TAKEOVER_LIMIT, "a leader that is there", || {
        let holder = holder(penstock)?;
        let pods = penstock
            .cluster()
            .list(Kind::Pod, penstock.namespace(), OPERATOR)?;
        let name = |pod: &Value| pod["metadata"]["name"].as_str().map(str::to_owned);
        let mut names = pods.iter().filter_map(name);
        Ok(names.find(|name| holder.starts_with(name.as_str())))
    })
    .context("nobody leads")
}
