//! What is used is told: a token's status says when its key was last used, its application's how many series it has, and
//! when one of its limits is reached. `kubectl get` shows it.

use crate::cluster::{Cluster, Kind, Namespace};
use crate::penstock::{Penstock, has_condition};
use crate::reach::point;
use anyhow::{Result, ensure};
use penstock_e2e::{Http, wait};
use serde_json::{Value, json};
use std::time::Duration;

/// Pods are asked once a minute, and a status is told no more often.
const TOLD_WITHIN: Duration = Duration::from_mins(4);

/// Points of now: only those make a series active.
const NOW: u64 = 0;

pub(crate) fn tell(cluster: &Cluster, namespace: &Namespace) -> Result<()> {
    let penstock = Penstock::install(cluster, namespace)?;
    penstock.application("greenhouse", &json!({"limits": {"activeSeries": 2}}))?;
    for name in ["busy", "idle"] {
        penstock.write_token(name, "greenhouse", &json!({}))?;
        penstock.wait_condition(Kind::WriteToken, name, "Ready", "True")?;
    }
    let idle = penstock.get(Kind::WriteToken, "idle")?;
    let pods = penstock.each_pod()?;
    let token = penstock.token("busy")?;
    let mut http = Http::connect(pods[0].endpoint())?;
    // Without a timestamp it is now.
    let now = |metric: &str| point(metric, NOW).replace(r#""timestamp":0,"#, "");
    for (metric, wanted) in [("one", 204), ("two", 204), ("three", 429)] {
        let status = http.post("/api/put", &token.basic(), &now(metric))?.status;
        ensure!(status == wanted, "{metric}: {status}");
    }
    let application = wait_for(&penstock, Kind::Application, "greenhouse", |application| {
        application["status"]["usage"]["activeSeries"] == 2
            && has_condition(application, "WithinLimits", "False")
    })?;
    let told = application["status"].to_string();
    ensure!(told.contains("spec.limits.activeSeries"), "{told}");
    let busy = wait_for(&penstock, Kind::WriteToken, "busy", |token| {
        token["status"]["lastUsed"].is_string()
    })?;
    ensure!(
        busy["status"]["keys"][0]["lastUsed"] == busy["status"]["lastUsed"],
        "{}",
        busy["status"]
    );
    let still = penstock.get(Kind::WriteToken, "idle")?;
    ensure!(
        idle["metadata"]["resourceVersion"] == still["metadata"]["resourceVersion"],
        "an idle token is written"
    );
    let table = penstock.kubectl(&["get", "mapp,wtok"], "")?;
    for column in ["SERIES", "LAST-USED"] {
        ensure!(table.contains(column), "no {column}: {table}");
    }
    Ok(())
}

fn wait_for(
    penstock: &Penstock<'_>,
    kind: Kind,
    name: &str,
    is_told: impl Fn(&Value) -> bool,
) -> Result<Value> {
    wait::at_most(TOLD_WITHIN, &format!("the use of {name} is told"), || {
        let object = penstock.get(kind, name)?;
        Ok(is_told(&object).then_some(object))
    })
}
