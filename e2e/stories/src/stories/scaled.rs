//! From three ingest pods to one and back. The volumes stay, so a read says that data is missing rather than answer with
//! a part; with three pods again all of it is there, and keys made meanwhile work everywhere.

use super::pause::expect;
use crate::cluster::{Cluster, Kind, Namespace};
use crate::penstock::Penstock;
use crate::reach::Reach;
use anyhow::{Result, ensure};
use penstock_e2e::http::Response;
use penstock_e2e::{Http, Token, wait};
use serde_json::json;

pub(crate) fn tell(cluster: &Cluster, namespace: &Namespace) -> Result<()> {
    let penstock = Penstock::install_with_tokens(cluster, namespace)?;
    let (device, dashboard) = (penstock.token("device")?, penstock.token("dashboard")?);
    for (second, pod) in (1_600_000_000..).zip(penstock.each_pod()?) {
        let status = pod.push(&device, "scaled", second)?;
        ensure!(status == 204, "{} answered {status}", pod.name());
    }

    penstock.upgrade(&json!({"ingest": {"replicas": 1}}))?;
    penstock.wait_pods(1)?;
    for pod in penstock.each_pod()? {
        let answer = read(&pod, &dashboard)?;
        let told = answer.text();
        ensure!(
            answer.status == 503,
            "with one of three volumes: {} {told}",
            answer.status
        );
        ensure!(
            told.contains("penstock-ingest-"),
            "no volume is named: {told}"
        );
    }
    penstock.write_token("meanwhile", "greenhouse", &json!({}))?;
    penstock.wait_condition(Kind::WriteToken, "meanwhile", "Ready", "True")?;

    penstock.upgrade(&json!({}))?;
    penstock.wait_pods(3)?;
    let pods = penstock.each_pod()?;
    expect(&pods, &penstock.token("meanwhile")?, 204)?;
    for pod in &pods {
        wait::until(&format!("{} reads all volumes", pod.name()), || {
            let answer = read(pod, &dashboard)?.text();
            let seconds = ["1600000000000", "1600000001000", "1600000002000"];
            Ok(seconds
                .iter()
                .all(|second| answer.contains(second))
                .then_some(()))
        })?;
    }
    Ok(())
}

fn read(pod: &Reach, token: &Token) -> Result<Response> {
    let path = "/api/v1/export?start=0&end=9999999999&match[]=scaled";
    Http::connect(pod.endpoint())?.get(path, &token.basic())
}
