//! Revoking is the emergency brake: within a moment every pod refuses the token, and sessions that were open under it
//! are cut. Fifty tokens, one after another; the distribution is printed beside what
//! users are promised; a test it is not, for it measures the machine too.

use crate::cluster::{Cluster, Kind, Namespace};
use crate::figures::Figures;
use crate::penstock::Penstock;
use crate::reach::{Reach, is_refusal, point};
use anyhow::{Context, Result, anyhow, ensure};
use penstock_e2e::{Http, Telnet, Token, wait};
use serde_json::json;
use std::thread;
use std::time::{Duration, Instant};

const TOKENS: usize = 50;

/// Promised from the change of the resource until the last pod refuses.
const GOAL: &str = "p50 100 ms, p99 500 ms";

pub(crate) fn tell(cluster: &Cluster, namespace: &Namespace) -> Result<()> {
    let penstock = Penstock::install(cluster, namespace)?;
    penstock.application("greenhouse", &json!({}))?;
    let names: Vec<String> = (0..TOKENS)
        .map(|number| format!("device-{number}"))
        .collect();
    for name in &names {
        penstock.write_token(name, "greenhouse", &json!({}))?;
    }
    for name in &names {
        penstock.wait_condition(Kind::WriteToken, name, "Ready", "True")?;
    }
    let pods = penstock.each_pod()?;
    let (mut refused, mut cut) = (Figures::default(), Figures::default());
    for name in &names {
        let (slowest_refusal, slowest_cut) = revoke(&penstock, &pods, name)?;
        refused.add(slowest_refusal);
        cut.add(slowest_cut);
    }
    refused.print("revoke until every pod refuses the token", GOAL);
    cut.print("revoke until every open telnet session is cut", GOAL);
    for name in &names {
        penstock.wait_condition(Kind::WriteToken, name, "Revoked", "True")?;
    }
    Ok(())
}

/// Opens a telnet session and an HTTPS connection to each pod, revokes, and measures until the last of each is refused.
#[expect(clippy::disallowed_methods, reason = "a story runs in real time")]
fn revoke(penstock: &Penstock<'_>, pods: &[Reach], name: &str) -> Result<(Duration, Duration)> {
    let token = penstock.token(name)?;
    let mut clients = Vec::new();
    for pod in pods {
        let mut http = Http::connect(pod.endpoint())?;
        let status = http
            .post("/api/put", &token.basic(), &point("revoke", 1_600_000_000))?
            .status;
        ensure!(
            status == 204,
            "{} answered {status} before anything was revoked",
            pod.name()
        );
        clients.push((http, Telnet::login(pod.endpoint(), &token)?));
    }
    let start = Instant::now();
    penstock.patch(
        Kind::WriteToken,
        name,
        &json!({"spec": {"state": "Revoked"}}),
    )?;
    thread::scope(|scope| {
        let mut waits = Vec::new();
        for (http, telnet) in clients {
            let token = &token;
            waits.push((
                scope.spawn(move || until_refused(http, token, start)),
                scope.spawn(move || until_cut(telnet, start)),
            ));
        }
        let (mut refused, mut cut) = (Duration::ZERO, Duration::ZERO);
        for (http, telnet) in waits {
            refused = refused.max(
                http.join()
                    .map_err(|_| anyhow!("an HTTP client panicked"))??,
            );
            cut = cut.max(
                telnet
                    .join()
                    .map_err(|_| anyhow!("a telnet client panicked"))??,
            );
        }
        Ok((refused, cut))
    })
}

fn until_refused(mut http: Http, token: &Token, start: Instant) -> Result<Duration> {
    wait::until("the token is refused", || {
        // A connection whose key is gone may be closed before or after it has answered.
        let refused = match http.post("/api/put", &token.basic(), &point("revoke", 1_600_000_001)) {
            Ok(response) => is_refusal(response.status),
            Err(_) => true,
        };
        Ok(refused.then(|| start.elapsed()))
    })
}

fn until_cut(telnet: Telnet, start: Instant) -> Result<Duration> {
    telnet
        .read_to_close()
        .context("the session ends properly")?;
    Ok(start.elapsed())
}
