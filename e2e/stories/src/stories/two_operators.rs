//! Two operators, one leader, however far apart clocks are. A lease is written by hand as a holder writes it whose clock
//! is decades behind or ahead: neither makes anybody lead too early or too late, for only what stands still on an
//! operator's own clock is taken. A leader whose lease has another holder ends. At no time do two lead.

use super::operator_killed::leader;
use super::pause::expect;
use crate::cluster::{Cluster, Kind, Namespace};
use crate::penstock::{OPERATOR, Penstock};
use anyhow::{Result, anyhow, ensure};
use penstock_e2e::wait;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// A lease that stands still for so long is taken.
const LEASE: Duration = Duration::from_secs(15);

/// So many lives of a lease its far holder keeps it.
const LIVES: u32 = 2;

const BEHIND: &str = "2001-01-01T00:00";
const AHEAD: &str = "2101-01-01T00:00";

pub(crate) fn tell(cluster: &Cluster, namespace: &Namespace) -> Result<()> {
    let penstock = Penstock::install(cluster, namespace)?;
    penstock.application("greenhouse", &json!({}))?;
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let watching = scope.spawn(|| never_two(&penstock, &over));
        let told = (|| {
            a_clock_behind_keeps_its_lease(&penstock)?;
            a_clock_ahead_loses_it(&penstock)?;
            a_leader_without_its_lease_ends(&penstock)
        })();
        over.store(true, Ordering::Relaxed);
        let looks = watching
            .join()
            .map_err(|_| anyhow!("the watcher panicked"))??;
        told?;
        println!("figure: {looks} looks at both operators, never two leaders");
        Ok(())
    })
}

/// The holder far away renews with times of another century, and nobody else leads.
#[expect(clippy::disallowed_methods, reason = "a story runs in real time")]
fn a_clock_behind_keeps_its_lease(penstock: &Penstock<'_>) -> Result<()> {
    let began = Instant::now();
    let mut second = 0;
    wait::at_most(LEASE * LIVES * 2, "the far holder keeps its lease", || {
        hold(penstock, BEHIND, second)?;
        second = (second + 1) % 60;
        // Between two looks an operator has the time to err.
        pause(Duration::from_millis(500))?;
        let holder = holder(penstock)?;
        ensure!(
            holder == "elsewhere",
            "{holder} has taken a lease that was renewed"
        );
        Ok((began.elapsed() > LEASE * LIVES).then_some(()))
    })?;
    ensure!(
        leading(penstock)?.is_empty(),
        "somebody leads without the lease"
    );
    Ok(())
}

/// Its last word is of the next century: it is taken all the same.
#[expect(clippy::disallowed_methods, reason = "a story runs in real time")]
fn a_clock_ahead_loses_it(penstock: &Penstock<'_>) -> Result<()> {
    hold(penstock, AHEAD, 0)?;
    let began = Instant::now();
    leader(penstock)?;
    let after = began.elapsed();
    ensure!(after > LEASE.mul_f32(0.9), "taken after {after:?}");
    println!(
        "figure: a lease that stands still is taken after {:.1} s (goal: 15 s and a little)",
        after.as_secs_f64()
    );
    a_token_works(penstock, "first")
}

/// Somebody with another clock takes the lease from under a leader, once.
fn a_leader_without_its_lease_ends(penstock: &Penstock<'_>) -> Result<()> {
    let old = leader(penstock)?;
    hold(penstock, AHEAD, 1)?;
    wait::until("the former leader leads no longer", || {
        Ok((!leading(penstock)?.contains(&old)).then_some(()))
    })?;
    leader(penstock)?;
    a_token_works(penstock, "second")
}

fn a_token_works(penstock: &Penstock<'_>, name: &str) -> Result<()> {
    penstock.write_token(name, "greenhouse", &json!({}))?;
    penstock.wait_condition(Kind::WriteToken, name, "Ready", "True")?;
    expect(&penstock.each_pod()?, &penstock.token(name)?, 204)
}

/// Writes the lease as another holder does whose clock says this minute.
fn hold(penstock: &Penstock<'_>, minute: &str, second: u32) -> Result<()> {
    let lease = json!({"spec": {
        "holderIdentity": "elsewhere",
        "renewTime": format!("{minute}:{second:02}.000000Z"),
        "leaseDurationSeconds": LEASE.as_secs(),
    }});
    penstock.patch(Kind::Lease, "penstock-operator", &lease)?;
    Ok(())
}

fn holder(penstock: &Penstock<'_>) -> Result<String> {
    let lease = penstock.get(Kind::Lease, "penstock-operator")?;
    Ok(lease["spec"]["holderIdentity"]
        .as_str()
        .unwrap_or_default()
        .to_owned())
}

/// Looks all the time whether two operators say that they lead.
fn never_two(penstock: &Penstock<'_>, over: &AtomicBool) -> Result<u64> {
    let mut looks = 0;
    while !over.load(Ordering::Relaxed) {
        let leading = leading(penstock)?;
        ensure!(leading.len() < 2, "{leading:?} lead");
        looks += 1;
    }
    Ok(looks)
}

/// The operators whose metrics say that they lead. One that does not answer is not there.
fn leading(penstock: &Penstock<'_>) -> Result<Vec<String>> {
    let pods = penstock
        .cluster()
        .list(Kind::Pod, penstock.namespace(), OPERATOR)?;
    let names = pods
        .iter()
        .filter_map(|pod: &Value| pod["metadata"]["name"].as_str());
    let leads = |name: &&str| {
        penstock
            .operator_metric(name, "leading")
            .is_ok_and(|leading| leading == Some(1))
    };
    Ok(names.filter(leads).map(str::to_owned).collect())
}

#[expect(clippy::disallowed_methods, reason = "a story runs in real time")]
fn pause(time: Duration) -> Result<()> {
    let began = Instant::now();
    wait::until("a moment", || Ok((began.elapsed() >= time).then_some(())))
}
