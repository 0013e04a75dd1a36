//! Many tokens at once: what each of them costs the API server. Calls are counted, not seconds: these show what grows.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::scenario::{Cluster, Server, mill, sensors};
use crate::propagation::{Report, Usage};

/// More than are worked on at the same time.
const TOKENS: usize = 300;
const SOON: Duration = Duration::from_mins(5);

fn numbered(number: usize) -> Value {
    let mut token = sensors(&json!({}));
    token["metadata"]["name"] = json!(format!("sensors-{number:05}"));
    token["metadata"]["uid"] = json!(format!("u-{number}"));
    token
}

/// A cluster with so many new tokens, that nobody has looked at yet.
async fn with_tokens(count: usize) -> Cluster {
    let mut cluster = Cluster::new().await;
    // What it took to get here is no news.
    cluster.server.news();
    let mut roomy = mill();
    roomy["metadata"]["generation"] = json!(2);
    roomy["spec"]["tokens"] = json!({"max": 20_000});
    cluster.put(&roomy);
    for number in 0..count {
        cluster.put(&numbered(number));
    }
    cluster
}

/// Whether every token is Ready and the application counts them all.
fn is_done(server: &Server, count: usize) -> bool {
    let tokens = server.objects(&["WriteToken"]);
    let ready = tokens.iter().filter(|token| {
        let conditions = token["status"]["conditions"].as_array();
        let mut conditions = conditions.into_iter().flatten();
        conditions.any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
    });
    let application = server.get("metricsapplications/mill").unwrap();
    ready.count() == count && application["status"]["tokens"]["active"] == json!(count)
}

/// How often each kind of call was made: `VERB KIND`, with the subresource.
fn tally(calls: &[String]) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    for call in calls {
        let (verb_and_kind, name) = call.split_once('/').unwrap_or((call, ""));
        let sub = name.split_once('/').map_or("", |(_, sub)| sub);
        *tally
            .entry(format!("{verb_and_kind} {sub}").trim().to_owned())
            .or_default() += 1;
    }
    tally
}

#[tokio::test(start_paused = true)]
async fn a_new_token_costs_one_read_and_two_writes_and_nothing_at_rest() {
    let mut cluster = with_tokens(TOKENS).await;
    let took = cluster.work(SOON, |server| is_done(server, TOKENS)).await;
    let mut calls = tally(&cluster.server.calls());
    let applications = calls.remove("PATCH metricsapplications status").unwrap();
    assert!(
        applications <= 6,
        "{applications} statuses of the application in {took:?}"
    );
    let each = ["GET secrets", "PATCH writetokens status", "POST secrets"];
    let expected: BTreeMap<_, _> = each.map(|call| (call.to_owned(), TOKENS)).into();
    assert_eq!(calls, expected);

    cluster.work(Duration::from_mins(2), |_| false).await;
    let at_rest: Vec<_> = cluster
        .server
        .calls()
        .into_iter()
        .filter(|call| !call.starts_with("GET"))
        .collect();
    assert_eq!(at_rest, Vec::<String>::new());
    cluster.new_leader().await;
    cluster.server.calls();
    cluster.work(Duration::from_mins(2), |_| false).await;
    let expected = BTreeMap::from([("GET secrets".to_owned(), TOKENS)]);
    assert_eq!(
        tally(&cluster.server.calls()),
        expected,
        "a new leader looks, and writes nothing"
    );
}

#[tokio::test(start_paused = true)]
async fn use_is_told_where_it_differs_and_a_few_in_a_second() {
    let mut cluster = with_tokens(TOKENS).await;
    cluster.work(SOON, |server| is_done(server, TOKENS)).await;
    cluster.server.calls();
    let token = |number: usize| {
        let token = cluster
            .server
            .get(&format!("writetokens/sensors-{number:05}"))
            .unwrap();
        token["status"].clone()
    };
    let application = cluster.server.get("metricsapplications/mill").unwrap();
    let now = cluster.now().millis() / 60_000 * 60_000;
    let used = |number: usize| {
        let status = token(number);
        json!({"token": status["id"], "fingerprint": status["keys"][0]["fingerprint"], "lastUsed": now})
    };
    let report: Report = serde_json::from_value(json!({
        "revision": null, "keys": (0..15).map(used).collect::<Vec<_>>(),
        "tenants": [{"tenant": application["status"]["tenantID"], "activeSeries": 7, "points": 8, "bytes": 9}]
    }))
    .unwrap();
    let mut usage = Usage::default();
    usage.add(&report);
    cluster.leader.context.publisher.set_usage(usage);
    cluster.work(Duration::from_secs(1), |_| false).await;
    let first = tally(&cluster.server.calls())["PATCH writetokens status"];
    assert!((5..=10).contains(&first), "{first} in a second");
    cluster.work(SOON, |_| false).await;
    let calls = tally(&cluster.server.calls());
    assert_eq!(first + calls["PATCH writetokens status"], 15);
    let told = |number: usize| {
        let token = cluster
            .server
            .get(&format!("writetokens/sensors-{number:05}"))
            .unwrap();
        (
            token["status"]["lastUsed"].is_string(),
            token["status"]["keys"][0]["lastUsed"].is_string(),
        )
    };
    assert_eq!(
        (told(0), told(14), told(15)),
        ((true, true), (true, true), (false, false))
    );
    let application = cluster.server.get("metricsapplications/mill").unwrap();
    assert_eq!(application["status"]["usage"]["activeSeries"], 7);
    assert_eq!(application["status"]["usage"]["bytes"], 9);
}
