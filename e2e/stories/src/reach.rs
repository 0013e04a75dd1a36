//! A way to one pod's data port: by its own address where that can be reached, else forwarded.

use crate::cluster::{Forward, Kind};
use crate::penstock::{DATA_PORT, INGEST, Penstock, RELEASE};
use anyhow::{Context, Result, ensure};
use penstock_e2e::http::Response;
use penstock_e2e::{Endpoint, Http, Token, export, wait};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

/// A pod's data port, and how it is reached.
pub(crate) struct Reach {
    pod: String,
    endpoint: Endpoint,
    _forward: Option<Forward>,
}

impl Penstock<'_> {
    /// A way to each ingest pod's own data port.
    pub(crate) fn each_pod(&self) -> Result<Vec<Reach>> {
        let authority = self.authority()?;
        self.pods()?
            .iter()
            .map(|pod| Reach::pod(self, pod, &authority))
            .collect()
    }
}

impl Reach {
    /// The way to a pod as it is now: a pod of the same name that comes later has another address.
    pub(crate) fn pod(penstock: &Penstock<'_>, pod: &str, authority: &str) -> Result<Reach> {
        let name = format!("{pod}.{RELEASE}-ingest.{}.svc", penstock.namespace());
        let (address, forward) = address(penstock, pod, DATA_PORT)?;
        Ok(Reach {
            pod: pod.to_owned(),
            endpoint: Endpoint::named(address, &name, authority.as_bytes())?,
            _forward: forward,
        })
    }

    /// The ways to the pods that have an address now, whatever state they are in.
    pub(crate) fn present(penstock: &Penstock<'_>, authority: &str) -> Result<Vec<Reach>> {
        let pods = penstock
            .cluster()
            .list(Kind::Pod, penstock.namespace(), INGEST)?;
        let addressed = pods.iter().filter(|pod| pod["status"]["podIP"].is_string());
        let names = addressed.filter_map(|pod| pod["metadata"]["name"].as_str());
        // One that has gone since the list cannot be reached.
        Ok(names
            .filter_map(|name| Reach::pod(penstock, name, authority).ok())
            .collect())
    }

    /// With less patience than usual.
    pub(crate) fn given_up_after(self, limit: Duration) -> Reach {
        let endpoint = self.endpoint.given_up_after(limit);
        Reach { endpoint, ..self }
    }

    pub(crate) fn name(&self) -> &str {
        &self.pod
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Pushes one point on a connection of its own; the status of the answer.
    pub(crate) fn push(&self, token: &Token, metric: &str, second: u64) -> Result<u16> {
        Ok(self.post(token, metric, second)?.status)
    }

    /// [`Reach::push`] with the whole answer.
    pub(crate) fn post(&self, token: &Token, metric: &str, second: u64) -> Result<Response> {
        let mut http = Http::connect(&self.endpoint)?;
        http.post("/api/put", &token.basic(), &point(metric, second))
            .with_context(|| self.pod.clone())
    }

    /// The seconds of all points of a metric, on whichever volume, as this pod answers.
    pub(crate) fn seconds_of(&self, metric: &str, token: &Token) -> Result<BTreeSet<u64>> {
        let path = format!("/api/v1/export?start=0&end=9999999999&match[]={metric}");
        let response = Http::connect(&self.endpoint)?.get(&path, &token.basic())?;
        let text = response.text();
        ensure!(response.status == 200, "{} exports: {text}", self.pod);
        let mut seconds = BTreeSet::new();
        for series in export::parse(&text)? {
            for (millisecond, _) in series.points {
                seconds.insert(u64::try_from(millisecond / 1000).context("a time before 1970")?);
            }
        }
        Ok(seconds)
    }
}

/// Whether a pod refuses the credential: it knows none such, or one that may not.
pub(crate) fn is_refusal(status: u16) -> bool {
    status == 401 || status == 403
}

/// One data point as JSON, its value being its second.
pub(crate) fn point(metric: &str, second: u64) -> String {
    format!(
        r#"{{"metric":"{metric}","timestamp":{second},"value":{second},"tags":{{"by":"story"}}}}"#
    )
}

/// Where a pod's port is reached from here.
pub(crate) fn address(
    penstock: &Penstock<'_>,
    pod: &str,
    port: u16,
) -> Result<(SocketAddr, Option<Forward>)> {
    let cluster = penstock.cluster();
    if !cluster.is_direct() {
        let forward = Forward::start(penstock.namespace(), pod, port)?;
        return Ok((forward.address(), Some(forward)));
    }
    let ip = wait::until(&format!("{pod} has an address"), || {
        let found = cluster.get(Kind::Pod, penstock.namespace(), pod)?;
        let ip = found.and_then(|pod| Some(pod["status"]["podIP"].as_str()?.to_owned()));
        Ok(ip)
    })?;
    Ok((SocketAddr::new(ip.parse()?, port), None))
}
