//! Every right in served namespaces is made use of: what no story of tokens needs is not granted.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::json;

use super::Caches;
use super::scenario::{Cluster, sensors};
use crate::config::Watched;
use crate::fake_api::FakeApi;
use crate::rbac::served_rules;

/// Verb, group, resource.
type Right = [String; 3];

/// What filling the caches takes.
async fn rights_of_watches() -> BTreeSet<Right> {
    let (api, namespaces) = (FakeApi::default(), vec!["works".to_owned()]);
    let (_caches, feeds) = Caches::new(Watched::Namespaces(namespaces));
    let rights = || {
        api.uses()
            .into_iter()
            .map(|[verb, group, resource, _]| [verb, group, resource])
    };
    let watches = |right: &Right| right[0] == "watch";
    tokio::select! {
        () = feeds.run(api.client()) => panic!("a watch has ended"),
        () = async {
            while rights().filter(watches).count() < 4 {
                tokio::task::yield_now().await;
            }
        } => {}
    }
    rights().collect()
}

/// What the life of two tokens takes, from their making to their deletion with their application.
async fn rights_of_tokens() -> BTreeSet<Right> {
    let mut cluster = Cluster::new().await;
    let mut reader = sensors(&json!({}));
    reader["kind"] = json!("ReadToken");
    reader["metadata"]["name"] = json!("grafana");
    reader["metadata"]["uid"] = json!("u-grafana");
    cluster.put(&reader);
    cluster.put(&sensors(&json!({})));
    let pause = Duration::from_mins(3);
    cluster.work(pause, |_| false).await;
    for (generation, trigger) in [(2, "leak"), (3, "again")] {
        let mut triggered = sensors(&json!({"rotation": {"trigger": trigger, "overlap": "1m"}}));
        triggered["metadata"]["generation"] = json!(generation);
        cluster.put(&triggered);
        cluster.work(pause, |_| false).await;
    }
    for key in [
        "writetokens/sensors",
        "readtokens/grafana",
        "metricsapplications/mill",
    ] {
        cluster.delete(key);
    }
    cluster.work(pause, |_| false).await;
    cluster.server.uses()
}

#[tokio::test(start_paused = true)]
async fn everything_that_is_granted_is_done() {
    let mut used = rights_of_watches().await;
    used.extend(rights_of_tokens().await);
    for rule in served_rules() {
        for (verb, resource) in rule.verbs.iter().flat_map(|verb| {
            rule.resources
                .iter()
                .map(move |resource| (*verb, *resource))
        }) {
            let right = [verb, rule.group, resource].map(str::to_owned);
            assert!(
                used.contains(&right),
                "{verb} {resource} is granted for nothing"
            );
        }
    }
}
