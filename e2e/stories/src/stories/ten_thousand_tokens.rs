//! Ten thousand tokens are made while no operator runs. Then one comes, and each gets its key; how long that takes is
//! printed: it is the operator's own time, for nobody else keeps the API server busy. Then nothing is written for a minute:
//! no object of theirs has another version. `E2E_TOKENS` makes it fewer, for a machine that cannot.

use crate::cluster::{Cluster, Kind, Namespace};
use crate::penstock::{OPERATOR, Penstock, RELEASE, has_condition};
use anyhow::{Context, Result, anyhow, ensure};
use penstock_e2e::wait;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::env;
use std::thread;
use std::time::{Duration, Instant};

const TOKENS: usize = 10_000;

/// People and programs that make tokens at the same time. More make them no faster on two cores.
const MAKERS: usize = 16;

const LIMIT: Duration = Duration::from_mins(20);
const AT_REST: Duration = Duration::from_mins(1);

#[expect(clippy::disallowed_methods, reason = "a story runs in real time")]
pub(crate) fn tell(cluster: &Cluster, namespace: &Namespace) -> Result<()> {
    let count = match env::var("E2E_TOKENS") {
        Ok(count) => count.parse().context("E2E_TOKENS is a number")?,
        Err(_) => TOKENS,
    };
    let penstock = Penstock::install(cluster, namespace)?;
    penstock.application("greenhouse", &json!({"tokens": {"max": 20_000}}))?;
    penstock.wait_condition(Kind::Application, "greenhouse", "Ready", "True")?;
    operators(&penstock, 0)?;
    let start = Instant::now();
    make(&penstock, count)?;
    let made = start.elapsed().as_secs_f64();
    println!("{count} tokens made in {made:.1} s");
    operators(&penstock, 2)?;
    let start = Instant::now();
    // Cheap to ask for; a list of all is not.
    wait::at_most(LIMIT, "the application counts every token", || {
        let application = penstock.get(Kind::Application, "greenhouse")?;
        let active = &application["status"]["tokens"]["active"];
        Ok((*active == json!(count)).then_some(()))
    })?;
    wait::at_most(LIMIT, "every token is Ready", || {
        let tokens = cluster.list(Kind::WriteToken, namespace.name(), "")?;
        let ready = tokens
            .iter()
            .filter(|token| has_condition(token, "Ready", "True"));
        Ok((ready.count() == count).then_some(()))
    })?;
    let ready = start.elapsed().as_secs_f64();
    println!("figure: {count} tokens Ready {ready:.1} s after an operator came (goal: 60 s)");
    wait::at_most(LIMIT, "the application tells its use", || {
        let application = penstock.get(Kind::Application, "greenhouse")?;
        Ok(application["status"]["usage"].is_object().then_some(()))
    })?;
    let before = versions(&penstock)?;
    let began = Instant::now();
    wait::at_most(AT_REST * 2, "a minute at rest", || {
        Ok((began.elapsed() >= AT_REST).then_some(()))
    })?;
    let after = versions(&penstock)?;
    let written: Vec<_> = after
        .iter()
        .filter(|(name, version)| before.get(*name) != Some(*version))
        .collect();
    ensure!(written.is_empty(), "written at rest: {written:?}");
    println!("figure: {count} tokens at rest: 0 writes in a minute (goal: 0)");
    Ok(())
}

/// Has so many operators run. Returns when none is left, or they are asked for.
fn operators(penstock: &Penstock<'_>, count: usize) -> Result<()> {
    let name = format!("{RELEASE}-operator");
    let scaled = json!({"spec": {"replicas": count}});
    penstock.patch(Kind::Deployment, &name, &scaled)?;
    if count > 0 {
        return Ok(());
    }
    wait::until("no operator runs", || {
        let (cluster, namespace) = (penstock.cluster(), penstock.namespace());
        let pods = cluster.list(Kind::Pod, namespace, OPERATOR)?;
        Ok(pods.is_empty().then_some(()))
    })
}

/// Makes the tokens, many at the same time.
fn make(penstock: &Penstock<'_>, count: usize) -> Result<()> {
    thread::scope(|scope| {
        let makers: Vec<_> = (0..MAKERS)
            .map(|maker| {
                scope.spawn(move || {
                    let numbers = (maker..count).step_by(MAKERS);
                    numbers
                        .map(|number| format!("device-{number:05}"))
                        .try_for_each(|name| penstock.write_token(&name, "greenhouse", &json!({})))
                })
            })
            .collect();
        makers
            .into_iter()
            .try_for_each(|maker| maker.join().map_err(|_| anyhow!("a maker panicked"))?)
    })
}

/// The version of every object that the operator writes, but its lease.
fn versions(penstock: &Penstock<'_>) -> Result<BTreeMap<String, String>> {
    let mut versions = BTreeMap::new();
    for kind in [
        Kind::Application,
        Kind::WriteToken,
        Kind::Secret,
        Kind::Event,
    ] {
        let objects = penstock
            .cluster()
            .list_metadata(kind, penstock.namespace())?;
        for object in objects {
            let text = |field: &Value| field.as_str().unwrap_or_default().to_owned();
            let name = format!("{} {}", kind.plural(), text(&object["metadata"]["name"]));
            versions.insert(name, text(&object["metadata"]["resourceVersion"]));
        }
    }
    Ok(versions)
}
