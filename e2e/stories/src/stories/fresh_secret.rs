//! A key that can be read can be used: whoever sees a token's Secret for the first time pushes at once, to every pod,
//! and is never refused. Told a hundred times; how long a team waits for its key is printed.

use crate::cluster::{Cluster, Kind, Namespace};
use crate::figures::Figures;
use crate::penstock::Penstock;
use crate::reach::Reach;
use anyhow::{Result, anyhow, ensure};
use penstock_e2e::wait;
use serde_json::json;
use std::thread;
use std::time::{Duration, Instant};

const TEAMS: usize = 4;
const TOKENS: usize = 25;

/// From `kubectl apply` to a key that works.
const GOAL: &str = "3000 ms";

pub(crate) fn tell(cluster: &Cluster, namespace: &Namespace) -> Result<()> {
    let penstock = Penstock::install(cluster, namespace)?;
    penstock.application("greenhouse", &json!({}))?;
    penstock.wait_condition(Kind::Application, "greenhouse", "Ready", "True")?;
    let pods = penstock.each_pod()?;
    let measured: Vec<Result<Vec<Duration>>> = thread::scope(|scope| {
        let teams: Vec<_> = (0..TEAMS)
            .map(|team| {
                scope.spawn({
                    let (penstock, pods) = (&penstock, &pods);
                    move || ask_for_tokens(penstock, pods, team)
                })
            })
            .collect();
        let ended = teams.into_iter().map(thread::ScopedJoinHandle::join);
        ended
            .map(|team| team.map_err(|_| anyhow!("a team panicked"))?)
            .collect()
    });
    let mut figures = Figures::default();
    for team in measured {
        team?.into_iter().for_each(|duration| figures.add(duration));
    }
    figures.print(
        "apply a WriteToken until its key is taken by every pod",
        GOAL,
    );
    Ok(())
}

/// One token after another, each used on every pod the moment its Secret is there.
#[expect(clippy::disallowed_methods, reason = "a story runs in real time")]
fn ask_for_tokens(penstock: &Penstock<'_>, pods: &[Reach], team: usize) -> Result<Vec<Duration>> {
    let mut durations = Vec::with_capacity(TOKENS);
    for number in 0..TOKENS {
        let name = format!("device-{team}-{number}");
        let start = Instant::now();
        penstock.write_token(&name, "greenhouse", &json!({}))?;
        let token = wait::until(&format!("the Secret of {name}"), || {
            penstock.token_now(&name)
        })?;
        for pod in pods {
            let status = pod.push(&token, "fresh", 1_600_000_000)?;
            ensure!(
                status == 204,
                "{name}, just handed out, got {status} from {}",
                pod.name()
            );
        }
        durations.push(start.elapsed());
    }
    Ok(durations)
}
