//! A team installs the chart, applies an application and its tokens, and pushes from a pod of its own with nothing
//! but the values of the token's Secret; each pod's data is then read with the other token. No event on the way warns of
//! anything.

use crate::cluster::{Cluster, Kind, Namespace, client_image};
use crate::command::repository;
use crate::penstock::Penstock;
use anyhow::{Result, ensure};
use penstock_e2e::{Http, export, wait};
use serde_json::json;

pub(crate) fn tell(cluster: &Cluster, namespace: &Namespace) -> Result<()> {
    let penstock = Penstock::install(cluster, namespace)?;
    let examples = repository()
        .join("examples/kubernetes")
        .display()
        .to_string();
    penstock.kubectl(&["apply", "-f", &examples], "")?;
    penstock.wait_condition(Kind::Application, "greenhouse", "Ready", "True")?;
    penstock.wait_condition(Kind::WriteToken, "greenhouse-device", "Ready", "True")?;
    penstock.wait_condition(Kind::ReadToken, "greenhouse-dashboard", "Ready", "True")?;

    push_from_a_pod(&penstock)?;
    let device = penstock.token("greenhouse-device")?;
    for reach in penstock.each_pod()? {
        let metric = format!("direct.{}", reach.name());
        let status = reach.push(&device, &metric, 1_600_000_000)?;
        ensure!(status == 204, "{} answered {status}", reach.name());
    }
    read_back(&penstock)?;
    nothing_is_warned_of(&penstock)
}

/// Who looks at the events of a first install sees that all is well. On a busy machine kubelet's first probe may be faster
/// than the program.
fn nothing_is_warned_of(penstock: &Penstock<'_>) -> Result<()> {
    let events = penstock
        .cluster()
        .list(Kind::Event, penstock.namespace(), "")?;
    let warnings = events.iter().filter(|event| {
        let note = event["note"].as_str().unwrap_or_default();
        event["type"] == "Warning" && !note.ends_with("connect: connection refused")
    });
    let warnings: Vec<String> = warnings
        .map(|event| {
            let object = &event["regarding"];
            let (kind, name) = (&object["kind"], &object["name"]);
            format!("{kind} {name}: {} {}", event["reason"], event["note"])
        })
        .collect();
    ensure!(warnings.is_empty(), "{}", warnings.join("\n"));
    Ok(())
}

/// The client of the image reads the mounted Secret and pushes over telnet and over HTTPS.
fn push_from_a_pod(penstock: &Penstock<'_>) -> Result<()> {
    let pod = json!({
        "metadata": {"name": "client"},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": false,
            "securityContext": {"runAsNonRoot": true, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "client",
                "image": client_image()?,
                "args": ["/token"],
                "securityContext": {
                    "allowPrivilegeEscalation": false,
                    "readOnlyRootFilesystem": true,
                    "capabilities": {"drop": ["ALL"]},
                },
                "volumeMounts": [{"name": "token", "mountPath": "/token", "readOnly": true}],
            }],
            "volumes": [{"name": "token", "secret": {"secretName": "greenhouse-device"}}],
        },
    });
    penstock
        .cluster()
        .create(Kind::Pod, penstock.namespace(), pod)?;
    let phase = wait::until("the client's pod ends", || {
        let pod = penstock.get(Kind::Pod, "client")?;
        let phase = pod["status"]["phase"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        Ok(["Succeeded", "Failed"]
            .contains(&phase.as_str())
            .then_some(phase))
    })?;
    ensure!(phase == "Succeeded", "the client's pod: {phase}");
    Ok(())
}

/// Every pod answers alone with everything that was pushed, whichever pod took it, and with the forced tag.
fn read_back(penstock: &Penstock<'_>) -> Result<()> {
    let dashboard = penstock.token("greenhouse-dashboard")?;
    for reach in penstock.each_pod()? {
        let path = "/api/v1/export?start=0&end=9999999999&match[]=%7Bsite%3D%22home%22%7D";
        let response = Http::connect(reach.endpoint())?.get(path, &dashboard.basic())?;
        ensure!(
            response.status == 200,
            "{}: {}",
            reach.name(),
            response.text()
        );
        let stored = export::parse(&response.text())?;
        let mut metrics: Vec<String> = stored.into_iter().map(|series| series.metric).collect();
        metrics.sort();
        let expected = [
            "client.https",
            "client.telnet",
            "direct.penstock-ingest-0",
            "direct.penstock-ingest-1",
            "direct.penstock-ingest-2",
        ];
        ensure!(
            metrics == expected,
            "{} answers with {metrics:?}",
            reach.name()
        );
    }
    Ok(())
}
