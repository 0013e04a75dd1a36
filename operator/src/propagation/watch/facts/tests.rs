use clap::Parser as _;
use serde_json::{Value, json};

use super::*;
use crate::config::Args;

fn pod(status: &Value) -> Option<PodFacts> {
    let pod = json!({"metadata": {"name": "penstock-ingest-0", "uid": "u"}, "status": status});
    pod_facts(&serde_json::from_value(pod).unwrap())
}

#[test]
fn a_pod_runs_from_its_address_to_its_end() {
    assert_eq!(pod(&json!({})), None);
    assert_eq!(pod(&json!({"phase": "Pending", "podIP": ""})), None);
    assert_eq!(
        pod(&json!({"phase": "Succeeded", "podIP": "10.0.0.7"})),
        None
    );
    assert_eq!(pod(&json!({"phase": "Failed", "podIP": "10.0.0.7"})), None);
    let running = json!({
        "phase": "Running",
        "podIP": "10.0.0.7",
        "conditions": [{"type": "Ready", "status": "False"}],
        "containerStatuses": [{
            "name": "ingest", "image": "", "imageID": "", "ready": false, "restartCount": 0,
            "containerID": "containerd://c1",
        }],
    });
    let facts = pod(&running).unwrap();
    assert_eq!(facts.address, Some([10, 0, 0, 7].into()));
    assert!(!facts.ready);
    let mut again = running;
    again["containerStatuses"][0]["containerID"] = json!("containerd://c2");
    again["conditions"][0]["status"] = json!("True");
    let again = pod(&again).unwrap();
    assert!(again.ready);
    assert_ne!(again.incarnation, facts.incarnation);
}

#[test]
fn every_claim_of_the_set_is_a_volume() {
    let args = ["penstock-operator", "--namespace=metrics", "--pod-name=o"];
    let config = Config::validate(Args::parse_from(args)).unwrap();
    let claims: Vec<Arc<PersistentVolumeClaim>> = [
        "data-penstock-ingest-1",
        "data-penstock-ingest-0",
        "data-penstock-ingest-x",
        "penstock-ingest-3",
        "data-other-ingest-4",
        "data-penstock-ingest-12-old",
    ]
    .iter()
    .map(|name| Arc::new(serde_json::from_value(json!({"metadata": {"name": name}})).unwrap()))
    .collect();
    let volumes = volumes(&claims, &config);
    let expected = [
        (
            "penstock-ingest-0",
            "penstock-ingest-0.penstock-ingest.metrics.svc:4242",
        ),
        (
            "penstock-ingest-1",
            "penstock-ingest-1.penstock-ingest.metrics.svc:4242",
        ),
    ];
    let found: Vec<_> = volumes
        .iter()
        .map(|volume| (volume.name.as_str(), volume.address.as_str()))
        .collect();
    assert_eq!(found, expected);
}
